"""The channels and their terminal statuses (spec: websocket, available channels)."""

from __future__ import annotations

from django.db import models


class Channel(models.TextChoices):
    RESEARCH = "research"
    BUILD = "build"
    BRIEF = "brief"
    FORGE = "forge"
    FEATURE_RESEARCH = "feature_research"
    CHAT = "chat"
    SIGNAL_CRAWL = "signal_crawl"
    COMPANY_ENRICH = "company_enrich"
    IMPLEMENT = "implement"
    LEARNING = "learning"
    PROJECT = "project"


# The first is success.
TERMINAL_STATUSES: dict[str, tuple[str, ...]] = {
    Channel.RESEARCH: ("completed", "failed"),
    Channel.BUILD: ("ready", "failed"),
    Channel.BRIEF: ("ready", "failed"),
    Channel.FORGE: ("completed", "failed", "cancelled", "rejected"),
    Channel.FEATURE_RESEARCH: ("completed", "failed"),
    Channel.CHAT: ("completed", "failed"),
    Channel.SIGNAL_CRAWL: ("completed", "failed"),
    Channel.COMPANY_ENRICH: ("enriched", "failed"),
    Channel.IMPLEMENT: ("completed", "failed"),
    Channel.LEARNING: ("completed", "failed"),
    Channel.PROJECT: (),
}

# Streams that wait for the next thing to happen; an open one without a job is not an orphan.
LONG_LIVED = frozenset({Channel.PROJECT.value, Channel.CHAT.value})


def terminal_status(channel: str, outcome: str) -> str:
    """The channel's word for an outcome: `completed`, `cancelled`, a status of its own, else `failed`."""
    statuses = TERMINAL_STATUSES[channel]
    if outcome == "completed":
        return statuses[0]
    return outcome if outcome in statuses else "failed"
