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
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from contextvars import Context
from functools import partial
from typing import Any, NamedTuple, TypeVar
from uuid import UUID

import psycopg
from channels.layers import InMemoryChannelLayer, get_channel_layer
from django.conf import settings
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from realtime import hints, metrics
from realtime.batching import Batches
from realtime.bell import Bell
from realtime.connections import Connections
from realtime.pages import Page, Tail
from realtime.queries import LINES, OWN_EVENTS, PROJECT_EVENTS

PAGE = 1000  # events of a stream read from the table at a time
PAGE_BYTES = 256 * 1024  # and no more than this of their data, but for the last of them
STREAMS = 50  # streams read at a time, so that nobody waits for all of them
TAIL_BYTES = 256 * 1024  # kept in memory per watched stream
ALL_TAILS_BYTES = 64 * 1024 * 1024  # and of all of them together
SWEEP_INTERVAL = 1.0  # seconds; bounds the damage of a lost hint
RECONNECT_WAIT = 0.5  # seconds between tries while the database or the channel layer is away
PATIENCE = 3  # queries in a row that the server cut off, until the failure is told
POOL_WAIT = 5.0  # seconds to wait for a connection

# Of what PostgreSQL does not compress the size is known without reading it.
SIZE = "CASE WHEN pg_column_size(data) < 1500 THEN pg_column_size(data) ELSE octet_length(data::text) END"

# Of each wanted stream its header and, when a position is known, the events after it as one run of
# lines. An event is listed under its own stream and, with its other number, under its project.
READ_PAGES = f"""
    SELECT s.id, s.last_seq, s.first_seq, s.closed_seq, s.channel,
           page.first, page.last, page.count, page.lines, page.age
    FROM unnest(%(ids)s::uuid[], %(after)s::bigint[]) AS want (id, after)
    JOIN realtime_stream s ON s.id = want.id
    LEFT JOIN LATERAL (
        SELECT min(seq) AS first, max(seq) AS last, count(*) AS count, {LINES} AS lines,
               extract(epoch FROM clock_timestamp() - min(created_at))::float8 AS age
        FROM (
            SELECT e.*, sum({SIZE}) OVER (ORDER BY seq) - {SIZE} AS bytes_before
            FROM (
                ({OWN_EVENTS} AND s.channel <> 'project' AND seq > want.after ORDER BY seq LIMIT %(limit)s)
                UNION ALL
                ({PROJECT_EVENTS} AND s.channel = 'project' AND project_seq > want.after
                 ORDER BY project_seq LIMIT %(limit)s)
            ) e
        ) e
        WHERE bytes_before < %(bytes)s
    ) page ON want.after >= 0
"""
POSITIONS = "SELECT id, last_seq, first_seq, closed_seq FROM realtime_stream WHERE id = ANY(%s)"
ENDED_SESSIONS = """
    SELECT wanted.id FROM unnest(%s::uuid[]) AS wanted (id)
    LEFT JOIN accounts_session s ON s.id = wanted.id AND s.revoked_at IS NULL AND s.expires_at > now()
    WHERE s.id IS NULL
"""
TIMEOUTS = ("57014", "55P03")  # the server's own, for a statement and for a lock
AWAY = (psycopg.OperationalError, psycopg.InterfaceError)  # the database is; PoolTimeout is the former
UNKNOWN = -1  # position of a stream that has not been read yet

T = TypeVar("T")
Row = tuple[Any, ...]
Ended = Callable[[], None]
logger = logging.getLogger(__name__)


class Header(NamedTuple):
    """A stream's row, as far as its followers need it."""

    last_seq: int
    first_seq: int
    closed_seq: int | None
    channel: str


class Topic:
    """What the hub knows of one watched stream. `head` is the number of its newest known event."""

    def __init__(self, stream_id: UUID, cursor: int) -> None:
        self.stream_id = stream_id
        self.channel = ""
        self.head = UNKNOWN
        self.first_seq = 1
        self.closed_seq: int | None = None
        self.missing = False
        self.tail = Tail()
        self.bells: set[Bell] = set()  # of those who follow it
        self._cursor = cursor

    def ring(self) -> None:
        for bell in self.bells:
            bell.ring()

    @property
    def position(self) -> int:
        """After which event to read on: at first, where the first follower is. That saves it a query."""
        return self._cursor if self.head == UNKNOWN else self.head

    def update(self, header: Header, page: Page | None) -> None:
        """What the table says now. A page is kept when the tail stays without a gap."""
        self.channel, self.first_seq, self.closed_seq = header.channel, header.first_seq, header.closed_seq
        if self.head == UNKNOWN:
            self.head = header.last_seq
            if page is not None and page.last == self.head:
                self.tail.extend(page)
        elif page is not None and page.last > self.head:
            metrics.delivery_lag.observe(page.age)
            if page.first > self.head + 1:
                self.tail.clear()  # what was between is pruned
            page = page.between(self.head, page.last)
            self.tail.extend(page)
            self.head = page.last
        self.ring()

    def lose(self) -> None:
        """The stream does not exist (any more)."""
        self.missing = True
        self.ring()


