"""Reactions to what other apps report."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.dispatch import receiver

from buildgraphs.models import BuildNode
from buildgraphs.signals import leaves_ready
from chat.tasks import post_forge_ready


@receiver(leaves_ready)
def offer_to_ship(sender: Any, leaves: Sequence[BuildNode], **rest: Any) -> None:
    post_forge_ready.defer(node_ids=[str(node.pk) for node in leaves])
