"""One module per outside system: its own errors, explicit timeouts, no HTTP types in return values."""