class Hub:
    """See the module's docstring. `connect` is the pool's conninfo."""

    def __init__(self, conninfo: str) -> None:
        self._pool = AsyncConnectionPool(
            conninfo,
            min_size=settings.HUB_POOL_SIZE,
            timeout=POOL_WAIT,
            reconnect_timeout=POOL_WAIT,
            open=False,
            kwargs={"autocommit": True},
        )
        self.batches = Batches(self.fetch)
        self.connections = Connections(self.fetch, self.batches)
        self._topics: dict[UUID, Topic] = {}
        self._sessions: dict[UUID, list[Ended]] = {}
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

    def _hear(self, about: str, name: str, number: int) -> None:
        """A hint of another process."""
        if about == hints.CONNECTION:
            self.connections.known(name, number)
        else:
            self._hint(UUID(name), number)

    def _hint(self, stream_id: UUID, seq: int) -> None:
        topic = self._topics.get(stream_id)
        if topic is not None and seq > topic.head:
            self._mark(stream_id)

    def _mark(self, stream_id: UUID) -> None:
        self._dirty.add(stream_id)
        self._work.set()

    @contextmanager
    def watch(self, stream_id: UUID, cursor: int, bell: Bell) -> Iterator[Topic]:
        """Follow a stream for the length of the block; the topic is positioned soon after.

        The bell rings whenever there is something new about it.
        """
        topic = self._topics.get(stream_id)
        if topic is None:
            topic = self._topics[stream_id] = Topic(stream_id, cursor)
            self._mark(stream_id)
        topic.bells.add(bell)
        try:
            yield topic
        finally:
            topic.bells.discard(bell)
            if not topic.bells:
                self._topics.pop(stream_id, None)

    def watch_session(self, session_id: UUID, ended: Ended) -> Callable[[], None]:
        """Have `ended` called once when the session expires or is revoked, by the database's clock.

        Returns what stops the watch.
        """
        self._sessions.setdefault(session_id, []).append(ended)

        def forget() -> None:
            watching = self._sessions.get(session_id, [])
            if ended in watching:
                watching.remove(ended)
                if not watching:
                    del self._sessions[session_id]

        return forget

    async def look_again(self, topic: Topic, bell: Bell) -> None:
        """Bring a topic to where its stream is now, for a follower who knows more than the hub does."""
        reading = self._patiently(partial(self.fetch, POSITIONS, [[topic.stream_id]]))
        for _, last_seq, *_ in await asyncio.shield(asyncio.ensure_future(reading)):
            while topic.head < last_seq and not topic.missing and not bell.over:
                self._mark(topic.stream_id)
                await bell.sleep()

    async def read(self, topic: Topic, cursor: int) -> Page | None:
        """At least one event after `cursor`, from memory or else from the table.

        None when the next event was pruned, which the topic's `first_seq` then tells. The query runs in
        a task of the hub's, so that a client that leaves does not cancel a connection in the middle of
        its use. Raises LookupError when the next event does not exist otherwise.
        """
        page = topic.tail.after(cursor)
        if page is not None:
            return page
        reading = self._patiently(partial(self._read_pages, {topic.stream_id: cursor}))
        found = await asyncio.shield(asyncio.ensure_future(reading))
        if topic.stream_id not in found:
            topic.lose()
            return None
        header, page = found[topic.stream_id]
        if page is not None and page.first == cursor + 1:
            return page
        topic.first_seq = header.first_seq
        if cursor + 1 >= topic.first_seq:
            raise LookupError(f"stream {topic.stream_id} has no event {cursor + 1}")
        return None

    async def fetch(self, query: str, parameters: Any) -> list[Row]:
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

    async def _fetch_once(self, query: str, parameters: Any) -> list[Row]:
        async with self.connection() as connection:
            cursor = await connection.execute(query, parameters, binary=True)
            return await cursor.fetchall()

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[psycopg.AsyncConnection[Any]]:
        async with self._pool.connection() as connection:
            yield connection

    async def _read_pages(self, after: Mapping[UUID, int]) -> dict[UUID, tuple[Header, Page | None]]:
        """What the table has after each position; streams that do not exist are left out."""
        limits = {"limit": PAGE, "bytes": PAGE_BYTES}
        rows = await self.fetch(READ_PAGES, {"ids": list(after), "after": list(after.values()), **limits})
        return {row[0]: (Header(*row[1:5]), page_of(row)) for row in rows}

    async def _fetch_forever(self) -> None:
        while True:
            await self._work.wait()
            self._work.clear()
            while self._dirty:
                some = [self._dirty.pop() for _ in range(min(STREAMS, len(self._dirty)))]
                try:
                    await self._patiently(partial(self._fetch, some))
                except Exception:  # without this task nobody hears anything; the sweep will ask again
                    logger.exception("event hub failed to read")

    async def _patiently(self, step: Callable[[], Awaitable[T]]) -> T:
        """Do `step`, again and again while the database is away; followers simply wait."""
        cut_off = 0
        while True:
            try:
                return await step()
            except AWAY as error:
                cut_off = cut_off + 1 if error.sqlstate in TIMEOUTS else 0
                if cut_off >= PATIENCE:
                    raise
                logger.warning("event hub cannot read the database: %r", error)
                await asyncio.sleep(RECONNECT_WAIT)

    async def _fetch(self, dirty: Collection[UUID]) -> None:
        wanted = [self._topics[stream_id] for stream_id in dirty if stream_id in self._topics]
        if not wanted:
            return
        found = await self._read_pages({topic.stream_id: topic.position for topic in wanted})
        limit = self._tail_limit()
        for topic in wanted:
            if topic.stream_id not in found:
                topic.lose()
                continue
            header, page = found[topic.stream_id]
            topic.update(header, page)
            topic.tail.trim(limit)
            if topic.head < header.last_seq:
                self._mark(topic.stream_id)  # a page was full

    def _tail_limit(self) -> int:
        """Bytes that each watched stream may keep."""
        return min(TAIL_BYTES, ALL_TAILS_BYTES // max(1, len(self._topics)))

    async def _sweep_forever(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_INTERVAL)
            try:
                await self._sweep()
            except AWAY as error:
                logger.warning("event hub cannot sweep: %r", error)
            except Exception:  # without this task revocations and lost hints would not be noticed
                logger.exception("event hub failed to sweep")

    async def _sweep(self) -> None:
        """Find what hints did not tell: streams that moved, sessions that ended, newer connections."""
        if self._topics:
            rows = await self.fetch(POSITIONS, [list(self._topics)])
            found = {stream_id: position for stream_id, *position in rows}
            behind, limit = 0, self._tail_limit()
            for stream_id, topic in self._topics.items():
                if found.get(stream_id) != [topic.head, topic.first_seq, topic.closed_seq]:
                    self._mark(stream_id)
                if stream_id in found and topic.head != UNKNOWN:
                    behind += max(0, found[stream_id][0] - topic.head)
                if topic.tail.size > limit:
                    topic.tail.clear()  # whoever is quick has read it long ago
            metrics.hub_behind.set(behind)
        if self._sessions:
            for (session_id,) in await self.fetch(ENDED_SESSIONS, [list(self._sessions)]):
                for ended in self._sessions.pop(session_id, ()):
                    ended()
        await self.connections.sweep()

    async def _listen_forever(self) -> None:
        """Receive other processes' hints; after any interruption every stream is looked at again."""
        layer, channel = get_channel_layer(), ""
        while True:
            try:
                channel = channel or await layer.new_channel()
                await layer.group_add(hints.GROUP, channel)
                for stream_id in self._topics:
                    self._mark(stream_id)
                while True:
                    self._hear_all(await layer.receive(channel))
            except Exception as error:  # any failure of the layer means: reconnect
                logger.debug("channel layer lost: %r", error)
                await asyncio.sleep(RECONNECT_WAIT)

    def _hear_all(self, message: dict[str, Any]) -> None:
        """A message that makes no sense, as from another version of ours, is one that was lost."""
        try:
            for about, name, number in message["hints"]:
                self._hear(about, name, number)
        except (KeyError, TypeError, ValueError) as error:
            logger.warning("a hint makes no sense: %r", error)


def page_of(row: Row) -> Page | None:
    """The events in a row of READ_PAGES. Raises LookupError when one is missing: a defect."""
    stream_id, *_, first, last, count, lines, age = row
    if not count:
        return None
    if last - first + 1 != count:
        raise LookupError(f"stream {stream_id} has {count} events from {first} to {last}")
    return Page(first, last, lines, age)


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
