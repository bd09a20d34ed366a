"""The clients of a chaos run: they follow everything, in every way, and write down what they were told."""

from __future__ import annotations

import asyncio
import random
import uuid
from collections.abc import Coroutine
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

import httpx

from manticscore.chaos.history import Line, Told, Violation, fingerprint
from manticscore_client import (
    Client,
    ClientError,
    Event,
    History,
    HistoryBroken,
    SignIn,
    Socket,
    Subscription,
    Timing,
    Token,
    anonymous,
)
from manticscore_client.transport import Transport

# Signs of life come every two seconds here, so that a dead connection is noticed soon.
TIMING = Timing(
    connect=3.0, answer=10.0, stream_silence=7.0, socket_silence=7.0, keepalive=2.0, first_wait=0.1,
    longest_wait=2.0, patience=120.0,
)  # fmt: skip
SESSION_LIFE = 30.0  # seconds after half of which clients renew their sessions
LEAVES = 0.01  # chance, at every event, that a fickle client hangs up
SLOW = 0.03  # seconds a slow client takes over an event
AFTER_FAILURE = 0.5


def restless(device_id: str) -> SignIn:
    """An anonymous session that is renewed all the time."""
    sign_in = anonymous(device_id)

    async def again(transport: Transport) -> Token:
        return Token((await sign_in(transport)).text, SESSION_LIFE)

    return again


@dataclass(slots=True)
class Record:
    """What one client was told of one stream."""

    client: str
    stream_id: str
    channel: str
    history: History = field(init=False)
    lines: list[Line] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        # The project's numbering has no end that could prove anything.
        self.history = History(verify=self.channel != "project")

    def note(self, event: Event) -> None:
        if event.type == "reset":
            self.broken.append(f"reset: {event.data.get('reason')}")
        if event.seq is not None:
            self.lines.append(Line(event.seq, event.type, fingerprint(event.type, event.data)))

    @property
    def open(self) -> bool:
        return not self.history.ended and not self.broken

    def told(self) -> Told:
        return Told(self.client, self.stream_id, self.lines, self.history.ended)

    def violations(self) -> list[Violation]:
        """What the client itself refused to believe."""
        return [Violation("I5", f"{self.client}, {self.stream_id}", what) for what in self.broken]


@dataclass
class Counts:
    """How often clients had to come back."""

    reconnects: int = 0
    failures: int = 0


class User:
    """One owner of streams, with a WebSocket that follows them all and NDJSON readers of some."""

    def __init__(self, name: str, url: str, chance: random.Random, counts: Counts) -> None:
        self.name = name
        self.client = Client(url, restless(f"chaos-{uuid.uuid4()}"), timing=TIMING, trust_env=False)
        self.records: list[Record] = []
        self._chance = chance
        self._counts = counts
        self._watched: dict[str, Record] = {}
        self._socket: Socket | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        self._go(self._watch(), f"{self.name} watching")

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.client.aclose()

    def follow(self, stream_id: str, channel: str) -> None:
        """Follow a new stream over the WebSocket and, where there is a route, over NDJSON."""
        watched = self._record("socket", stream_id, channel)
        self._watched[stream_id] = watched
        if self._socket is not None:
            subscribing = self._socket.subscribe(stream_id, channel, history=watched.history)
            self._go(subscribing, f"{watched.client} {stream_id}")
        if channel == "research":
            for manner in ("steady", "fickle", "slow"):
                record = self._record(manner, stream_id, channel)
                self._go(self._read(record, manner), f"{record.client} {stream_id}")

    def finished(self, ends: dict[str, int]) -> bool:
        """Whether everything was received: up to the end or, without one, up to the number in `ends`."""
        return all(
            not record.open or record.history.cursor == ends.get(record.stream_id) for record in self.records
        )

    async def start_research(self, idea: str) -> None:
        try:
            await self.client.start_research(idea)
        except (ClientError, httpx.TransportError):
            self._counts.failures += 1

    def _record(self, manner: str, stream_id: str, channel: str) -> Record:
        record = Record(f"{self.name} {manner}", stream_id, channel)
        self.records.append(record)
        return record

    def _go(self, steps: Coroutine[Any, Any, None], name: str) -> None:
        task = asyncio.create_task(steps, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # --- NDJSON ----------------------------------------------------------------------------------

    async def _read(self, record: Record, manner: str) -> None:
        while record.open:
            await self._read_some(record, manner, LEAVES if manner == "fickle" else 0.0)

    async def _read_some(self, record: Record, manner: str, leaves: float) -> None:
        """Up to the end, or until this client has had enough."""
        path = f"/research/{record.stream_id}/events"
        try:
            async with aclosing(self.client.events(path, history=record.history)) as events:
                async for event in events:
                    record.note(event)
                    if manner == "slow":
                        await asyncio.sleep(SLOW)
                    if self._chance.random() < leaves:
                        break
            self._counts.reconnects += record.open
        except HistoryBroken as error:
            record.broken.append(str(error))
        except ClientError:
            self._counts.failures += 1
            await asyncio.sleep(AFTER_FAILURE)

    # --- WebSocket -------------------------------------------------------------------------------

    async def _watch(self) -> None:
        """One connection after the other; between two of them a look at a stream over NDJSON."""
        while True:
            try:
                async with self.client.socket() as socket:
                    await self._watch_with(socket)
            except HistoryBroken as error:
                self._watched[error.entity_id].broken.append(str(error))
            except ClientError:
                self._counts.failures += 1
                await asyncio.sleep(AFTER_FAILURE)
            finally:
                self._socket = None
            readable = [one for one in self._watched.values() if one.open and one.channel == "research"]
            if readable:
                await self._read_some(self._chance.choice(readable), "fickle", 0.1)

    async def _watch_with(self, socket: Socket) -> None:
        wanted = [
            Subscription(one.stream_id, one.channel, one.history)
            for one in self._watched.values()
            if one.open
        ]
        self._socket = socket
        await socket.subscribe_many(wanted)
        try:
            async for event in socket:
                if event.entity_id in self._watched:
                    self._watched[event.entity_id].note(event)
                if self._chance.random() < LEAVES / 4:
                    return
        finally:
            self._counts.reconnects += socket.connections
