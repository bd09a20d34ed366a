"""One chaos run: build up, load, break, heal, let everything come to rest, and check."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from manticscore.chaos import processes, rest
from manticscore.chaos.clients import Counts, Record, User
from manticscore.chaos.crowd import Crowd
from manticscore.chaos.faults import Faults
from manticscore.chaos.history import (
    Line,
    Stored,
    Violation,
    check_acknowledged,
    check_stored,
    check_told,
    fingerprint,
)
from manticscore.chaos.installation import Installation, installed
from realtime.topics import TERMINAL_STATUSES

USERS = 5
STREAMS = 3  # open ones of every user
RATE = 80.0  # appends a second
CROWD_ROUNDS = 200
FULL = 600.0  # seconds of the run that makes them all
FAULT_PAUSE = 4.0
DISCOVER_EVERY = 0.2
LOOK_EVERY = 5.0
RESEARCH_EVERY = 4.0
REST = 90.0  # seconds in which everybody must have received everything when the faults are over
IDEAS = ("a recipe box for families", "a habit tracker for teams", "a shared grocery list")

Note = Callable[[str], None]

OWNER = "SELECT principal_id FROM accounts_session WHERE token_digest = sha256(convert_to(%s, 'UTF8'))"
NEW_STREAMS = (
    "SELECT id::text, channel, owner_id FROM realtime_stream"
    " WHERE owner_id = ANY(%s) AND id <> ALL(%s::uuid[])"
)
HEADS = (
    "SELECT id::text, channel, status, first_seq, last_seq, closed_seq FROM realtime_stream"
    " WHERE id = ANY(%s::uuid[])"
)
POSITIONS = "SELECT id::text, last_seq FROM realtime_stream WHERE id = ANY(%s::uuid[])"
EVENTS = "SELECT seq, type, data FROM realtime_event WHERE stream_id = %s ORDER BY seq"
# A project tells where each of its events comes from.
PROJECT_EVENTS = """
    SELECT e.project_seq, e.type, e.data || jsonb_build_object(
        'origin', jsonb_build_object('entity_id', job.id, 'channel', job.channel, 'seq', e.seq))
    FROM realtime_event e JOIN realtime_stream job ON job.id = e.stream_id
    WHERE e.project_id = %s ORDER BY e.project_seq
"""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run is to be. The same seed strikes with the same faults in the same order."""

    seconds: float
    seed: int

    @property
    def pause(self) -> float:
        """Between faults: a short run has them all as well."""
        return max(0.6, min(FAULT_PAUSE, self.seconds / 20))

    @property
    def length(self) -> int:
        """Events of an average stream: some end early, some late, and some go through many faults."""
        return max(30, min(400, round(self.seconds * 2)))

    @property
    def rounds(self) -> int:
        return max(5, round(CROWD_ROUNDS * min(1.0, self.seconds / FULL)))


@dataclass
class Outcome:
    """What was seen."""

    plan: Plan
    faults: Counter[str] = field(default_factory=Counter)
    violations: list[Violation] = field(default_factory=list)
    totals: dict[str, int] = field(default_factory=dict)


async def chaos(plan: Plan, directory: Path, note: Note) -> Outcome:
    """Make the run. Raises ChaosFailed when it cannot be made."""
    chance = random.Random(plan.seed)
    note("Starting an installation")
    async with installed(directory) as installation:
        outcome = Outcome(plan)
        counts = Counts()
        users = [
            User(f"user {number}", installation.url, random.Random(chance.random()), counts)
            for number in range(USERS)
        ]
        crowd = Crowd([f"http://127.0.0.1:{one.port}" for one in installation.web])
        async with contextlib.AsyncExitStack() as leaving:
            for user in users:
                leaving.push_async_callback(user.stop)
            memory = await load_and_break(installation, users, crowd, outcome, chance, note)
            note("Letting everything come to rest")
            ends = await come_to_rest(installation, users)
        outcome.violations += await rest.left_behind(installation)
        outcome.violations += memory.grown()
        note("Checking the histories")
        await check(installation, users, ends, outcome)
        outcome.violations += crowd.violations
        outcome.totals |= {
            "reconnects": counts.reconnects,
            "connections through the proxy": installation.proxy.accepted,
            "process starts": sum(one.starts for one in installation.supervised()),
            "simultaneous connects": crowd.rounds,
            "of them disturbed and repeated": crowd.disturbed,
        }
        return outcome


async def load_and_break(
    installation: Installation,
    users: list[User],
    crowd: Crowd,
    outcome: Outcome,
    chance: random.Random,
    note: Note,
) -> rest.Memory:
    """The time in which everything happens at once."""
    plan = outcome.plan
    owners = {await owner(installation, user): user for user in users}
    for user in users:
        user.start()
    writing = [
        *owners,
        *("--acknowledged", str(installation.directory / "acknowledged")),
        *("--seed", str(plan.seed), "--rate", str(RATE)),
        *("--streams", str(STREAMS), "--length", str(plan.length)),
    ]
    installation.start_writer(*writing)
    faults = Faults(installation, chance, longest=plan.seconds / 3)
    memory = rest.Memory(installation)
    async with beside(discover(installation, owners), research(users, chance), watch(memory)):
        note(f"Breaking it for {plan.seconds:.0f} s")
        await asyncio.gather(faults.strike(plan.seconds, plan.pause), crowd.run(plan.rounds, plan.seconds))
    outcome.faults = faults.counts
    await end_streams(installation, writing)
    await discover_once(installation, owners, followed(users))
    return memory


