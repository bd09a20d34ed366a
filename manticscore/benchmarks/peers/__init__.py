"""What we are compared with, as its documentation writes it. Nothing here stores events or checks tokens."""
