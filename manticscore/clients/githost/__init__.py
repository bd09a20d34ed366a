"""GitHub, as far as plans are shipped to it: may we write to a repository, and the issues in it."""
