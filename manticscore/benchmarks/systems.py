"""What is measured side by side: this project and its peers, each followed and written to in its own way."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

import httpx
from django.conf import settings
from websockets.sync.client import connect

from manticscore.benchmarks import wire
from manticscore.benchmarks.load import TIMEOUT, Lost, Script
from manticscore.benchmarks.server import environment, running, started
from realtime.emission import Emission, Pace, Target

WRITERS = 4  # processes; several commits share one write to the disk
SOCKET_IO = "socket.io@4.8.4"
PEERS = Path(__file__).parent / "peers"
OURS, CHANNELS, NODE, BROADCAST = "ours", "tutorial Channels", "Socket.IO", "bare broadcast"


class Absent(Exception):
    """A peer cannot be started here; the message says why."""


@dataclass(frozen=True, slots=True)
class Place:
    """The database and the Redis of this run."""

    database: str
    redis: str

    def environment(self) -> dict[str, str]:
        return {**environment(self.database), "REDIS_URL": self.redis, "LOG_LEVEL": "WARNING"}


class System(Protocol):
    """A server with streams. `pid` is its process."""

    @property
    def pid(self) -> int: ...

    @property
    def address(self) -> tuple[str, int]: ...

    def socket(self, target: Target) -> Script:
        """How a reader follows a stream over a WebSocket."""

    def write(self, targets: Sequence[Target], pace: Pace) -> Emission:
        """Have events sent to all streams."""


@dataclass(frozen=True, slots=True)
class Ours:
    """A server process of this project, written to by `manage.py emit` in processes of its own."""

    url: str
    pid: int
    place: Place

    @property
    def address(self) -> tuple[str, int]:
        return address(self.url)

    def socket(self, target: Target) -> Script:
        subscribe = {"action": "subscribe", "channel": "research", "entity_id": target.stream, "cursor": 0}
        return [
            ("", wire.upgrade(f"/ws?token={target.token}")),
            ('"connected"', wire.frame(json.dumps(subscribe))),
            ('"subscribed"', ""),
        ]

    def lines(self, target: Target) -> Script:
        """How a reader follows a stream as NDJSON."""
        return [("", wire.get(f"/research/{target.stream}/events", target.token)), ('"stream_start"', "")]

    def write(self, targets: Sequence[Target], pace: Pace) -> Emission:
        command = [sys.executable, str(settings.BASE_DIR / "manage.py"), "emit", "--to", "-", "--keep-open"]
        options = {**asdict(pace), "processes": WRITERS}
        said = subprocess.run(
            [*command, *(f"--{name}={value}" for name, value in options.items())],
            input=json.dumps({"streams": [asdict(target) for target in targets]}),
            capture_output=True,
            text=True,
            env=self.place.environment(),
            check=False,
        )
        if said.returncode:
            raise Lost(f"manage.py emit failed: {said.stderr[-1000:]}")
        return Emission(**json.loads(said.stdout)["emission"])


@dataclass(frozen=True, slots=True)
class Channels:
    """The Channels tutorial on daphne, written to by `group_send` from processes of their own."""

    url: str
    pid: int
    place: Place

    @property
    def address(self) -> tuple[str, int]:
        return address(self.url)

    def socket(self, target: Target) -> Script:
        return [("", wire.upgrade(f"/events/{target.stream}")), ("101 Switching", "")]

    def write(self, targets: Sequence[Target], pace: Pace) -> Emission:
        command = [sys.executable, "-m", "manticscore.benchmarks.peers.channels_writer", self.place.redis]
        shares = [share for number in range(WRITERS) if (share := targets[number::WRITERS])]
        writers = [
            subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=settings.BASE_DIR, text=True
            )
            for _ in shares
        ]
        for writer, share in zip(writers, shares, strict=True):
            assert writer.stdin
            writer.stdin.write(order(share, pace, part=len(share) / len(targets)))
            writer.stdin.close()
            writer.stdin = None
        said = [Emission(**json.loads(writer.communicate()[0])) for writer in writers]
        return Emission(
            sum(each.events for each in said),
            min(each.first for each in said),
            max(each.last for each in said),
            max(each.behind for each in said),
        )


@dataclass(frozen=True, slots=True)
class SocketIO:
    """Rooms on Node, which sends to them itself."""

    url: str
    pid: int

    @property
    def address(self) -> tuple[str, int]:
        return address(self.url)

    def socket(self, target: Target) -> Script:
        return [
            ("", wire.upgrade("/socket.io/?EIO=4&transport=websocket")),
            ('0{"sid"', wire.frame("40")),
            ('40{"sid"', wire.frame(f'420["follow","{target.stream}"]')),
            ("430[]", ""),
        ]

    def write(self, targets: Sequence[Target], pace: Pace) -> Emission:
        answer = httpx.post(
            f"{self.url}/write", content=order(targets, pace), timeout=TIMEOUT, trust_env=False
        )
        return Emission(**answer.raise_for_status().json())


@dataclass(frozen=True, slots=True)
class Broadcast:
    """A bare server on `websockets`, which sends itself; see its module for `blast`."""

    url: str
    pid: int
    blast: bool = False

    @property
    def address(self) -> tuple[str, int]:
        return address(self.url)

    def socket(self, target: Target) -> Script:
        return [("", wire.upgrade(f"/{target.stream}")), ("101 Switching", "")]

    def write(self, targets: Sequence[Target], pace: Pace) -> Emission:
        with connect(f"{self.url.replace('http', 'ws')}/control", max_size=None, proxy=None) as control:
            control.send(order(targets, pace, blast=self.blast))
            return Emission(**json.loads(control.recv(TIMEOUT)))


def order(targets: Sequence[Target], pace: Pace, *, part: float = 1.0, blast: bool = False) -> str:
    """What a peer is told to send; `part` of the rate is this one's."""
    streams = [target.stream for target in targets]
    return json.dumps({**asdict(pace), "rate": pace.rate * part, "streams": streams, "blast": blast})


