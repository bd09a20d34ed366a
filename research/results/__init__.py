"""What became of a job, as others see it: compared, summed up, shared and exported."""
