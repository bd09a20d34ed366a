"""What Prometheus is told: the counters of the process that is asked, and the state of the installation.

The installation's numbers come from one query when somebody asks; every process tells the same ones.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import prometheus_client
import psycopg
from django.conf import settings
from procrastinate.contrib.django import app
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from realtime import hub as hubs
from realtime.metrics import PREFIX, REGISTRY
from realtime.probing import Probe

CONTENT_TYPE = prometheus_client.CONTENT_TYPE_PLAIN_0_0_4
PATIENCE = 2.0  # seconds for the query

# Rows of metric, label, value. PostgreSQL counts the rows that were ever inserted; so every process can
# tell how many events were appended, wherever the worker that did it runs.
INSTALLATION = """
    WITH queued AS (
        SELECT queue_name AS queue,
            count(*) FILTER (WHERE status = 'todo') AS waiting,
            count(*) FILTER (WHERE status = 'doing') AS running,
            min(id) FILTER (WHERE status = 'todo' AND coalesce(scheduled_at, now()) <= now()) AS oldest
        FROM procrastinate_jobs WHERE status IN ('todo', 'doing') GROUP BY queue_name
    ), queues AS (
        SELECT queue, coalesce(waiting, 0) AS waiting, coalesce(running, 0) AS running,
            coalesce(extract(epoch FROM now() - (
                SELECT max(at) FROM procrastinate_events
                WHERE job_id = oldest AND type IN ('deferred', 'deferred_for_retry', 'scheduled', 'retried')
            )), 0) AS age
        FROM queued FULL JOIN unnest(%(queues)s::text[]) AS known (queue) USING (queue)
    ), stalled AS (
        SELECT worker.last_heartbeat FROM procrastinate_jobs job
        LEFT JOIN procrastinate_workers worker ON worker.id = job.worker_id
        WHERE job.status = 'doing'
          AND (worker.id IS NULL OR worker.last_heartbeat < now() - make_interval(secs => %(stalled)s))
    )
    SELECT 'jobs_waiting', queue, waiting::float8 FROM queues
    UNION ALL SELECT 'jobs_running', queue, running FROM queues
    UNION ALL SELECT 'jobs_oldest_waiting_seconds', queue, age FROM queues
    UNION ALL SELECT 'jobs_stalled', NULL, count(*) FROM stalled
    UNION ALL SELECT 'jobs_oldest_stalled_seconds', NULL,
        coalesce(extract(epoch FROM max(now() - last_heartbeat)), 0) FROM stalled
    UNION ALL SELECT 'workers_alive', NULL, count(*) FROM procrastinate_workers
        WHERE last_heartbeat > now() - make_interval(secs => %(stalled)s)
    UNION ALL SELECT 'streams_open', channel, count(*) FROM realtime_stream
        WHERE closed_seq IS NULL GROUP BY channel
    UNION ALL SELECT 'events_appended', NULL, n_tup_ins FROM pg_stat_user_tables
        WHERE relid = 'realtime_event'::regclass
"""

# Name, what it says, and what its label is called.
GAUGES = {
    "jobs_waiting": ("Jobs in the queue, those for later included", "queue"),
    "jobs_running": ("Jobs in the hands of a worker", "queue"),
    "jobs_oldest_waiting_seconds": ("For how long the oldest job that is due has waited", "queue"),
    "jobs_stalled": ("Jobs whose worker gave no sign of life", ""),
    "jobs_oldest_stalled_seconds": ("Time since the last sign of life of such a worker", ""),
    "workers_alive": ("Workers that gave a sign of life lately", ""),
    "streams_open": ("Streams that have not ended", "channel"),
}
COUNTERS = {"events_appended": ("Events stored, by all processes together", "")}

Rows = Sequence[tuple[str, str | None, float]]


class Installation(Collector):
    """What the query found, as metrics; without rows only that the database did not answer."""

    def __init__(self, rows: Rows | None) -> None:
        self._rows = rows

    def collect(self) -> Iterator[GaugeMetricFamily | CounterMetricFamily]:
        answered = "Whether the database answered this request for metrics"
        yield GaugeMetricFamily(f"{PREFIX}database_up", answered, value=float(self._rows is not None))
        if self._rows is None:
            return
        for kind, table in ((GaugeMetricFamily, GAUGES), (CounterMetricFamily, COUNTERS)):
            for name, (documentation, label) in table.items():
                family = kind(PREFIX + name, documentation, labels=[label] if label else [])
                for _, value_of_label, value in (row for row in self._rows if row[0] == name):
                    family.add_metric([value_of_label or ""] if label else [], float(value))
                yield family


async def exposition() -> bytes:
    """Everything in the text format. A database that is away costs its own numbers only."""
    rows: Rows | None
    try:
        rows = await _installation.answer(PATIENCE)
    except (psycopg.Error, TimeoutError):
        rows = None
    asked = CollectorRegistry()
    asked.register(Installation(rows))
    return generate_latest(REGISTRY) + generate_latest(asked)


async def _ask() -> Any:
    queues = sorted({task.queue for task in app.tasks.values()} | {"interactive", "background"})
    parameters = {"queues": queues, "stalled": settings.JOB_STALLED_AFTER}
    return await (await hubs.current()).fetch(INSTALLATION, parameters)


_installation = Probe(_ask)
