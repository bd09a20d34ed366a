"""DATABASE_URL to Django's database settings."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ImproperlyConfigured
from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict

DJANGO_NAMES = {"dbname": "NAME", "user": "USER", "password": "PASSWORD", "host": "HOST", "port": "PORT"}


def parse(url: str) -> tuple[dict[str, str], dict[str, Any]]:
    """Split a PostgreSQL URL into Django's own keys and libpq options.

    Raises ImproperlyConfigured when PostgreSQL's client library cannot read the URL; the message leaves
    out the library's own, which quotes the URL with its password.
    """
    try:
        parameters = conninfo_to_dict(url)
    except ProgrammingError:
        raise ImproperlyConfigured(
            "DATABASE_URL is not a PostgreSQL URL like postgresql://user:password@host:5432/name"
        ) from None
    if "dbname" not in parameters:
        raise ImproperlyConfigured("DATABASE_URL names no database")
    names = {DJANGO_NAMES[key]: str(value) for key, value in parameters.items() if key in DJANGO_NAMES}
    options = {key: value for key, value in parameters.items() if key not in DJANGO_NAMES}
    return names, options
