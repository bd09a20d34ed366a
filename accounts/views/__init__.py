"""HTTP views, one noun a file: parse, one call, serialise."""
