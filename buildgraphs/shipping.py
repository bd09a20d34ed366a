"""Taking a graph to a tracker: an issue for every node, or one message or page, and nothing twice.

Before an item is asked for, a row says so; when it is there, the row gets its reference. A row without one
stands for a request of unknown outcome, as of a worker that was killed: its item is looked for before it
is asked for again.

A worker that is frozen loses the graph to another one after JOB_STALLED_AFTER. So that it asks for nothing
when it wakes, it makes sure of the graph right before every request, and has less than that time to send it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TypeVar
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models.functions import Now
from django.utils import timezone

from buildgraphs import issues, reading, trackers
from buildgraphs.events import GraphPosted, IssueCreated, ShipDone
from buildgraphs.models import BuildGraph, Shipment, ShipmentStatus, ShippedItem
from buildgraphs.reading import Reading
from buildgraphs.trackers import Load, Made
from manticscore import errors
from manticscore.clients import services
from manticscore.clients.services import RateLimited, ServiceError
from manticscore.lib.faults import crash_point
from manticscore.pipeline import Patience, Transient, defects_as_errors
from realtime import publish
from realtime.runs import StreamJournal

CHECK_SECONDS = 10.0  # somebody waits for the answer
SHORTEST_SENDING = 0.5  # seconds
LONGEST_WAIT = 60.0  # seconds a shipment waits when a tracker asks for it
LONGEST_SLEEP = 2.0  # seconds of it in which a worker is kept
TURN_SECONDS = 5.0  # before a shipment lets other jobs go first; an item that was begun is finished
PATIENCE = Patience()

T = TypeVar("T")


def resolved(graph: BuildGraph, target: str, destination: str) -> str:
    """The destination's name as its tracker spells it.

    Raises BadRequest or Forbidden when the tracker is not connected, Unprocessable for a destination that
    takes nothing from the owner, and BadGateway when the tracker fails.
    """
    try:
        return trackers.tracker(graph.pk, target, destination, CHECK_SECONDS).check()
    except RateLimited as error:
        raise errors.BadGateway(error.message, retry_after=round(error.retry_after)) from None
    except ServiceError as error:
        raise errors.BadGateway(error.message) from None


def sending_seconds() -> float:
    """How long a request may take: over before anybody could take the graph from a worker that froze."""
    unnoticed = settings.JOB_STALLED_AFTER - settings.JOB_HEARTBEAT
    return max(SHORTEST_SENDING, min(services.SECONDS, unnoticed))


def waiting(graph: BuildGraph) -> bool:
    return graph.shipments.filter(status=ShipmentStatus.WAITING).exists()


def carry(graph: BuildGraph, journal: StreamJournal) -> Iterator[float]:
    """Ship what waits for it. Gives way after every item, so that nothing else has to wait for all.

    Gives 0, or at last how many seconds it has to wait before it can go on.
    """
    for shipment in graph.shipments.filter(status=ShipmentStatus.WAITING):
        try:
            with defects_as_errors(f"shipping {shipment.pk}"):
                yield from Shipping(shipment, reading.read(graph), journal).run()
        except Later:
            yield shipment.rest
        except errors.PipelineError as error:
            give_up(shipment, journal, error)


def give_up(shipment: Shipment, journal: StreamJournal, error: errors.PipelineError) -> None:
    """What was shipped stays; shipping again goes on after it."""
    with transaction.atomic(), journal.fenced():
        end(shipment, ShipmentStatus.FAILED, error.code)
        journal.emit("error", {**error.told, "ship_id": str(shipment.pk)})


def fail_waiting(graph_id: UUID, code: str) -> None:
    waiting = Shipment.objects.filter(graph_id=graph_id, status=ShipmentStatus.WAITING)
    waiting.update(status=ShipmentStatus.FAILED, error_code=code, ended_at=Now())


def end(shipment: Shipment, status: ShipmentStatus, code: str = "") -> None:
    Shipment.objects.filter(pk=shipment.pk).update(status=status, error_code=code, ended_at=Now())


class Later(Transient):
    """The tracker wants to hear nothing for a while."""


@dataclass
class Shipping:
    """One execution of a shipment."""

    shipment: Shipment
    reading: Reading
    journal: StreamJournal
    load: Load = field(init=False)

    def __post_init__(self) -> None:
        place = {"target": self.shipment.target, "destination": self.shipment.destination}
        self.place = {"graph_id": self.shipment.graph_id, **place}
        self.tracker = trackers.tracker(**self.place)
        there = ShippedItem.objects.filter(**self.place).exclude(reference="")
        self.load = Load(self.shipment, self.reading, {item.subject_id: item for item in there})

    def run(self) -> Iterator[float]:
        """Raises Later."""
        if self.shipment.rest:
            raise Later
        wanted = self.wanted()
        left = [subject_id for subject_id in wanted if subject_id not in self.load.items]
        nodes = [self.load.nodes[each] for each in left if each in self.load.nodes]
        if not self.has_begun():
            self.patiently(lambda: self.tracker.prepare(nodes))
        for subject_id in left:
            self.ship(subject_id)
            yield 0
        self.finish(len(wanted))

    def has_begun(self) -> bool:
        """Whether an item was asked for in an earlier turn."""
        asked = ShippedItem.objects.filter(**self.place, asked_at__gte=self.shipment.created_at)
        return asked.exists()

    def wanted(self) -> list[UUID]:
        """What items are of: nodes, so that each can refer to those before it, or the shipment itself."""
        if self.tracker.whole:
            return [self.shipment.pk]
        return [node.pk for node in issues.in_order(self.load.chosen, self.reading.needs)]

    def ship(self, subject_id: UUID) -> None:
        item, is_new = self.intend(subject_id)
        crash_point("ship:asking")
        asked = not is_new

        def find_or_create() -> Made:
            nonlocal asked
            found = self.tracker.lost(item, self.load) if asked else None
            asked = True
            return found or self.create(item)

        made = self.patiently(find_or_create)
        crash_point("ship:created")
        self.record(item, made)
        crash_point("ship:recorded")

    def intend(self, subject_id: UUID) -> tuple[ShippedItem, bool]:
        """The subject's row, and whether nobody asked for its item before."""
        with transaction.atomic(), self.journal.fenced():
            item, is_new = ShippedItem.objects.get_or_create(**self.place, subject_id=subject_id)
        item.refresh_from_db()
        return item, is_new

    def create(self, item: ShippedItem) -> Made:
        time.sleep(self.tracker.pause)
        until = time.monotonic() + sending_seconds()
        with transaction.atomic(), self.journal.fenced():
            pass  # raises Superseded where the graph is another worker's by now
        crash_point("ship:sending")
        return self.tracker.create(item, self.load, until)

    def record(self, item: ShippedItem, made: Made) -> None:
        item.reference, item.url = made.reference, made.url
        with transaction.atomic(), self.journal.fenced():
            item.save(update_fields=["reference", "url"])
            publish.append(self.shipment.graph_id, self.journal.attempt, [self.told(item)])
        self.load.items[item.subject_id] = item

    def told(self, item: ShippedItem) -> IssueCreated | GraphPosted:
        graph_id, ship_id = str(self.shipment.graph_id), str(self.shipment.pk)
        node = self.load.nodes.get(item.subject_id)
        if node is None:
            return GraphPosted(graph_id=graph_id, ship_id=ship_id, reference=item.reference, url=item.url)
        return IssueCreated(
            graph_id=graph_id,
            ship_id=ship_id,
            node_id=str(node.pk),
            node_key=node.node_key,
            reference=item.reference,
            url=item.url,
        )

    def finish(self, wanted: int) -> None:
        graph_id = self.shipment.graph_id
        told = ShipDone(
            graph_id=str(graph_id),
            ship_id=str(self.shipment.pk),
            target=self.shipment.target,
            destination=self.shipment.destination,
            item_count=wanted,
        )
        with transaction.atomic(), self.journal.fenced():
            end(self.shipment, ShipmentStatus.DONE)
            publish.append(graph_id, self.journal.attempt, [told])

    def patiently(self, step: Callable[[], T]) -> T:
        """What the step gives, after as many tries as passing failures deserve. Raises Later."""
        while True:
            try:
                given = step()
            except ServiceError as error:
                failures = self.shipment.failures + 1
                wait = error.retry_after if isinstance(error, RateLimited) else PATIENCE.wait(failures)
                if not error.retryable or wait > LONGEST_WAIT or failures >= PATIENCE.tries:
                    raise
                self.note(failures, wait)
                if wait > LONGEST_SLEEP:
                    raise Later from None
                time.sleep(wait)
            else:
                if self.shipment.failures:
                    self.note(0, 0)
                return given

    def note(self, failures: int, wait: float) -> None:
        """Kept, for the next turn may be another worker's."""
        self.shipment.failures = failures
        self.shipment.not_before = timezone.now() + timedelta(seconds=wait)
        with transaction.atomic(), self.journal.fenced():
            self.shipment.save(update_fields=["failures", "not_before"])
