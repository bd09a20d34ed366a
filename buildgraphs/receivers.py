"""Reactions to what other apps report."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db.models.functions import Now
from django.dispatch import receiver

from buildgraphs.models import BuildNode, NodeStatus, Shipment, ShipmentStatus
from realtime.signals import stream_failed


@receiver(stream_failed)
def collapse_what_was_not_expanded(sender: Any, stream_id: UUID, **rest: Any) -> None:
    """A run that was given up leaves no node waiting for it."""
    waiting = BuildNode.objects.filter(graph_id=stream_id, node_status=NodeStatus.EXPANDING)
    waiting.update(node_status=NodeStatus.COLLAPSED)


@receiver(stream_failed)
def end_what_was_not_shipped(sender: Any, stream_id: UUID, code: str, **rest: Any) -> None:
    """Shipping again goes on where it stopped."""
    waiting = Shipment.objects.filter(graph_id=stream_id, status=ShipmentStatus.WAITING)
    waiting.update(status=ShipmentStatus.FAILED, error_code=code, ended_at=Now())
