"""Reactions to what other apps report."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.dispatch import receiver

from buildgraphs import expanding
from buildgraphs.models import BuildGraph
from realtime import refunds
from realtime.signals import stream_failed


@receiver(stream_failed)
def give_credits_back(sender: Any, stream_id: UUID, code: str, **rest: Any) -> None:
    """Unless the plan is there: work on it afterwards may fail, what was paid for stays."""
    graph = BuildGraph.objects.filter(pk=stream_id, ready_at=None).first()
    if graph is not None:
        refunds.give_back(stream_id, code, graph.charge_id)


@receiver(stream_failed)
def let_go_of_what_waits(sender: Any, stream_id: UUID, code: str, **rest: Any) -> None:
    expanding.let_go(stream_id, code)
