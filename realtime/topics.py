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


TERMINAL_STATUSES: dict[str, frozenset[str]] = {
    Channel.RESEARCH: frozenset({"completed", "failed"}),
    Channel.BUILD: frozenset({"ready", "failed"}),
    Channel.BRIEF: frozenset({"ready", "failed"}),
    Channel.FORGE: frozenset({"completed", "failed", "cancelled", "rejected"}),
    Channel.FEATURE_RESEARCH: frozenset({"completed", "failed"}),
    Channel.CHAT: frozenset({"completed", "failed"}),
    Channel.SIGNAL_CRAWL: frozenset({"completed", "failed"}),
    Channel.COMPANY_ENRICH: frozenset({"enriched", "failed"}),
    Channel.IMPLEMENT: frozenset({"completed", "failed"}),
    Channel.LEARNING: frozenset({"completed", "failed"}),
    Channel.PROJECT: frozenset(),
}

# Streams that wait for the next thing to happen; an open one without a job is not an orphan.
LONG_LIVED = frozenset({Channel.PROJECT.value, Channel.CHAT.value})
