"""The web: search results, pages and lists of addresses become sources."""
