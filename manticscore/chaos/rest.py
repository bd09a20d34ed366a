"""What must be true of the installation's processes when the load is gone (I13)."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

from manticscore.chaos.history import Violation
from manticscore.chaos.installation import Installation

GROWTH = 1.5  # resident memory at rest, as a multiple of what it was when the process had warmed up
WARM = 30.0  # seconds after which a process under load has made what it keeps
SETTLING = 15.0  # seconds in which connections of clients that left must be gone
LOOK_AGAIN = 0.2
STUCK = (
    "SELECT count(*) FROM pg_stat_activity WHERE starts_with(state, 'idle in transaction')"
    " AND state_change < now() - interval '2 seconds'"
)


class Memory:
    """Resident memory of every web process, from the moment when it has warmed up."""

    def __init__(self, installation: Installation) -> None:
        self._installation = installation
        self._warm: dict[int, int] = {}

    def note(self) -> None:
        """Remember the size of processes that have become warm. Called now and then under load."""
        for service in self._installation.web:
            if service.age() > WARM:
                self._warm.setdefault(service.pid, service.memory())

    def grown(self) -> Iterator[Violation]:
        for service in self._installation.web:
            warm, now = self._warm.get(service.pid, 0), service.memory()
            if warm and now > warm * GROWTH:
                what = f"{now >> 20} MiB resident, {warm >> 20} when it was warm"
                yield Violation("I13", service.name, what)


async def left_behind(installation: Installation) -> list[Violation]:
    """After every client has left."""
    loop = asyncio.get_running_loop()
    give_up_at = loop.time() + SETTLING
    left = connected(installation)
    while left and loop.time() < give_up_at:
        await asyncio.sleep(LOOK_AGAIN)
        left = connected(installation)
    found = [Violation("I13", name, f"{count} connections without a client") for name, count in left]
    ((stuck,),) = await installation.query(STUCK)
    if stuck:
        found.append(Violation("I13", "database", f"{stuck} sessions idle in a transaction"))
    return found


def connected(installation: Installation) -> list[tuple[str, int]]:
    """Web processes with connections of clients, and how many."""
    counts = [(one.name, one.connections()) for one in installation.web]
    return [(name, count) for name, count in counts if count]
