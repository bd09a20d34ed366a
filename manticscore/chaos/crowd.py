"""Ten WebSockets of one user at the same moment: in the end exactly one is open."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from manticscore.chaos.history import Violation

SIZE = 10
REPLACED = 4003
TRY_LATER = 1013
AT_REST = 6.0  # seconds after which those that lost must be closed, also while Redis is away
ANSWER = 5.0
LOOK_AGAIN = 0.05
AFTER_DISTURBANCE = 0.5
CATCHING_UP = 60.0
LATER = frozenset({REPLACED, TRY_LATER})
GONE = (ConnectionClosed, InvalidHandshake, httpx.HTTPError, OSError, TimeoutError)


class Disturbed(Exception):
    """Another fault struck in the middle: the round says nothing, and is made again."""


@dataclass
class Crowd:
    """Rounds of simultaneous connects, each by a new user, at all web processes in turn."""

    urls: Sequence[str]
    rounds: int = 0
    disturbed: int = 0
    violations: list[Violation] = field(default_factory=list)
    closed_with: Counter[int] = field(default_factory=Counter)

    async def run(self, rounds: int, seconds: float) -> None:
        """That many rounds, spread over the time; a little longer when many of them were disturbed."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        while self.rounds < rounds and loop.time() < began + seconds + CATCHING_UP:
            due = began + self.rounds * seconds / rounds
            await asyncio.sleep(max(0.0, due - loop.time()))
            await self.round()

    async def round(self) -> None:
        try:
            open_at_rest = await self._meet()
        except (Disturbed, *GONE):
            self.disturbed += 1
            await asyncio.sleep(AFTER_DISTURBANCE)
            return
        self.rounds += 1
        if open_at_rest != 1:
            where = f"round {self.rounds}"
            what = f"{open_at_rest} of {SIZE} simultaneous connections were open at rest"
            self.violations.append(Violation("I12", where, what))

    async def _meet(self) -> int:
        token = await self._sign_in()
        attempts = [self._open(number, token) for number in range(SIZE)]
        opened = await asyncio.gather(*attempts, return_exceptions=True)
        sockets = [one for one in opened if isinstance(one, ClientConnection)]
        try:
            if len(sockets) < SIZE:
                raise Disturbed
            return await self._at_rest(sockets)
        finally:
            await asyncio.gather(*(one.close() for one in sockets), return_exceptions=True)

    async def _sign_in(self) -> str:
        async with httpx.AsyncClient(base_url=self.urls[0], timeout=ANSWER, trust_env=False) as http:
            answer = await http.post("/auth/anonymous", json={"device_id": f"crowd-{uuid.uuid4()}"})
            return str(answer.raise_for_status().json()["token"])

    async def _open(self, number: int, token: str) -> ClientConnection:
        url = self.urls[number % len(self.urls)].replace("http", "ws", 1)
        headers = {"Authorization": f"Bearer {token}"}
        return await connect(
            f"{url}/ws", additional_headers=headers, proxy=None, open_timeout=ANSWER, close_timeout=1,
            ping_interval=None, compression=None,
        )  # fmt: skip

    async def _at_rest(self, sockets: Sequence[ClientConnection]) -> int:
        """How many are open when nothing changes any more.

        One that was accepted but never greeted is not served yet, because the database is away: then
        nothing is at rest.
        """
        greeted: set[ClientConnection] = set()
        closings = [asyncio.create_task(closing(one, greeted)) for one in sockets]
        try:
            await until_one_is_left(closings)
            codes = [task.result() for task in closings if task.done()]
            still_open = {one for one, task in zip(sockets, closings, strict=True) if not task.done()}
            if not LATER.issuperset(codes) or still_open - greeted:
                raise Disturbed
            self.closed_with.update(codes)
            return len(still_open)
        finally:
            for task in closings:
                task.cancel()
            await asyncio.gather(*closings, return_exceptions=True)


async def closing(socket: ClientConnection, greeted: set[ClientConnection]) -> int:
    """Wait for the end of a connection; returns the code. Notes whether the server serves it."""
    try:
        while True:
            if json.loads(await socket.recv())["event"] == "connected":
                greeted.add(socket)
    except ConnectionClosed as closed:
        return closed.rcvd.code if closed.rcvd else 0


async def until_one_is_left(closings: Sequence[asyncio.Task[int]]) -> None:
    """Until only one is open, and then a little longer: it must not close as well."""
    give_up_at = asyncio.get_running_loop().time() + AT_REST
    while asyncio.get_running_loop().time() < give_up_at:
        await asyncio.sleep(LOOK_AGAIN)
        if sum(not task.done() for task in closings) <= 1:
            await asyncio.sleep(10 * LOOK_AGAIN)
            return
