"""Pure helpers, one topic a file."""
