"""Slugs of projects: `kebab-title-XXXXXX`, where X is a salted hash that tells nothing about the project."""

from __future__ import annotations

import base64
from uuid import UUID

from django.utils.crypto import salted_hmac
from django.utils.text import slugify

MAX_TITLE = 60
SALT = "projects.slugs"


def slug(title: str, project_id: UUID) -> str:
    """A title without any letter of the Latin alphabet is called "project"."""
    kebab = slugify(title)[:MAX_TITLE].strip("-_") or "project"
    return f"{kebab}-{suffix(project_id)}"


def suffix(project_id: UUID) -> str:
    digest = salted_hmac(SALT, str(project_id), algorithm="sha256").digest()
    return base64.b32encode(digest)[:6].decode().lower()
