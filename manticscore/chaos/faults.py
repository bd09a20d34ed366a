"""The faults, and the order in which they strike."""

from __future__ import annotations

import asyncio
import random
import signal
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, ClassVar

import psycopg

from manticscore.chaos.installation import Installation
from manticscore.chaos.processes import Supervised
from manticscore.chaos.proxy import Link

TERMINATE = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    " WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'"
)
STORM = 5  # waves of it
STORM_PAUSE = 0.2
LONG = 35.0  # seconds; a reader without progress for 30 is cut off


class Faults:
    """Strikes the installation. `counts` is what happened so far."""

    def __init__(self, installation: Installation, chance: random.Random, *, longest: float) -> None:
        self._installation = installation
        # What strikes next does not depend on how long anything took: a seed gives one order.
        self._order = random.Random(chance.random())
        self._chance = chance
        self._longest = longest
        self._lasting: set[asyncio.Task[None]] = set()
        self.counts: Counter[str] = Counter()

    async def strike(self, seconds: float, pause: float) -> None:
        """One fault after the other for that long, every kind before any comes again.

        Those that last do so while the next ones strike.
        """
        loop = asyncio.get_running_loop()
        end_at = loop.time() + seconds
        for name in deck(self._order, list(self.KINDS)):
            if loop.time() >= end_at:
                break
            self.counts[name] += 1
            task = asyncio.create_task(self.KINDS[name](self), name=name)
            self._lasting.add(task)
            await asyncio.sleep(self._chance.uniform(pause / 2, pause * 3 / 2))
        await asyncio.gather(*self._lasting)

    def _for(self, at_most: float) -> float:
        return self._chance.uniform(0.3, min(at_most, self._longest))

    # --- Processes ---------------------------------------------------------------------------------

    async def kill_web(self) -> None:
        self._chance.choice(self._installation.web).send(signal.SIGKILL)

    async def stop_web(self) -> None:
        """As a deployment does."""
        self._chance.choice(self._installation.web).send(signal.SIGTERM)

    async def kill_worker(self) -> None:
        self._chance.choice(self._installation.workers).send(signal.SIGKILL)

    async def freeze_worker(self) -> None:
        """Long enough, sometimes, that another one takes its jobs over."""
        await freeze(self._chance.choice(self._installation.workers), self._for(LONG))

    async def kill_writer(self) -> None:
        if self._installation.writer is not None:
            self._installation.writer.send(signal.SIGKILL)

    async def restart_database(self) -> None:
        await self._installation.restart_database()

    async def terminate_sessions(self) -> None:
        for _ in range(STORM):
            try:
                await self._installation.query_once(TERMINATE)
            except psycopg.OperationalError:
                return  # it is away altogether
            await asyncio.sleep(STORM_PAUSE)

    async def kill_redis(self) -> None:
        self._installation.redis.send(signal.SIGKILL)

    async def freeze_redis(self) -> None:
        await freeze(self._installation.redis, self._for(10.0))

    # --- Connections -------------------------------------------------------------------------------

    async def cut(self) -> None:
        self._links(Link.cut, 0.3)

    async def reset(self) -> None:
        self._links(Link.reset, 0.3)

    async def blackhole(self) -> None:
        self._links(Link.blackhole, 0.15)

    async def half_open(self) -> None:
        await self._lasting_for(self._links(Link.half_open, 0.15))

    async def stall(self) -> None:
        await self._lasting_for(self._links(Link.stall, 0.15))

    def _links(self, fault: Callable[[Link], None], share: float) -> list[Link]:
        return self._installation.proxy.strike(fault, share, self._chance)

    async def _lasting_for(self, links: list[Link]) -> None:
        await asyncio.sleep(self._for(LONG))
        for link in links:
            link.flow()

    KINDS: ClassVar[dict[str, Callable[[Faults], Coroutine[Any, Any, None]]]] = {
        "web process killed (-9)": kill_web,
        "web process stopped (TERM)": stop_web,
        "worker killed (-9)": kill_worker,
        "worker frozen": freeze_worker,
        "writer killed (-9)": kill_writer,
        "PostgreSQL restarted at once": restart_database,
        "all database sessions ended": terminate_sessions,
        "Redis killed (-9), its data lost": kill_redis,
        "Redis frozen": freeze_redis,
        "connections cut (FIN)": cut,
        "connections reset (RST)": reset,
        "connections gone silent": blackhole,
        "connections half open": half_open,
        "connections not read": stall,
    }


async def freeze(process: Supervised, seconds: float) -> None:
    """The process that runs now; a successor has never been frozen."""
    process.send(signal.SIGSTOP)
    await asyncio.sleep(seconds)
    process.send(signal.SIGCONT)


def deck(chance: random.Random, kinds: list[str]) -> Iterator[str]:
    """All kinds in a random order, again and again."""
    while True:
        yield from chance.sample(kinds, len(kinds))
