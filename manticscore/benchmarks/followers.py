"""A process full of readers, light enough not to be what is measured.

It reads a plan from standard input, connects, says so, reports once every reader has what it waits for,
and keeps the connections until its input ends. Arriving bytes are searched for event numbers, without
parsing, which shows for every reader that nothing is missing, doubled or out of order. The first few
readers keep all they get, and that is parsed as a whole afterwards.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time
from typing import Any

from manticscore.benchmarks import wire

NUMBER = re.compile(rb'"seq":\s?(\d+),')
SENT_AT = re.compile(rb"\bat=(\d+) ")
EVENT_END = b"}}"


class Tally:
    """Counts a connection's events as they come, and notes the first thing that is wrong with them."""

    def __init__(self, *, timed: bool) -> None:
        self.seen = 0
        self.problem = ""
        self.lags: list[tuple[int, int]] = []  # when it was sent and how long it took, microseconds
        self._timed = timed
        self._rest = b""

    def take(self, data: bytes) -> None:
        """Looks at whole events only; the beginning of one waits for its end."""
        data = self._rest + data
        end = data.rfind(EVENT_END) + len(EVENT_END)
        if end < len(EVENT_END):
            end = 0
        self._rest = data[end:]
        numbers = [int(number) for number in NUMBER.findall(data, 0, end)]
        if not numbers:
            return
        if numbers != list(range(self.seen + 1, self.seen + 1 + len(numbers))) and not self.problem:
            self.problem = f"events {numbers[0]} to {numbers[-1]} after event {self.seen}"
        self.seen = numbers[-1]
        if self._timed:
            now = time.time_ns() // 1000
            self.lags += [(int(at), now - int(at)) for at in SENT_AT.findall(data, 0, end)]


class Reader(asyncio.Protocol):
    """One connection: says what its script has it say, then counts events up to `wanted`.

    A script is a list of what to wait for and what to say then.
    """

    def __init__(self, script: list[tuple[str, str]], wanted: int, *, keep: bool, timed: bool) -> None:
        loop = asyncio.get_running_loop()
        self.ready: asyncio.Future[None] = loop.create_future()
        self.done: asyncio.Future[None] = loop.create_future()
        self.tally = Tally(timed=timed)
        self.kept: list[bytes] | None = [] if keep else None
        self.last = 0.0
        self._script = [(wait.encode("latin-1"), say.encode("latin-1")) for wait, say in script]
        self._wanted = wanted
        self._heard = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: Any = transport
        self._converse(b"")

    def data_received(self, data: bytes) -> None:
        if self.kept is not None:
            self.kept.append(data)
        if self._script:
            self._converse(data)
        self.tally.take(data)
        if self.tally.problem or self.tally.seen >= self._wanted > 0:
            self._finish()

    def connection_lost(self, error: Exception | None) -> None:
        if not self.done.done():
            self.tally.problem = f"the connection was closed after {self.tally.seen} events"
            self.tally.problem += f": {self._heard[:300]!r}" if self._script else ""
        self._finish()

    def _converse(self, data: bytes) -> None:
        self._heard += data
        while self._script and self._script[0][0] in self._heard:
            wait, say = self._script.pop(0)
            self._heard = self._heard.partition(wait)[2] if wait else self._heard
            self._transport.write(say)
        if not self._script and not self.ready.done():
            self.ready.set_result(None)

    def _finish(self) -> None:
        for future in (self.ready, self.done):
            if not future.done():
                self.last = time.time()
                future.set_result(None)

    def check(self) -> str:
        """What is wrong with this reader's events, at the end."""
        if self.tally.problem:
            return self.tally.problem
        if self.kept is not None and self.tally.seen >= self._wanted > 0:
            numbers = wire.numbered(b"".join(self.kept))[: self._wanted]
            return "" if numbers == list(range(1, self._wanted + 1)) else "a reader's events do not parse"
        return ""


async def connect(plan: dict[str, Any]) -> list[Reader]:
    """All readers, at most `at_once` of them in the middle of their handshakes."""
    loop, gate = asyncio.get_running_loop(), asyncio.Semaphore(plan["at_once"])

    async def one(number: int, script: list[tuple[str, str]]) -> Reader:
        async with gate:
            reader = Reader(script, plan["events"], keep=number < plan["keep"], timed=plan["timed"])
            await loop.create_connection(lambda: reader, plan["host"], plan["port"])
            await reader.ready
            return reader

    return await asyncio.gather(*(one(*each) for each in enumerate(plan["scripts"])))


async def follow(plan: dict[str, Any]) -> None:
    began = time.time()
    readers = await asyncio.wait_for(connect(plan), plan["timeout"])
    say({"began": began, "connected": time.time()})
    if plan["events"]:
        await asyncio.wait([reader.done for reader in readers], timeout=plan["timeout"])
    say(
        {
            "problems": [problem for reader in readers if (problem := reader.check())],
            "late": sum(reader.tally.seen < plan["events"] for reader in readers),
            "events": sum(reader.tally.seen for reader in readers),
            "last": max(reader.last for reader in readers),
            "lags": sorted(lag for reader in readers for lag in reader.tally.lags),
        }
    )
    await asyncio.to_thread(sys.stdin.read)


def say(told: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(told) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(follow(json.loads(sys.stdin.readline())))
