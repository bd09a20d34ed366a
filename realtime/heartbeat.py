"""Signs of life of a worker."""

from __future__ import annotations

import logging
import threading

import psycopg
from django.conf import settings

from realtime import hub as hubs

# A worker that was believed dead, and is not, gets its row back.
BEAT = """
    INSERT INTO procrastinate_workers (id, last_heartbeat) OVERRIDING SYSTEM VALUE VALUES (%s, now())
    ON CONFLICT (id) DO UPDATE SET last_heartbeat = now()
"""

logger = logging.getLogger(__name__)


class Heartbeat:
    """Given by a thread with a connection of its own.

    So a job that keeps the event loop busy does not stop them, nor do a worker's last seconds, in which it
    only waits for its jobs. A database that is away is asked again at the next beat.
    """

    def __init__(self, worker_id: int) -> None:
        self._worker_id = worker_id
        self._stopped = threading.Event()
        self._connection: psycopg.Connection | None = None
        threading.Thread(target=self._run, name="heartbeat", daemon=True).start()

    def stop(self) -> None:
        self._stopped.set()

    def _run(self) -> None:
        while not self._stopped.wait(settings.JOB_HEARTBEAT):
            try:
                self._beat()
            except psycopg.Error as error:
                logger.debug("no heartbeat: %r", error)
                self._hang_up()
        self._hang_up()

    def _beat(self) -> None:
        if self._connection is None:
            self._connection = psycopg.connect(hubs.conninfo(), autocommit=True)
        self._connection.execute(BEAT, [self._worker_id])

    def _hang_up(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
