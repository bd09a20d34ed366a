"""Clips: pages behind a link that cannot be guessed. Other apps hand down what is on them."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models.functions import Now

from manticscore import errors
from projects.models import Clip
from realtime.models import Stream

SECRET_BYTES = 10  # of a slug


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What a clip shows. Blocks are of the kinds that templates/public/clip.html knows."""

    title: str
    description: str
    blocks: list[dict[str, Any]]
    research: dict[str, Any] | None = None


@transaction.atomic
def share(stream: Stream, kind: str, snapshot: Snapshot) -> Clip:
    """The stream's clip, showing this. Shared again, it keeps its link and shows what is new."""
    shown = {
        "title": snapshot.title,
        "description": snapshot.description,
        "blocks": snapshot.blocks,
        "research": snapshot.research,
        "updated_at": Now(),
    }
    first = {"owner_id": stream.owner_id, "slug": f"{kind}-{secrets.token_hex(SECRET_BYTES)}"}
    clip, _ = Clip.objects.update_or_create(stream=stream, defaults=shown, create_defaults=shown | first)
    clip.refresh_from_db()
    return clip


def unshare(stream: Stream) -> None:
    """The link leads nowhere from now on. Raises NotFound when nothing is shared."""
    deleted, _ = Clip.objects.filter(stream=stream).delete()
    if not deleted:
        raise errors.NotFound()


def find(slug: str) -> Clip:
    clip = Clip.objects.filter(slug=slug).first()
    if clip is None:
        raise errors.NotFound()
    return clip


def told(clip: Clip) -> dict[str, Any]:
    """To the owner, after sharing."""
    return {
        "id": str(clip.pk),
        "slug": clip.slug,
        "path": f"/clip/{clip.slug}",
        "title": clip.title,
        "description": clip.description,
        "updated_at": clip.updated_at.isoformat(),
    }


def page(clip: Clip) -> dict[str, Any]:
    """To everybody who has the link."""
    return {
        "id": str(clip.pk),
        "title": clip.title,
        "slug": clip.slug,
        "description": clip.description,
        "og_image_url": None,
        "blocks": clip.blocks,
        "published": True,
        "sort_order": 0,
        "research": clip.research,
    }