@contextlib.asynccontextmanager
async def beside(*steps: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Do these for the length of the block; one that fails ends it."""
    tasks = [asyncio.create_task(step) for step in steps]
    try:
        yield
        for task in tasks:
            if task.done():
                task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def owner(installation: Installation, user: User) -> str:
    ((principal,),) = await installation.query(OWNER, await user.client.session.token())
    return str(principal)


def followed(users: list[User]) -> set[str]:
    """The streams that are followed already."""
    return {record.stream_id for user in users for record in user.records}


async def discover(installation: Installation, owners: dict[str, User]) -> None:
    """Have every new stream followed by its owner."""
    known: set[str] = set()
    while True:
        known |= await discover_once(installation, owners, known)
        await asyncio.sleep(DISCOVER_EVERY)


async def discover_once(installation: Installation, owners: dict[str, User], known: set[str]) -> set[str]:
    found = await installation.query(NEW_STREAMS, list(owners), list(known))
    for stream_id, channel, owner_id in found:
        owners[owner_id].follow(stream_id, channel)
    return {stream_id for stream_id, _, _ in found}


async def research(users: list[User], chance: random.Random) -> None:
    """Real jobs of the workers, now and then."""
    while True:
        await chance.choice(users).start_research(chance.choice(IDEAS))
        await asyncio.sleep(RESEARCH_EVERY)


async def watch(memory: rest.Memory) -> None:
    """Note how large processes are once they have been under load for a while."""
    while True:
        await asyncio.sleep(LOOK_EVERY)
        memory.note()


async def end_streams(installation: Installation, arguments: list[str]) -> None:
    """The writer's last process, which nothing kills, ends every stream that is open."""
    if installation.writer is not None:
        await installation.writer.stop()
    await processes.run(["chaos_write", *arguments, "--only-end"], installation.environment)


async def come_to_rest(installation: Installation, users: list[User]) -> dict[str, int]:
    """Until everybody has received everything, or it takes too long; returns where projects stand."""
    installation.proxy.heal()
    loop = asyncio.get_running_loop()
    give_up_at = loop.time() + REST
    while True:
        ends = await projects(installation, users)
        if all(user.finished(ends) for user in users) or loop.time() > give_up_at:
            return ends
        await asyncio.sleep(DISCOVER_EVERY)


async def projects(installation: Installation, users: list[User]) -> dict[str, int]:
    ids = [record.stream_id for user in users for record in user.records if record.channel == "project"]
    rows = await installation.query(POSITIONS, ids)
    return dict(rows)


# --- Checking --------------------------------------------------------------------------------------


async def check(
    installation: Installation, users: list[User], ends: dict[str, int], outcome: Outcome
) -> None:
    records = [record for user in users for record in user.records]
    stored = await stored_streams(installation, {record.stream_id for record in records})
    for stream in stored.values():
        outcome.violations += check_stored(stream, TERMINAL_STATUSES[stream.channel])
    for record in records:
        outcome.violations += record.violations()
        outcome.violations += check_told(record.told(), stored.get(record.stream_id))
    outcome.violations += check_acknowledged(acknowledged(installation, outcome), stored)
    outcome.totals = totals(stored, records)


async def stored_streams(installation: Installation, ids: set[str]) -> dict[str, Stored]:
    found = {}
    for head in await installation.query(HEADS, list(ids)):
        stream_id, channel, status, first_seq, last_seq, closed_seq = head
        rows = await installation.query(PROJECT_EVENTS if channel == "project" else EVENTS, stream_id)
        lines = [as_told(stream_id, channel, *row) for row in rows]
        found[stream_id] = Stored(stream_id, channel, status, first_seq, last_seq, closed_seq, lines)
    return found


def as_told(stream_id: str, channel: str, seq: int, event: str, data: dict[str, Any]) -> Line:
    """A stored event as a client of that stream has to be told it."""
    told = {"seq": seq, "entity_id": stream_id, "channel": channel, **data}
    return Line(seq, event, fingerprint(event, told))


def acknowledged(installation: Installation, outcome: Outcome) -> dict[str, int]:
    """The highest number of every stream that its writer knows to be stored."""
    highest: dict[str, int] = {}
    lines = (installation.directory / "acknowledged").read_text().splitlines()
    for line in lines:
        stream_id, _, seq = line.partition(" ")
        if stream_id == "unfenced":
            outcome.violations.append(Violation("I3", seq, "an attempt that was overtaken could still write"))
        else:
            highest[stream_id] = max(int(seq), highest.get(stream_id, 0))
    return highest


def totals(stored: dict[str, Stored], records: list[Record]) -> dict[str, int]:
    jobs = [stream for stream in stored.values() if stream.channel != "project"]
    return {
        "streams": len(jobs),
        "events": sum(len(stream.lines) for stream in jobs),
        "histories": len(records),
        "deliveries": sum(len(record.lines) for record in records),
    }
