"""The corpus: sources with their vectors, what is known of the market without asking the web."""
