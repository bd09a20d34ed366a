"""DATABASE_URL: split as libpq reads it, refused without showing the password."""

from __future__ import annotations

import pytest
from django.core.exceptions import ImproperlyConfigured

from manticscore.lib import dburl


@pytest.mark.parametrize(
    ("url", "names", "options"),
    [
        (
            "postgresql://ada:secret@db.example:5433/shop",
            {"USER": "ada", "PASSWORD": "secret", "HOST": "db.example", "PORT": "5433", "NAME": "shop"},
            {},
        ),
        (
            "postgres://ada:p%40ss%2Fword@h/d",
            {"USER": "ada", "PASSWORD": "p@ss/word", "HOST": "h", "NAME": "d"},
            {},
        ),
        (
            "postgresql:///d?host=/run/postgres",
            {"NAME": "d", "HOST": "/run/postgres"},
            {},
        ),
        (
            "postgresql://h/d?sslmode=require&options=-c%20search_path%3Dx",
            {"HOST": "h", "NAME": "d"},
            {"sslmode": "require", "options": "-c search_path=x"},
        ),
        ("host=h dbname=d user=ada", {"HOST": "h", "NAME": "d", "USER": "ada"}, {}),
        ("postgresql://[::1]:5432/d", {"HOST": "::1", "PORT": "5432", "NAME": "d"}, {}),
    ],
)
def test_url_is_split_into_djangos_names_and_libpq_options(
    url: str, names: dict[str, str], options: dict[str, str]
) -> None:
    assert dburl.parse(url) == (names, options)


@pytest.mark.parametrize(
    "url",
    [
        "mysql://ada:hunter2@h/d",
        "postgresql://ada:hunter2%ZZ@h/d",
        "postgresql://ada:hunter2@h/d?nonsense=1",
        "hunter2",
    ],
)
def test_unreadable_url_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(ImproperlyConfigured) as caught:
        dburl.parse(url)
    assert str(caught.value) == (
        "DATABASE_URL is not a PostgreSQL URL like postgresql://user:password@host:5432/name"
    )
    assert caught.value.__suppress_context__


@pytest.mark.parametrize("url", ["postgresql://ada@h", "postgresql://ada@h/", "host=h"])
def test_url_must_name_a_database(url: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=r"^DATABASE_URL names no database$"):
        dburl.parse(url)
