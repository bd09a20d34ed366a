"""What staff see of streams, and of the queue behind them."""

from __future__ import annotations

from django.contrib import admin
from django.utils.safestring import SafeString
from procrastinate.contrib.django.models import (
    ProcrastinateEvent,
    ProcrastinateJob,
    ProcrastinatePeriodicDefer,
    ProcrastinateWorker,
)

from accounts.admin.base import ReadOnlyAdmin, table
from realtime.models import Connection, Event, StageResult, Stream

LAST = 50  # events shown of a stream, and of a job


@admin.register(Stream)
class StreamAdmin(ReadOnlyAdmin):
    """Events and checkpoints are shown with their stream; by themselves they would tell nobody anything."""

    list_display = (
        "id",
        "channel",
        "owner_id",
        "title",
        "status",
        "stage",
        "attempt",
        "last_seq",
        "updated_at",
    )
    list_filter = ("channel", ("closed_seq", admin.EmptyFieldListFilter))
    fields = (
        "id",
        "channel",
        "owner",
        "project_id",
        "title",
        "status",
        "stage",
        "attempt",
        "first_seq",
        "last_seq",
        "closed_seq",
        "closed_at",
        "cancel_requested_at",
        "created_at",
        "updated_at",
        "checkpoints",
        "last_events",
    )
    readonly_fields = ("checkpoints", "last_events")
    search_fields = ("id", "owner")
    ordering = ("-created_at",)

    @admin.display(description="Completed stages")
    def checkpoints(self, stream: Stream) -> SafeString:
        results = StageResult.objects.filter(stream=stream).defer("output").order_by("created_at")
        rows = [(result.stage, result.attempt, result.created_at) for result in results]
        return table(("Stage", "Attempt", "At"), rows)

    @admin.display(description="Last events")
    def last_events(self, stream: Stream) -> SafeString:
        events = Event.objects.filter(stream=stream).order_by("-seq")[:LAST]
        rows = [(event.seq, event.type, event.created_at, event.data) for event in events]
        return table(("Seq", "Type", "At", "Data"), rows)


for model in (ProcrastinateJob, ProcrastinateEvent, ProcrastinatePeriodicDefer, ProcrastinateWorker):
    if admin.site.is_registered(model):
        # The queue's own admin counts whole tables and offers actions that go around our fencing.
        admin.site.unregister(model)


@admin.register(Connection)
class ConnectionAdmin(ReadOnlyAdmin):
    list_display = ("principal_id", "generation", "is_open", "busy_until")
    list_filter = ("is_open",)
    fields = ("principal", "generation", "is_open", "busy_until")
    search_fields = ("principal",)
    ordering = ("principal_id",)


@admin.register(ProcrastinateJob)
class JobAdmin(ReadOnlyAdmin):
    list_display = (
        "id",
        "task_name",
        "args",
        "status",
        "queue_name",
        "attempts",
        "scheduled_at",
        "worker_id",
    )
    list_filter = ("status",)
    fields = (
        "id",
        "task_name",
        "args",
        "status",
        "queue_name",
        "lock",
        "queueing_lock",
        "priority",
        "attempts",
        "scheduled_at",
        "abort_requested",
        "worker",
        "events",
    )
    readonly_fields = ("events",)
    search_fields = ("id",)
    search_help_text = "A job's number."
    ordering = ("-id",)

    @admin.display(description="Events")
    def events(self, job: ProcrastinateJob) -> SafeString:
        events = ProcrastinateEvent.objects.filter(job=job).order_by("-id")[:LAST]
        return table(("Type", "At"), [(event.type, event.at) for event in events])


@admin.register(ProcrastinateEvent)
class JobEventAdmin(ReadOnlyAdmin):
    list_display = ("id", "job_id", "type", "at")
    fields = ("id", "job", "type", "at")
    search_fields = ("job",)
    search_help_text = "A job's number."
    ordering = ("-id",)


@admin.register(ProcrastinatePeriodicDefer)
class PeriodicDeferAdmin(ReadOnlyAdmin):
    list_display = ("id", "task_name", "defer_timestamp", "job_id")
    fields = ("id", "task_name", "defer_timestamp", "job", "periodic_id")
    ordering = ("-id",)


@admin.register(ProcrastinateWorker)
class WorkerAdmin(ReadOnlyAdmin):
    list_display = ("id", "last_heartbeat")
    fields = ("id", "last_heartbeat", "jobs")
    readonly_fields = ("jobs",)
    ordering = ("-id",)

    @admin.display(description="At work on")
    def jobs(self, worker: ProcrastinateWorker) -> SafeString:
        jobs = ProcrastinateJob.objects.filter(worker=worker, status="doing").order_by("id")[:LAST]
        return table(("Job", "Task"), [(job.id, job.task_name) for job in jobs])
