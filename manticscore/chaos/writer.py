"""The synthetic load: many jobs at once, written as workers write theirs, in a process that is killed too.

Every stream belongs to one of the given owners and is numbered a second time for that owner's project.
What the log acknowledges is noted in a file, so that the checker can ask for it.
"""

from __future__ import annotations

import logging
import random
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from django.db import DatabaseError, InterfaceError, connection, transaction

from manticscore.pipeline import Superseded
from realtime import events, hints, publish, runs
from realtime.models import Stream
from realtime.topics import TERMINAL_STATUSES, Channel

TITLE = "chaos"
CHANNELS = (Channel.RESEARCH, Channel.RESEARCH, Channel.BUILD, Channel.FORGE, Channel.CHAT)
AFTER_FAILURE = 0.2  # seconds
TEXTS = ("plain", "“quoted”", "line\u2028separator", "back\\slash", "tab\tand\nfeed", "日本語", "🙂")

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Job:
    """One stream, at one attempt, and how many events it is still to get."""

    stream_id: UUID
    channel: str
    attempt: int
    left: int


class Writer:
    """Keeps `streams` jobs of every owner going at `rate` events a second, until `stop`."""

    def __init__(
        self, owners: Sequence[str], acknowledged: Path, *, seed: int, rate: float, streams: int, length: int
    ) -> None:
        self._owners = owners
        self._chance = random.Random(seed)
        self._pause = 1 / rate
        self._streams = streams
        self._length = length
        self._stopping = False
        self._jobs: dict[UUID, Job] = {}
        # Unbuffered: what was acknowledged before a kill -9 has to be known after it.
        self._acknowledged = acknowledged.open("ab", buffering=0)
        self._steps: list[tuple[Callable[[Job], None], float]] = [
            (self._append, 0.90),
            (self._append_many, 0.04),
            (self._roll_back, 0.02),
            (self._mislead, 0.03),
            (self._take_over, 0.01),
        ]

    def stop(self) -> None:
        """Open no more streams, and end those that are open."""
        self._stopping = True

    def run(self) -> None:
        more = True
        while more:
            started = time.monotonic()
            try:
                more = self._step()
            except (DatabaseError, InterfaceError) as error:
                logger.debug("the database went away: %r", error)
                # Whether the last statement was committed is not known. A new attempt finds out.
                self._jobs.clear()
                connection.close()
                time.sleep(AFTER_FAILURE)
            if not self._stopping:
                time.sleep(max(0.0, self._pause - (time.monotonic() - started)))

    def _step(self) -> bool:
        """One thing; False when everything is done."""
        if self._stopping and not self._jobs and not self._find():
            return False
        few = len(self._jobs) < self._streams * len(self._owners)
        if few and not self._stopping and not self._find():
            self._open()
        if not self._jobs:
            return True
        job = self._chance.choice(list(self._jobs.values()))
        try:
            if self._stopping or job.left <= 0:
                self._finish(job)
            else:
                steps, weights = zip(*self._steps, strict=True)
                self._chance.choices(steps, weights)[0](job)
        except Superseded:
            # Swept up as an orphan while the database or this process was away; somebody else ended it.
            del self._jobs[job.stream_id]
        return True

    def _find(self) -> int:
        """Take over what an earlier process left open; returns how many."""
        before = len(self._jobs)
        found = Stream.objects.open().filter(title=TITLE).exclude(channel=Channel.PROJECT)
        for stream_id, channel in found.exclude(id__in=self._jobs).values_list("id", "channel"):
            journal = runs.claim(stream_id)
            if journal is not None:
                left = self._chance.randint(self._length // 2, self._length * 3 // 2)
                self._jobs[stream_id] = Job(stream_id, channel, journal.attempt, left)
        return len(self._jobs) - before

    def _open(self) -> None:
        owner = self._chance.choice(self._owners)
        project_id = uuid.uuid5(uuid.NAMESPACE_OID, owner)
        project = {"channel": Channel.PROJECT, "owner_id": owner, "title": TITLE, "status": "open"}
        Stream.objects.get_or_create(id=project_id, defaults=project)
        Stream.objects.create(
            id=uuid.uuid4(),
            owner_id=owner,
            title=TITLE,
            channel=self._chance.choice(CHANNELS),
            project_id=self._chance.choice([project_id, None]),
        )
        self._find()

    # --- What happens to a job ---------------------------------------------------------------------

    def _append(self, job: Job, count: int = 1) -> None:
        written = [self._event() for _ in range(count)]
        self._note(job, publish.append(job.stream_id, job.attempt, written))
        job.left -= count

    def _append_many(self, job: Job) -> None:
        self._append(job, self._chance.randint(2, 30))

    def _roll_back(self, job: Job) -> None:
        """Numbers that were given out in a transaction that fails are given back."""
        with transaction.atomic():
            publish.append(job.stream_id, job.attempt, [self._event()])
            transaction.set_rollback(True)

    def _mislead(self, job: Job) -> None:
        """Hints that are stale, doubled, or of what does not exist."""
        for seq in (1, self._chance.randint(1, 50), 10**9):
            for _ in range(2):
                hints.send(job.stream_id, seq)

    def _take_over(self, job: Job) -> None:
        """Another worker claims the job; the older attempt must not be able to write any more."""
        journal = runs.claim(job.stream_id)
        if journal is None:
            raise Superseded
        try:
            publish.append(job.stream_id, job.attempt, [self._event()])
        except Superseded:
            job.attempt = journal.attempt
        else:
            self._write(f"unfenced {job.stream_id}")

    def _finish(self, job: Job) -> None:
        failed = self._chance.random() < 0.2
        status = "failed" if failed else sorted(set(TERMINAL_STATUSES[job.channel]) - {"failed"})[0]
        last = (
            events.ErrorEvent(message="It failed, as planned.", code="INTERNAL_ERROR", retryable=True)
            if failed
            else events.ResultEvent.model_validate({"length": self._length})
        )
        self._note(job, publish.close(job.stream_id, job.attempt, [last], status=status))
        del self._jobs[job.stream_id]

    def _event(self) -> events.EventData:
        text = self._chance.choice(TEXTS) * self._chance.choice((1, 1, 1, 5, 40))
        return events.ProgressEvent(stage="search", message=text)

    def _note(self, job: Job, seq: int) -> None:
        self._write(f"{job.stream_id} {seq}")

    def _write(self, line: str) -> None:
        self._acknowledged.write(f"{line}\n".encode())
