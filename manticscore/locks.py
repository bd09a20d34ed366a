"""Work of which only one at a time may run, wherever its processes are."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection

PREPARE = 7_305_001
INDEX = 7_305_002
SWEEP = 7_305_003
RESEARCH_QUEUE = 7_305_004  # with an account, as the second number
PRUNE = 7_305_005
LIMITS = ("lock_timeout", "statement_timeout", "idle_in_transaction_session_timeout")


def taken_for_transaction(number: int) -> bool:
    """Hold one of the locks above until the transaction ends; False, at once, when somebody else does."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [number])
        return bool(cursor.fetchone()[0])


@contextmanager
def exclusive(number: int) -> Iterator[None]:
    """Hold one of the locks above; waits for as long as another holder needs.

    It belongs to the database session, so a process that dies lets go of it. Meanwhile the time limits
    of requests are off: whoever holds such a lock does heavy work, and whoever waits for it waits long.
    """
    with connection.cursor() as cursor:
        cursor.execute("; ".join(f"SET {limit} = 0" for limit in LIMITS))
        cursor.execute("SELECT pg_advisory_lock(%s)", [number])
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [number])
            cursor.execute("; ".join(f"RESET {limit}" for limit in LIMITS))
