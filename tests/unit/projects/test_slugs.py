"""Slugs of projects."""

from __future__ import annotations

import re
import uuid

import pytest
from django.conf import LazySettings

from projects import slugs

ID = uuid.UUID(int=7)


@pytest.mark.parametrize(
    ("title", "kebab"),
    [
        ("A Recipe Box", "a-recipe-box"),
        ("Café & Co. <b>", "cafe-co-b"),
        ("家族のレシピ", "project"),
        ("---", "project"),
        ("x" * 100, "x" * 60),
        ("word " * 30, "word-" * 11 + "word"),
    ],
)
def test_kebab_title_and_hash(title: str, kebab: str) -> None:
    slug = slugs.slug(title, ID)
    assert re.fullmatch(rf"{kebab}-[a-z2-7]{{6}}", slug)


def test_hash_is_the_projects_and_the_installations(settings: LazySettings) -> None:
    one = slugs.suffix(ID)
    assert one == slugs.suffix(ID)
    assert one != slugs.suffix(uuid.UUID(int=8))
    settings.SECRET_KEY = "another"
    assert slugs.suffix(ID) != one
