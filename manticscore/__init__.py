"""The ManticScore backend."""
