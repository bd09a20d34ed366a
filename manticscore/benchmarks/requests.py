"""Requests per second of a protected GET, beside a view that does nothing and a tutorial's way to write it.

Every figure comes from a real server process on its own port, loaded by `wrk` over kept connections, in
rounds that alternate between what is compared. The processor time that a request cost the server is
measured too: unlike a rate it does not depend on what else the machine is doing.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import jwt
import psutil
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.utils import timezone

from accounts import sessions
from accounts.models import Principal
from manticscore.benchmarks import Measurement, Note, Sizes, figure
from manticscore.benchmarks.server import environment, started
from manticscore.benchmarks.systems import Place
from realtime.models import Stream
from realtime.topics import Channel
from research.models import ResearchJob

CONNECTIONS = 16
OF_BARE = 0.6  # of what the same server makes of a view that does nothing
OF_TUTORIAL = 3.0  # times the same GET as tutorials write it, under the same handler and middleware
OF_JWT = 1.0
ISSUER, PARTY = "https://bench.invalid", "http://bench.invalid"
RATE = re.compile(r"Requests/sec:\s+([\d.]+)")
TOTAL = re.compile(r"(\d+) requests in")
BAD = re.compile(r"Non-2xx or 3xx responses: (\d+)")


class NoLoad(Exception):
    """The server did not answer as expected."""


@dataclass(slots=True)
class Target:
    """One way to ask, and what the rounds gave: requests per second, microseconds of processor each."""

    url: str
    token: str = ""
    rates: list[float] = field(default_factory=list)
    costs: list[float] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Sample:
    """Whose job is asked for."""

    job: uuid.UUID
    token: str
    jwt: str
    pem: str


def can_load() -> bool:
    """Whether there is something to make load with."""
    return shutil.which("wrk") is not None


def measure(place: Place, rounds: int, sizes: Sizes, note: Note) -> list[Measurement]:
    sample = made_sample()
    clerk = {"CLERK_ISSUER": ISSUER, "CLERK_AUTHORIZED_PARTIES": PARTY, "CLERK_JWT_PEM": sample.pem}
    told = {**environment(place.database), **clerk, "LOG_LEVEL": "WARNING"}
    with comparison("ours", told) as (base, process), comparison("stock", told) as (stock, stock_process):
        status = f"{base}/research/{sample.job}/status"
        targets = {
            "bare": Target(f"{base}/bench/bare"),
            "session": Target(status, sample.token),
            "jwt": Target(status, sample.jwt),
            "tutorial": Target(f"{base}/bench/tutorial/{sample.job}", sample.token),
            "stock": Target(f"{stock}/bench/tutorial/{sample.job}", sample.token),
            "anonymous": Target(f"{base}/auth/anonymous"),
        }
        processes = {name: stock_process if name == "stock" else process for name in targets}
        for number in range(rounds + 1):
            for name, target in targets.items():
                load(target, processes[name], sizes.seconds)
                if number == 0:  # warms up
                    target.rates.clear()
                    target.costs.clear()
    return rows(targets)


def rows(targets: Mapping[str, Target]) -> list[Measurement]:
    names = {
        "bare": "async view that does nothing",
        "session": "GET status with a session token",
        "jwt": "GET status with an RS256 JWT",
        "tutorial": "the same GET, DRF and ORM, our handler",
        "stock": "the same GET, DRF and ORM, stock Django",
        "anonymous": "POST /auth/anonymous",
    }
    made = []
    for name, target in targets.items():
        made.append(figure(names[name], "requests/s", target.rates))
        made.append(figure(f"{names[name]}: processor", "µs each", target.costs))
    for name, required in (("bare", OF_BARE), ("tutorial", OF_TUTORIAL), ("stock", None), ("jwt", OF_JWT)):
        pairs = zip(targets["session"].rates, targets[name].rates, strict=True)
        made.append(figure(f"session / {name}", "ratio", [ours / other for ours, other in pairs], required))
        pairs = zip(targets[name].costs, targets["session"].costs, strict=True)
        made.append(figure(f"session / {name}, by processor", "ratio", [a / b for a, b in pairs]))
    return made


def made_sample() -> Sample:
    owner = Principal.objects.create(id="user_bench")
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    now = int(timezone.now().timestamp())
    claims = {"iss": ISSUER, "azp": PARTY, "sub": owner.id, "iat": now, "nbf": now, "exp": now + 3600}
    stream = Stream.objects.create(id=uuid.uuid4(), owner=owner, channel=Channel.RESEARCH, attempt=1)
    ResearchJob.objects.create(stream=stream, owner=owner, idea="a box", as_of=timezone.now().date())
    return Sample(stream.id, sessions.mint(owner), jwt.encode(claims, key, "RS256"), pem)


@contextmanager
def comparison(kind: str, told: Mapping[str, str]) -> Iterator[tuple[str, psutil.Process]]:
    """The server of that kind, for the length of the block."""
    command = [sys.executable, "-m", "manticscore.benchmarks.comparison", kind]
    with started(command, {**told, "DJANGO_SETTINGS_MODULE": "manticscore.settings"}) as (url, server):
        yield url, psutil.Process(server.pid)


def load(target: Target, server: psutil.Process, seconds: float) -> None:
    """One round. Raises NoLoad when anything but success came back."""
    before = server.cpu_times()
    done, rate = wrk(target, seconds)
    after = server.cpu_times()
    used = after.user + after.system - before.user - before.system
    target.rates.append(rate)
    target.costs.append(used / done * 1e6)


def wrk(target: Target, seconds: float) -> tuple[int, float]:
    command: list[Any] = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{max(1, round(seconds))}s"]
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write(POST if target.url.endswith("/auth/anonymous") else "")
        script.flush()
        headers = ["-H", f"Authorization: Bearer {target.token}"] if target.token else []
        said = subprocess.run(
            [*command, *headers, "-s", script.name, target.url], capture_output=True, text=True, check=True
        ).stdout
    rate, total, bad = RATE.search(said), TOTAL.search(said), BAD.search(said)
    if rate is None or total is None or bad is not None or not int(total[1]):
        raise NoLoad(f"{target.url} answered {httpx.get(target.url, trust_env=False).status_code}:\n{said}")
    return int(total[1]), float(rate[1])


POST = """
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
local number = 0
request = function()
  number = number + 1
  return wrk.format(nil, nil, nil, '{"device_id": "bench ' .. number .. '"}')
end
"""
