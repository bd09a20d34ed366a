"""Taking a graph to GitHub: an issue for every node, and never two.

Before an issue is asked for, a row says so; when it is there, the row gets its number. A row without one
stands for a request of unknown outcome, as of a worker that was killed: its issue is looked for in the
repository, by the marker in its text, before it is asked for again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import TypeVar
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models.functions import Now

from accounts import vault
from accounts.models import Secret
from buildgraphs import issues, reading
from buildgraphs.events import IssueCreated, ShipDone
from buildgraphs.models import BuildGraph, BuildNode, Shipment, ShipmentStatus, ShippedIssue
from buildgraphs.reading import Reading
from manticscore import errors
from manticscore.clients.githost.errors import (
    AccessDenied,
    GitHubError,
    NotConnected,
    RateLimited,
    RepositoryMissing,
    TokenRejected,
)
from manticscore.clients.githost.github import GitHub, Issue
from manticscore.lib.faults import crash_point
from manticscore.pipeline import Patience, defects_as_errors
from realtime import publish
from realtime.runs import StreamJournal

CHECK_SECONDS = 10.0  # somebody waits for the answer
LONGEST_WAIT = 60.0  # seconds a worker waits when GitHub asks for it
PATIENCE = Patience()
CLOCKS_APART = timedelta(minutes=10)  # between GitHub and the database, at most

T = TypeVar("T")


def github(graph_id: UUID, **options: float) -> GitHub:
    """GitHub in the name of whoever owns the graph at the moment of a request."""
    return GitHub(settings.GITHUB_API_URL, partial(token, graph_id), **options)


def token(graph_id: UUID) -> str:
    """Raises NotConnected."""
    owner_id = BuildGraph.objects.values_list("owner_id", flat=True).filter(pk=graph_id).first()
    try:
        found = vault.reveal(owner_id, Secret.Kind.GITHUB_PAT) if owner_id else None
    except vault.Unreadable:
        found = None
    if found is None:
        raise NotConnected
    return found


def resolved(graph: BuildGraph, repository: str) -> str:
    """The repository's name as GitHub spells it.

    Raises Forbidden without a token that GitHub accepts, Unprocessable for a repository that takes no issues
    from its holder, and BadGateway when GitHub fails.
    """
    try:
        found = github(graph.pk, seconds=CHECK_SECONDS).repository(repository)
    except (NotConnected, TokenRejected) as error:
        raise errors.Forbidden(error.message) from None
    except (RepositoryMissing, AccessDenied) as error:
        raise errors.Unprocessable(f"repo: {error.message}") from None
    except RateLimited as error:
        raise errors.BadGateway(error.message, retry_after=round(error.retry_after)) from None
    except GitHubError as error:
        raise errors.BadGateway(error.message) from None
    if not found.takes_issues:
        raise errors.Unprocessable("repo: this repository is archived or takes no issues")
    return found.name


def waiting(graph: BuildGraph) -> bool:
    return graph.shipments.filter(status=ShipmentStatus.WAITING).exists()


def carry(graph: BuildGraph, journal: StreamJournal) -> Iterator[None]:
    """Ship what waits for it. Gives way after every issue, so that nothing else has to wait for all."""
    for shipment in graph.shipments.filter(status=ShipmentStatus.WAITING):
        try:
            with defects_as_errors(f"shipping {shipment.pk}"):
                yield from Shipping(shipment, reading.read(graph), journal).run()
        except errors.PipelineError as error:
            give_up(shipment, journal, error)


def give_up(shipment: Shipment, journal: StreamJournal, error: errors.PipelineError) -> None:
    """What was shipped stays; shipping again goes on after it."""
    data = {"message": error.message, "code": error.code, "retryable": error.retryable, **error.data}
    with transaction.atomic(), journal.fenced():
        end(shipment, ShipmentStatus.FAILED, error.code)
        journal.emit("error", {**data, "ship_id": str(shipment.pk)})


def end(shipment: Shipment, status: ShipmentStatus, code: str = "") -> None:
    Shipment.objects.filter(pk=shipment.pk).update(status=status, error_code=code, ended_at=Now())


def chosen(found: Reading, *, top_level_only: bool) -> list[BuildNode]:
    return [node for node in found.nodes if node.parent_id is None or not top_level_only]


@dataclass
class Shipping:
    """One execution of a shipment."""

    shipment: Shipment
    reading: Reading
    journal: StreamJournal
    numbers: dict[UUID, int] = field(default_factory=dict)  # of issues that are known to be there

    def __post_init__(self) -> None:
        self.repository = self.shipment.repository
        self.github = github(self.shipment.graph_id)
        self.nodes = {node.pk: node for node in self.reading.nodes}
        self.rows = ShippedIssue.objects.filter(graph_id=self.shipment.graph_id, repository=self.repository)

    def run(self) -> Iterator[None]:
        there = self.rows.values_list("node_id", "number")
        self.numbers = {node_id: number for node_id, number in there if number is not None}
        wanted = chosen(self.reading, top_level_only=self.shipment.top_level_only)
        left = [n for n in issues.in_order(wanted, self.reading.needs) if n.pk not in self.numbers]
        self.label(left)
        for node in left:
            self.ship(node)
            yield
        self.finish(len(wanted))

    def label(self, nodes: Sequence[BuildNode]) -> None:
        """Make the labels that are used. Who may only open issues goes without: GitHub leaves them out."""
        colors = {name: color for node in nodes for name, color in issues.labels(node).items()}
        try:
            for name, color in sorted(colors.items()):
                patiently(partial(self.github.create_label, self.repository, name, color))
        except (AccessDenied, RepositoryMissing):
            return

    def ship(self, node: BuildNode) -> None:
        row, is_new = self.intend(node)
        crash_point("ship:asking")
        asked = [] if is_new else [row]

        def find_or_create() -> Issue:
            found = self.lost(row) if asked else None
            asked.append(row)
            return found or self.create(node)

        issue = patiently(find_or_create)
        crash_point("ship:created")
        self.record(node, issue)
        crash_point("ship:recorded")

    def intend(self, node: BuildNode) -> tuple[ShippedIssue, bool]:
        """The node's row, and whether nobody asked for its issue before."""
        key = {"graph_id": node.graph_id, "node_id": node.pk, "repository": self.repository}
        with transaction.atomic(), self.journal.fenced():
            row, is_new = ShippedIssue.objects.get_or_create(**key)
        row.refresh_from_db()
        return row, is_new

    def lost(self, row: ShippedIssue) -> Issue | None:
        recent = self.github.issues_since(self.repository, row.asked_at - CLOCKS_APART)
        return next((issue for issue in recent if issues.marked(issue.body) == row.node_id), None)

    def create(self, node: BuildNode) -> Issue:
        time.sleep(settings.GITHUB_WRITE_PAUSE)
        text = issues.body(node, self.nodes, self.reading.needs, self.numbers)
        return self.github.create_issue(self.repository, issues.title(node), text, list(issues.labels(node)))

    def record(self, node: BuildNode, issue: Issue) -> None:
        told = IssueCreated(
            graph_id=str(node.graph_id),
            ship_id=str(self.shipment.pk),
            node_id=str(node.pk),
            node_key=node.node_key,
            number=issue.number,
            url=issue.url,
        )
        with transaction.atomic(), self.journal.fenced():
            self.rows.filter(node_id=node.pk).update(number=issue.number, url=issue.url)
            publish.append(node.graph_id, self.journal.attempt, [told])
        self.numbers[node.pk] = issue.number

    def finish(self, wanted: int) -> None:
        graph_id = self.shipment.graph_id
        told = ShipDone(
            graph_id=str(graph_id),
            ship_id=str(self.shipment.pk),
            repository=self.repository,
            issue_count=wanted,
        )
        with transaction.atomic(), self.journal.fenced():
            end(self.shipment, ShipmentStatus.DONE)
            publish.append(graph_id, self.journal.attempt, [told])


def patiently(step: Callable[[], T]) -> T:
    """What the step gives, after as many tries as passing failures deserve."""
    for failures in range(1, PATIENCE.tries):
        try:
            return step()
        except GitHubError as error:
            wait = error.retry_after if isinstance(error, RateLimited) else PATIENCE.wait(failures)
            if not error.retryable or wait > LONGEST_WAIT:
                raise
            time.sleep(wait)
    return step()
