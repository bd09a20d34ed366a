"""The research runs, on manticscore.pipeline."""
