"""The language model's part in research: it refines what the offline analyst found, quote by quote."""
