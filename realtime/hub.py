"""The hub: one per process, between the event log and everybody who follows it.

Watched streams that moved (told by a hint, or found by the sweep) are read in one batched query over a
small pool of connections, never by the ORM. New events are encoded to bytes once and kept in a
byte-capped tail per stream; every follower, NDJSON or WebSocket, reads from there. A follower is a
cursor, not a queue: one that is slow reads the table later, and costs nobody anything meanwhile.

All of it runs in one event loop; only `Hub.hint` may be called from other threads.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from contextvars import Context
from functools import partial
from typing import Any, TypeVar
from uuid import UUID

import psycopg
from channels.layers import InMemoryChannelLayer, get_channel_layer
from django.conf import settings
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from realtime import hints
from realtime.batching import Batches
from realtime.events import stored_line

PAGE = 500  # events read from the table at a time
TAIL_BYTES = 256 * 1024  # kept in memory per watched stream
SWEEP_INTERVAL = 1.0  # seconds; bounds the damage of a lost hint
RECONNECT_WAIT = 0.5  # seconds between tries while the database or the channel layer is away
POOL_WAIT = 5.0  # seconds to wait for a connection

# An event is listed under its own stream and, with its other number, under its project.
READ_TAILS = """
    SELECT s.id, s.last_seq, s.first_seq, s.closed_seq, s.channel, e.seq, e.type, e.data
    FROM unnest(%(ids)s::uuid[], %(after)s::bigint[]) AS want (id, after)
    JOIN realtime_stream s ON s.id = want.id
    LEFT JOIN LATERAL (
        (SELECT seq, type, data::text FROM realtime_event
         WHERE s.channel <> 'project' AND stream_id = s.id AND seq > want.after ORDER BY seq LIMIT %(limit)s)
        UNION ALL
        (SELECT project_seq, type, data::text FROM realtime_event
         WHERE s.channel = 'project' AND project_id = s.id AND project_seq > want.after
         ORDER BY project_seq LIMIT %(limit)s)
    ) e ON want.after >= 0
    ORDER BY s.id, e.seq
"""
POSITIONS = "SELECT id, last_seq, closed_seq FROM realtime_stream WHERE id = ANY(%s)"
ENDED_SESSIONS = """
    SELECT wanted.id FROM unnest(%s::uuid[]) AS wanted (id)
    LEFT JOIN accounts_session s ON s.id = wanted.id AND s.revoked_at IS NULL AND s.expires_at > now()
    WHERE s.id IS NULL