@contextmanager
def ours(place: Place) -> Iterator[Ours]:
    more = {"REDIS_URL": place.redis, "LOG_LEVEL": "WARNING"}
    with running(place.database, "--no-worker", **more) as server:
        yield Ours(server.url, server.pid, place)


@contextmanager
def channels(place: Place) -> Iterator[Channels]:
    command = [sys.executable, "-m", "manticscore.benchmarks.peers.channels_server", place.redis]
    with started(command, place.environment()) as (url, process):
        yield Channels(url, process.pid, place)


@contextmanager
def socket_io(place: Place) -> Iterator[SocketIO]:
    told = {**place.environment(), "NODE_PATH": str(socket_io_modules())}
    with started(["node", str(PEERS / "socketio.js")], told) as (url, process):
        yield SocketIO(url, process.pid)


@contextmanager
def broadcast(place: Place, *, blast: bool = False) -> Iterator[Broadcast]:
    command = [sys.executable, "-m", "manticscore.benchmarks.peers.broadcast"]
    with started(command, place.environment()) as (url, process):
        yield Broadcast(url, process.pid, blast)


Start = Callable[[Place], AbstractContextManager[System]]
ALL: dict[str, Start] = {OURS: ours, CHANNELS: channels, NODE: socket_io, BROADCAST: broadcast}


def socket_io_modules() -> Path:
    """Where Socket.IO is installed; installs it when it is not. Raises Absent."""
    if not shutil.which("npm") or not shutil.which("node"):
        raise Absent("npm is not installed")
    folder: Path = settings.DATA_DIR / "bench"
    if not (folder / "node_modules" / "socket.io").exists():
        folder.mkdir(parents=True, exist_ok=True)
        command = ["npm", "install", "--no-audit", "--no-fund", "--prefix", str(folder), SOCKET_IO]
        installed = subprocess.run(command, capture_output=True, text=True, check=False)
        if installed.returncode:
            raise Absent(f"npm could not install {SOCKET_IO}")
    return folder / "node_modules"


def address(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    assert parts.hostname
    assert parts.port
    return parts.hostname, parts.port
