"""The event log: a Stream is the header of a job, an Event one line of its story."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.models.functions import Now

from accounts.models import OwnedModel, Principal
from realtime.topics import Channel


class StreamQuerySet(models.QuerySet["Stream"]):
    def owned_by(self, principal_id: str) -> StreamQuerySet:
        return self.filter(owner_id=principal_id)

    def open(self) -> StreamQuerySet:
        return self.filter(closed_seq=None)


class Stream(OwnedModel):
    """Everything durable about one long-running thing, of any channel.

    The id is the entity's own. `last_seq` numbers the events without gaps; the row lock that an
    append takes on this row makes the order of numbers the order of commits. `attempt` counts the
    executions: an append by an older one finds no row to update, which is how a worker that was
    presumed dead learns it. `crashes` counts the executions that ended with their worker. `closed_seq`
    is the number of the `done` that ended the stream, `first_seq` that of the oldest event that was kept.
    Of the open streams that an owner has in a channel no two have the same `dedup_key`; an empty one is
    unlike any other.
    """

    id = models.UUIDField(primary_key=True, editable=False)
    channel = models.CharField(max_length=20, choices=Channel.choices)
    project_id = models.UUIDField(null=True, blank=True)
    title = models.TextField(default="")
    dedup_key = models.CharField(max_length=80, blank=True, default="", db_default="")
    status = models.CharField(max_length=20, default="queued")
    stage = models.CharField(max_length=40, default="")
    attempt = models.PositiveIntegerField(default=0)
    crashes = models.PositiveSmallIntegerField(db_default=0)
    last_seq = models.BigIntegerField(default=0)
    first_seq = models.BigIntegerField(default=1)
    closed_seq = models.BigIntegerField(null=True, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True)
    cancel_requested_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(db_default=Now())
    updated_at = models.DateTimeField(db_default=Now())

    objects = StreamQuerySet.as_manager()

    class Meta:
        indexes = [
            # What an append changes is in no index, so that it need not touch them. Catchup:
            models.Index(
                fields=["owner", "-created_at"], condition=models.Q(closed_seq=None), name="stream_in_flight"
            ),
            models.Index(
                fields=["owner", "-closed_at"],
                condition=models.Q(closed_seq__isnull=False),
                name="stream_ended",
            ),
            models.Index(
                fields=["channel", "created_at"],  # queue position, supervision
                condition=models.Q(closed_seq=None),
                name="stream_open",
            ),
            models.Index(fields=["project_id", "channel", "-created_at"], name="stream_of_project"),
            models.Index(
                fields=["closed_at"],  # ended, and more is kept than its outcome
                condition=models.Q(first_seq__lt=models.F("closed_seq") - 1),
                name="stream_prunable",
            ),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["owner", "channel", "dedup_key"],
                condition=models.Q(closed_seq=None) & ~models.Q(dedup_key=""),
                name="stream_dedup",
            )
        ]

    def __str__(self) -> str:
        return f"{self.channel} {self.id}"

    @classmethod
    def merge(cls, source_id: str, target_id: str) -> None:
        """Work that both have begun goes on twice."""
        same = cls.objects.open().filter(
            owner_id=target_id, channel=models.OuterRef("channel"), dedup_key=models.OuterRef("dedup_key")
        )
        ours = cls.objects.open().filter(models.Exists(same), owner_id=source_id)
        ours.exclude(dedup_key="").update(dedup_key="")

    @property
    def is_closed(self) -> bool:
        return self.closed_seq is not None


class Event(models.Model):
    """One event, stored once; numbered a second time for the project it belongs to.

    No foreign key is checked event by event, which is 40 % of PostgreSQL's work for a batch: an append finds
    its stream's row and locks it, and a trigger deletes the events of deleted streams.
    """

    pk = models.CompositePrimaryKey("stream_id", "seq")
    stream = models.ForeignKey(
        Stream, on_delete=models.DO_NOTHING, related_name="events", db_index=False, db_constraint=False
    )
    seq = models.BigIntegerField()
    type = models.CharField(max_length=40)
    data: models.JSONField[Any, Any] = models.JSONField()
    created_at = models.DateTimeField(db_default=Now())
    project_id = models.UUIDField(null=True)
    project_seq = models.BigIntegerField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["project_id", "project_seq"],
                condition=models.Q(project_seq__isnull=False),
                name="event_project_seq",
            )
        ]

    def __str__(self) -> str:
        return f"{self.type} #{self.seq}"


class StageResult(models.Model):
    """Checkpoint: the output of a stage, so that a resumed run does not repeat it.

    Null for a stage that failed without blocking the run.
    """

    pk = models.CompositePrimaryKey("stream_id", "stage")
    stream = models.ForeignKey(Stream, on_delete=models.CASCADE, related_name="stage_results", db_index=False)
    stage = models.CharField(max_length=40)
    attempt = models.PositiveIntegerField()
    output: models.JSONField[Any, Any] = models.JSONField(null=True)
    created_at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return f"{self.stage} of {self.stream_id}"


class Connection(models.Model):
    """How often a principal has opened a WebSocket: the newest `generation` is the one that may stay.

    `is_open` says whether the newest is believed to be open, `busy_until` how much of the allowance for
    replacing open ones is used up (see `realtime.connections`).
    """

    principal = models.OneToOneField(Principal, primary_key=True, on_delete=models.CASCADE, related_name="+")
    generation = models.BigIntegerField()
    is_open = models.BooleanField()
    busy_until = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.principal_id} #{self.generation}"