"""
TIMEOUTS = ("57014", "55P03")  # the server's own, for a statement and for a lock
AWAY = (psycopg.OperationalError, psycopg.InterfaceError)  # the database is; PoolTimeout is the former
UNKNOWN = -1  # position of a stream that has not been read yet

Line = tuple[int, bytes]
T = TypeVar("T")
logger = logging.getLogger(__name__)


class Topic:
    """What the hub knows of one watched stream."""

    def __init__(self, stream_id: UUID) -> None:
        self.stream_id = stream_id
        self.channel = ""
        self.head = UNKNOWN
        self.first_seq = 1
        self.closed_seq: int | None = None
        self.missing = False
        self.followers = 0
        self._tail: deque[Line] = deque()
        self._tail_bytes = 0
        self._changed = asyncio.Event()

    def change(self) -> asyncio.Event:
        """An event that is set at the next change. Take it before looking, then wait on it."""
        return self._changed

    def tell(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    def extend(self, lines: Sequence[Line]) -> None:
        """Add newly read events; the oldest leave when the tail grows beyond its bytes."""
        for line in lines:
            self._tail.append(line)
            self._tail_bytes += len(line[1])
        while self._tail_bytes > TAIL_BYTES and len(self._tail) > 1:
            self._tail_bytes -= len(self._tail.popleft()[1])

    def tail_after(self, cursor: int) -> list[Line] | None:
        """Events after `cursor` from memory, at most a page; None when the tail does not reach back."""
        if not self._tail or self._tail[0][0] > cursor + 1:
            return None
        start = cursor + 1 - self._tail[0][0]
        return [self._tail[i] for i in range(start, min(len(self._tail), start + PAGE))]


class Hub:
    """See the module's docstring. `connect` is the pool's conninfo."""

    def __init__(self, conninfo: str) -> None:
        self._pool = AsyncConnectionPool(
            conninfo,
            min_size=1,
            max_size=settings.HUB_POOL_SIZE,
            timeout=POOL_WAIT,
            open=False,
            kwargs={"autocommit": True},
        )
        self.batches = Batches(self.fetch)
        self._topics: dict[UUID, Topic] = {}
        self._sessions: dict[UUID, tuple[asyncio.Event, int]] = {}
        self._dirty: set[UUID] = set()
        self._work = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        await self._pool.open()
        for name, step in (("fetch", self._fetch_forever), ("sweep", self._sweep_forever)):
            self._tasks.append(asyncio.create_task(step(), name=f"hub {name}"))
        if not isinstance(get_channel_layer(), InMemoryChannelLayer):
            self._tasks.append(asyncio.create_task(self._listen_forever(), name="hub listen"))
        hints.listen(self.hint)

    async def stop(self) -> None:
        hints.listen(None)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._pool.close()

    def hint(self, stream_id: UUID, seq: int) -> None:
        """A stream may have moved. Callable from any thread."""
        self._loop.call_soon_threadsafe(self._hint, stream_id, seq)

    def _hint(self, stream_id: UUID, seq: int) -> None:
        topic = self._topics.get(stream_id)
        if topic is not None and seq > topic.head:
            self._mark(stream_id)

    def _mark(self, stream_id: UUID) -> None:
        self._dirty.add(stream_id)
        self._work.set()

    @contextmanager
    def watch(self, stream_id: UUID) -> Iterator[Topic]:
        """Follow a stream for the length of the block; the topic is positioned soon after."""
        topic = self._topics.get(stream_id)
        if topic is None:
            topic = self._topics[stream_id] = Topic(stream_id)
            self._mark(stream_id)
        topic.followers += 1
        try:
            yield topic
        finally:
            topic.followers -= 1
            if topic.followers == 0:
                self._topics.pop(stream_id, None)

    @contextmanager
    def watch_session(self, session_id: UUID) -> Iterator[asyncio.Event]:
        """An event that is set when the session expires or is revoked, by the database's clock."""
        ended, users = self._sessions.get(session_id, (asyncio.Event(), 0))
        self._sessions[session_id] = (ended, users + 1)
        try:
            yield ended
        finally:
            ended, users = self._sessions[session_id]
            if users > 1:
                self._sessions[session_id] = (ended, users - 1)
            else:
                del self._sessions[session_id]

    async def look_again(self, topic: Topic) -> None:
        """Bring a topic to where its stream is now, for a follower who knows more than the hub does."""
        reading = self._patiently(partial(self.fetch, POSITIONS, [[topic.stream_id]]))
        for _, last_seq, _ in await asyncio.shield(asyncio.ensure_future(reading)):
            while topic.head < last_seq and not topic.missing:
                change = topic.change()
                self._mark(topic.stream_id)
                await change.wait()

    async def read(self, topic: Topic, cursor: int) -> list[Line]:
        """At least one event after `cursor`, from memory or else from the table.

        The query runs in a task of the hub's, so that a client that leaves does not cancel a
        connection in the middle of its use.
        """
        lines = topic.tail_after(cursor)
        if lines is not None:
            return lines
        reading = self._patiently(partial(self._read_tails, {topic.stream_id: cursor}))
        rows = await asyncio.shield(asyncio.ensure_future(reading))
        return [encode(row) for row in rows if row[5] is not None]

    async def fetch(self, query: str, parameters: Any) -> list[tuple[Any, ...]]:
        """Rows of a short query that may be repeated, on one of the hub's connections.

        That the server dropped a connection is only noticed in its use. Then all of them are looked at,
        and the query is made once more: cheaper than a question to the server before every query.
        """
        try:
            return await self._fetch_once(query, parameters)
        except psycopg.OperationalError as error:
            if isinstance(error, PoolTimeout) or error.sqlstate in TIMEOUTS:
                raise
            await self._pool.check()
            return await self._fetch_once(query, parameters)

    async def _fetch_once(self, query: str, parameters: Any) -> list[tuple[Any, ...]]:
        async with self.connection() as connection:
            cursor = await connection.execute(query, parameters)
            return await cursor.fetchall()

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[psycopg.AsyncConnection[Any]]:
        async with self._pool.connection() as connection:
            yield connection

    async def _read_tails(self, after: dict[UUID, int]) -> list[tuple[Any, ...]]:
        parameters = {"ids": list(after), "after": list(after.values()), "limit": PAGE}
        return await self.fetch(READ_TAILS, parameters)

    async def _fetch_forever(self) -> None:
        while True:
            await self._work.wait()
            self._work.clear()
            dirty, self._dirty = self._dirty, set()
            try:
                await self._patiently(partial(self._fetch, dirty))
            except Exception:  # without this task nobody hears anything; the sweep will ask again
                logger.exception("event hub failed to read")

    async def _patiently(self, step: Callable[[], Awaitable[T]]) -> T:
        """Do `step`, again and again while the database is away; followers simply wait."""
        while True:
            try:
                return await step()
            except AWAY as error:
                logger.warning("event hub cannot read the database: %r", error)
                await asyncio.sleep(RECONNECT_WAIT)

    async def _fetch(self, dirty: set[UUID]) -> None:
        after = {stream_id: self._topics[stream_id].head for stream_id in dirty if stream_id in self._topics}
        if not after:
            return
        rows = await self._read_tails(after)
        by_stream: dict[UUID, list[tuple[Any, ...]]] = {}
        for row in rows:
            by_stream.setdefault(row[0], []).append(row)
        for stream_id in after:
            if stream_id in self._topics:
                self._update(self._topics[stream_id], by_stream.get(stream_id))

    def _update(self, topic: Topic, rows: list[tuple[Any, ...]] | None) -> None:
        if rows is None:
            topic.missing = True
            topic.tell()
            return
        _, last_seq, first_seq, closed_seq, channel, *_ = rows[0]
        topic.channel, topic.first_seq = channel, first_seq
        if topic.head == UNKNOWN:
            topic.head, topic.closed_seq = last_seq, closed_seq
        else:
            lines = [encode(row) for row in rows if row[5] is not None and row[5] > topic.head]
            topic.extend(lines)
            topic.head = lines[-1][0] if lines else topic.head
            topic.closed_seq = closed_seq
            if topic.head < last_seq:
                self._mark(topic.stream_id)  # a page was full
        topic.tell()

    async def _sweep_forever(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_INTERVAL)
            try:
                await self._sweep()
            except AWAY as error:
                logger.warning("event hub cannot sweep: %r", error)

    async def _sweep(self) -> None:
        """Find what hints did not tell: streams that moved or went, sessions that ended."""
        if self._topics:
            rows = await self.fetch(POSITIONS, [list(self._topics)])
            found = {row[0]: (row[1], row[2]) for row in rows}
            for stream_id, topic in self._topics.items():
                if found.get(stream_id) != (topic.head, topic.closed_seq):
                    self._mark(stream_id)
        if self._sessions:
            for (session_id,) in await self.fetch(ENDED_SESSIONS, [list(self._sessions)]):
                if session_id in self._sessions:
                    self._sessions[session_id][0].set()

    async def _listen_forever(self) -> None:
        """Receive other processes' hints; after any interruption every stream is looked at again."""
        layer = get_channel_layer()
        while True:
            try:
                channel = await layer.new_channel()
                await layer.group_add(hints.GROUP, channel)
                for stream_id in self._topics:
                    self._mark(stream_id)
                while True:
                    message = await layer.receive(channel)
                    for stream_id, seq in message["hints"]:
                        self._hint(UUID(stream_id), seq)
            except Exception as error:  # any failure of the layer means: reconnect
                logger.debug("channel layer lost: %r", error)
                await asyncio.sleep(RECONNECT_WAIT)


def encode(row: tuple[Any, ...]) -> Line:
    """A row of READ_TAILS as number and line."""
    stream_id, _, _, _, channel, seq, event, data = row
    return seq, stored_line(event, stream_id, channel, seq, data)


_hub: Hub | None = None
_starting: asyncio.Lock | None = None


async def current() -> Hub:
    """The hub of this process, started on first use in the running loop."""
    global _hub, _starting
    if _hub is None or _hub._loop is not asyncio.get_running_loop():
        _starting = _starting or asyncio.Lock()
        async with _starting:
            if _hub is None or _hub._loop is not asyncio.get_running_loop():
                hub = Hub(conninfo())
                # In a context of its own: the hub's tasks are not part of the request that came first.
                await asyncio.create_task(hub.start(), context=Context())
                _hub = hub
    return _hub


def conninfo() -> str:
    """libpq connection string of Django's default database."""
    from django.db import connection

    parameters = connection.get_connection_params()
    for name in ("cursor_factory", "context", "prepare_threshold"):
        parameters.pop(name, None)
    return psycopg.conninfo.make_conninfo(
        **{key: value for key, value in parameters.items() if value is not None}
    )
