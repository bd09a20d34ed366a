"""Where graphs are shipped to."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from buildgraphs.models import Target
from buildgraphs.trackers.github import GitHubTracker
from buildgraphs.trackers.interface import Load, Made, Tracker
from buildgraphs.trackers.jira import Jira
from buildgraphs.trackers.linear import Linear
from buildgraphs.trackers.notion import Notion
from buildgraphs.trackers.slack import Slack
from manticscore.clients import services

__all__ = ["Load", "Made", "Tracker", "tracker"]

KINDS: dict[str, Callable[[UUID, str, float], Tracker]] = {
    Target.GITHUB: GitHubTracker,
    Target.LINEAR: Linear,
    Target.JIRA: Jira,
    Target.SLACK: Slack,
    Target.NOTION: Notion,
}


def tracker(graph_id: UUID, target: str, destination: str, seconds: float = services.SECONDS) -> Tracker:
    """`seconds` is the time for one request."""
    return KINDS[target](graph_id, destination, seconds)
