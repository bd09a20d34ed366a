"""daphne, hardened: the server of `manage.py serve`."""
