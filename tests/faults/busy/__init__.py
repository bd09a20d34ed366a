"""An app whose jobs are a burden to their worker."""
