"""One connection for each principal, across all processes: the newest wins.

PostgreSQL numbers the connections of a principal. A connection that learns of a higher number than its own
ends, and no other does: so of any number that open at once exactly the newest is left, whoever hears of
whom, in whatever order. In its own process an older connection is told directly, in others by a hint, and
by the hub's sweep when the hint was lost.

Two clients that take the place of each other again and again are slowed down: a connection that would
end a living one takes from an allowance, and without it is refused, while the older stays.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Awaitable, Callable
from typing import Any

import psycopg

from manticscore import errors
from realtime import hints
from realtime.batching import Batches, Question

EVICTIONS = 20  # at once, for each principal
EVICTION_INTERVAL = 30  # seconds for one more
AHEAD = (EVICTIONS - 1) * EVICTION_INTERVAL

# `busy_until` is the allowance as a time: every eviction moves it on by an interval, and it may be
# EVICTIONS intervals ahead of the clock. A process that dies leaves `is_open` behind, which costs its
# principal's next connection one eviction and is otherwise without effect.
#
# One statement opens many, of a principal perhaps several. Rows are taken in the order of their keys, so
# that processes wait for each other and not in a circle; a row that is taken has a newer connection.
OPEN = Question(
    f""", counted AS (
        SELECT principal_id, count(*) AS count FROM want JOIN accounts_principal p ON p.id = principal_id
        GROUP BY principal_id
    ),
    opened AS (
        INSERT INTO realtime_connection AS c (principal_id, generation, is_open, busy_until)
        SELECT principal_id, count, true, now() FROM counted ORDER BY principal_id
        ON CONFLICT (principal_id) DO UPDATE
        SET generation = c.generation + excluded.generation,
            is_open = true,
            busy_until = greatest(c.busy_until, now())
                + interval '{EVICTION_INTERVAL} s' * (excluded.generation - 1 + c.is_open::int)
        WHERE NOT c.is_open OR c.busy_until <= now() + interval '{AHEAD} s'
        RETURNING principal_id, generation
    )
    SELECT want.n,
        opened.generation - counted.count + row_number() OVER (PARTITION BY principal_id ORDER BY want.n),
        extract(epoch FROM c.busy_until - now() - interval '{AHEAD} s')::float
    FROM want JOIN counted USING (principal_id)
    LEFT JOIN opened USING (principal_id) LEFT JOIN realtime_connection c USING (principal_id)""",
    {"principal_id": "text"},
)
CLOSE = Question(
    """, closed AS (
        SELECT c.principal_id, c.generation, want.n FROM want JOIN realtime_connection c
            ON c.principal_id = want.principal_id AND c.generation = want.generation
        ORDER BY c.principal_id FOR UPDATE OF c
    )
    UPDATE realtime_connection c SET is_open = false FROM closed
    WHERE c.principal_id = closed.principal_id AND c.generation = closed.generation RETURNING closed.n""",
    {"principal_id": "text", "generation": "bigint"},
)
GENERATIONS = "SELECT principal_id, generation FROM realtime_connection WHERE principal_id = ANY(%s)"

Fetch = Callable[[str, Any], Awaitable[list[tuple[Any, ...]]]]
logger = logging.getLogger(__name__)


class TooManyConnections(Exception):
    """The principal's clients take each other's place too often."""

    def __init__(self, retry_after: int) -> None:
        self.retry_after = max(1, retry_after)
        super().__init__("too many connections, the one that is open stays")


class Seat:
    """A connection's place among its principal's. `replaced` is called when a newer one is known."""

    __slots__ = ("generation", "principal_id", "replaced")

    def __init__(self, principal_id: str, generation: int, replaced: Callable[[], None]) -> None:
        self.principal_id = principal_id
        self.generation = generation
        self.replaced = replaced


class Connections:
    """The connections of this process, at most one for each principal. Belongs to one event loop."""

    def __init__(self, fetch: Fetch, batches: Batches) -> None:
        self._fetch = fetch
        self._batches = batches
        self._seats: dict[str, Seat] = {}

    def __len__(self) -> int:
        return len(self._seats)

    async def open(self, principal_id: str, replaced: Callable[[], None]) -> Seat:
        """Become the principal's newest connection. Raises TooManyConnections or InvalidToken."""
        rows = await self._batches.ask(OPEN, principal_id=principal_id)
        if not rows:
            raise errors.InvalidToken("Invalid token: its account is gone")
        ((generation, wait),) = rows
        if generation is None:
            raise TooManyConnections(math.ceil(wait or EVICTION_INTERVAL))
        seat = Seat(principal_id, generation, replaced)
        self._take(seat)
        hints.connection_opened(principal_id, generation)
        return seat

    def _take(self, seat: Seat) -> None:
        """The newer of two stays; the answers of the database may come back in another order."""
        other = self._seats.get(seat.principal_id)
        if other is not None and other.generation > seat.generation:
            seat.replaced()
            return
        self._seats[seat.principal_id] = seat
        if other is not None:
            other.replaced()

    def known(self, principal_id: str, generation: int) -> None:
        """A connection with this number was opened, here or elsewhere."""
        seat = self._seats.get(principal_id)
        if seat is not None and seat.generation < generation:
            del self._seats[principal_id]
            seat.replaced()

    async def sweep(self) -> None:
        """Find the newer connections that no hint told of."""
        if self._seats:
            for principal_id, generation in await self._fetch(GENERATIONS, [list(self._seats)]):
                self.known(principal_id, generation)

    async def close(self, seat: Seat) -> None:
        """The connection is over; the next one replaces nobody."""
        if self._seats.get(seat.principal_id) is seat:
            del self._seats[seat.principal_id]
        try:
            await self._batches.ask(CLOSE, principal_id=seat.principal_id, generation=seat.generation)
        except psycopg.Error as error:
            logger.warning("the end of a connection was not noted: %r", error)
