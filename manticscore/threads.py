"""Threads for the synchronous pieces of requests: borrowed when needed, kept between requests.

Django starts a thread for every request. Here a request borrows one when it first runs synchronous code
and gives it back at its end, after Django's own cleaning between requests (database connections go back,
query logs are emptied) was done in it. All of a request's synchronous code runs in one thread, one piece
at a time, as Django promises; a request that has none borrows nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextvars import ContextVar
from typing import Any

from django.core import signals

MAX_THREADS = 40  # requests beyond it share threads; the database pool is smaller anyway


class Thread(ThreadPoolExecutor):
    """One thread that stays, and how many requests use it."""

    def __init__(self, number: int) -> None:
        super().__init__(max_workers=1, thread_name_prefix=f"request-{number}")
        self.users = 0


class Threads:
    """Threads to borrow: an idle one if there is one, a new one while there may be, a shared one else."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._threads: list[Thread] = []

    def borrow(self) -> Thread:
        thread = min(self._threads, key=lambda thread: thread.users, default=None)
        if thread is None or (thread.users and len(self._threads) < self._limit):
            thread = Thread(len(self._threads) + 1)
            self._threads.append(thread)
        thread.users += 1
        return thread


class BorrowedThread(Executor):
    """The thread of one request, borrowed when it is first needed. Used from the event loop only."""

    def __init__(self, threads: Threads) -> None:
        self._threads = threads
        self._thread: Thread | None = None

    def submit(self, work: Callable[..., Any], /, *args: Any, **options: Any) -> Future[Any]:
        if self._thread is None:
            self._thread = self._threads.borrow()
            self._thread.submit(signals.request_started.send_robust, sender=BorrowedThread)
        return self._thread.submit(work, *args, **options)

    def give_back(self, clean_up: Callable[[], Any] | None = None) -> None:
        """End the use of the thread, if there was any, with Django's own cleaning after a request."""
        thread, self._thread = self._thread, None
        if thread is not None:
            thread.submit(clean_up or _finished)
            thread.users -= 1
        elif clean_up is not None:
            clean_up()


def _finished() -> None:
    signals.request_finished.send_robust(sender=BorrowedThread)


shared = Threads(MAX_THREADS)
current: ContextVar[BorrowedThread | None] = ContextVar("borrowed_thread", default=None)


def release() -> None:
    """Give back the thread of the current request, and its database connection, before its end.

    For answers that idle for minutes. If more synchronous code follows, a thread is borrowed again.
    """
    thread = current.get()
    if thread is not None:
        thread.give_back()
