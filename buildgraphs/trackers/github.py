"""An issue of a GitHub repository for every node. A lost one is known again by the marker in its text."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from uuid import UUID

from django.conf import settings

from accounts import vault
from accounts.models import Secret
from buildgraphs import issues
from buildgraphs.models import BuildGraph, BuildNode, ShippedItem
from buildgraphs.trackers.interface import Load, Made
from manticscore import errors
from manticscore.clients.githost import github
from manticscore.clients.githost.github import GitHub, Issue
from manticscore.clients.services import AccessDenied, Missing, NotConnected, TokenRejected

CLOCKS_APART = timedelta(minutes=10)  # between GitHub and the database, at most
NO_TOKEN = "GitHub is not connected: store a personal access token as github_pat first."


class GitHubTracker:
    """With the owner's stored token."""

    whole = False

    def __init__(self, graph_id: UUID, repository: str, seconds: float) -> None:
        self.repository = repository
        self.pause = settings.GITHUB_WRITE_PAUSE
        self.github = GitHub(settings.GITHUB_API_URL, partial(token, graph_id), seconds)

    def check(self) -> str:
        try:
            found = self.github.repository(self.repository)
        except (NotConnected, TokenRejected) as error:
            raise errors.Forbidden(error.message) from None
        except (Missing, AccessDenied) as error:
            raise errors.Unprocessable(f"repo: {error.message}") from None
        if not found.takes_issues:
            raise errors.Unprocessable("repo: this repository is archived or takes no issues")
        return found.name

    def prepare(self, nodes: Sequence[BuildNode]) -> None:
        """Make the labels that are used. Who may only open issues goes without: GitHub leaves them out."""
        colors = {name: color for node in nodes for name, color in issues.labels(node).items()}
        try:
            for name, color in sorted(colors.items()):
                self.github.create_label(self.repository, name, color)
        except (AccessDenied, Missing):
            return

    def lost(self, item: ShippedItem, load: Load) -> Made | None:
        recent = self.github.issues_since(self.repository, item.asked_at - CLOCKS_APART)
        found = (made(issue) for issue in recent if issues.marked(issue.body) == item.subject_id)
        return next(found, None)

    def create(self, item: ShippedItem, load: Load, until: float) -> Made:
        node = load.nodes[item.subject_id]
        mark = issues.marker(node) + "\n\n"
        limit = issues.MAX_BODY - len(mark)
        text = issues.body(
            node, load.nodes, load.reading.needs, load.references, fold=issues.folded, limit=limit
        )
        labels = list(issues.labels(node))
        issue = self.github.create_issue(self.repository, issues.title(node), mark + text, labels, until)
        return made(issue)


def made(issue: Issue) -> Made:
    return Made(f"#{issue.number}", issue.url)


def token(graph_id: UUID) -> str:
    """Raises NotConnected."""
    owner_id = BuildGraph.objects.values_list("owner_id", flat=True).filter(pk=graph_id).first()
    try:
        found = vault.reveal(owner_id, Secret.Kind.GITHUB_PAT) if owner_id else None
    except vault.Unreadable:
        found = None
    if found is None:
        raise NotConnected(github.NAME, NO_TOKEN)
    return found
