"""Fetching a page of the public internet, whatever its site tries."""

from __future__ import annotations

import asyncio
import datetime
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from urllib.parse import urljoin

import httpcore

from manticscore.clients.fetch import content, robots
from manticscore.clients.fetch.errors import (
    BadContent,
    BadStatus,
    Disallowed,
    FetchError,
    Refused,
    Unreachable,
)
from manticscore.clients.fetch.network import CheckedNetwork, Resolve, system_resolver
from manticscore.clients.fetch.robots import Robots
from manticscore.clients.fetch.rules import Rules
from manticscore.clients.fetch.turns import Turns
from manticscore.clients.fetch.urls import Target, parse

PAGES = frozenset({"text/html", "application/xhtml+xml", "text/plain"})
LISTS = frozenset({"text/plain", "text/xml", "application/xml", "application/rss+xml", "application/gzip",
                   "application/x-gzip"})  # fmt: skip
ANYTHING: frozenset[str] = frozenset()
REDIRECTS = frozenset({301, 302, 303, 307, 308})


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds and bytes. `seconds` is for everything: names, connections, redirects, robots.txt, body."""

    seconds: float = 15.0
    connect: float = 5.0
    bytes: int = 10 * 1024 * 1024
    redirects: int = 5
    turn: float = 30.0  # waiting for busy hosts, all of one visit, is not counted in `seconds`
    believe_robots: float = 24 * 3600.0
    believe_failure: float = 600.0


@dataclass(frozen=True, slots=True)
class Page:
    """An answer that was read completely. `url` is where the redirects ended."""

    url: str
    content_type: str
    charset: str
    body: bytes = field(repr=False)
    fetched_at: datetime.datetime

    @property
    def text(self) -> str:
        """Raises BadContent when it is none."""
        return content.decode(self.body, self.charset)


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer, its body unread."""

    status: int
    headers: Mapping[str, str]
    chunks: AsyncIterator[bytes]


@dataclass(slots=True)
class Visit:
    """A page being fetched: its connections, its deadline, and the hosts that gave it a turn."""

    pool: httpcore.AsyncConnectionPool
    deadline: asyncio.Timeout
    patience: float
    hosts: set[str] = field(default_factory=set)

    def extend(self, wait: float) -> None:
        """Waiting for a turn takes nothing from the page's time, but from the patience for other turns."""
        self.patience -= wait
        self.deadline.reschedule((self.deadline.when() or 0.0) + wait)


@lru_cache(maxsize=1)
def certificates() -> ssl.SSLContext:
    return httpcore.default_ssl_context()


# What is known about sites, for all fetchers of this process.
KNOWN_ROBOTS = robots.Memory()
TURNS = Turns(gap=1.0)


class Fetcher:
    """One GET after another, each within the limits and the rules."""

    def __init__(
        self,
        rules: Rules,
        agent: str,
        *,
        limits: Limits | None = None,
        resolve: Resolve = system_resolver,
        memory: robots.Memory = KNOWN_ROBOTS,
        turns: Turns = TURNS,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._rules = rules
        self._agent = agent
        self._limits = limits or Limits()
        self._resolve = resolve
        self._memory = memory
        self._turns = turns
        self._tls = tls

    async def get(self, url: str, types: frozenset[str] = PAGES) -> Page:
        """The page under the URL. Raises FetchError, within the time limits, and nothing else."""
        target = self._checked(url)
        try:
            async with asyncio.timeout(self._limits.seconds) as deadline, self._connections() as pool:
                visit = Visit(pool, deadline, self._limits.turn)
                return await self._follow(visit, target, types, obey=True)
        except TimeoutError:
            raise Unreachable(
                f"no complete answer within {self._limits.seconds:g} s", reason="deadline"
            ) from None
        except (httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProxyError, OSError) as error:
            raise Unreachable(f"the host does not answer ({type(error).__name__})") from None
        except (httpcore.ProtocolError, httpcore.UnsupportedProtocol, ValueError):
            raise BadContent("the answer is not proper HTTP", reason="protocol") from None

    def _checked(self, url: str) -> Target:
        target = parse(url)
        self._rules.check_target(target)
        return target

    async def _wait_for_turn(self, visit: Visit, target: Target) -> None:
        """One turn for each host that a visit leads to, with its robots.txt and its page."""
        if target.authority in visit.hosts:
            return
        known = self._memory.get(target.origin)
        wait = self._turns.take(target.authority, visit.patience, known.delay if known else 0.0)
        if wait is None:
            raise Unreachable("too many pages of this host are waiting", reason="busy")
        visit.hosts.add(target.authority)
        if wait:
            visit.extend(wait)
            await asyncio.sleep(wait)

    @asynccontextmanager
    async def _connections(self) -> AsyncIterator[httpcore.AsyncConnectionPool]:
        """Connections of one page only, so that nothing is carried from one site to the next."""
        network = CheckedNetwork(self._rules, self._resolve)
        async with httpcore.AsyncConnectionPool(
            ssl_context=self._tls or certificates(), max_connections=4, retries=0, network_backend=network
        ) as pool:
            yield pool

    async def _follow(self, visit: Visit, target: Target, types: frozenset[str], *, obey: bool) -> Page:
        """Redirects by hand: every hop is checked like the first URL."""
        for _ in range(self._limits.redirects + 1):
            await self._wait_for_turn(visit, target)
            if obey:
                await self._obey_robots(visit, target)
            async with self._answer(visit.pool, target) as answer:
                if answer.status not in REDIRECTS:
                    return await self._read(target, answer, types)
                location = answer.headers.get("location", "")
            target = self._redirected(target, location)
        raise Refused(f"more than {self._limits.redirects} redirects", reason="redirects")

    def _redirected(self, source: Target, location: str) -> Target:
        try:
            joined = urljoin(source.url, location.partition("#")[0])
        except ValueError:
            raise Refused("the URL is malformed", reason="url") from None
        target = self._checked(joined)
        if (source.scheme, target.scheme) == ("https", "http"):
            raise Refused("a redirect leaves https", reason="scheme")
        return target

    @asynccontextmanager
    async def _answer(self, pool: httpcore.AsyncConnectionPool, target: Target) -> AsyncIterator[Answer]:
        url = httpcore.URL(
            scheme=target.scheme.encode(),
            host=target.host.encode(),
            port=target.port,
            target=target.path.encode(),
        )
        seconds = self._limits.seconds
        times = {"connect": self._limits.connect, "read": seconds, "write": seconds, "pool": seconds}
        headers = [
            ("Host", target.authority),
            ("User-Agent", self._agent),
            ("Accept", "text/html,application/xhtml+xml,text/plain;q=0.8,*/*;q=0.1"),
            ("Accept-Language", "en,*;q=0.5"),
            ("Accept-Encoding", "gzip, identity"),
        ]
        async with pool.stream("GET", url, headers=headers, extensions={"timeout": times}) as response:
            found = {name.decode("latin-1").lower(): text(value) for name, value in response.headers}
            yield Answer(response.status, found, response.aiter_stream())

    async def _read(self, target: Target, answer: Answer, types: frozenset[str]) -> Page:
        if answer.status != 200:
            raise BadStatus(answer.status)
        kind, charset = media_type(answer.headers.get("content-type", ""))
        if types and kind not in types:
            raise BadContent("the answer is of another type", reason="type")
        length = answer.headers.get("content-length", "")
        if length.isdecimal() and int(length) > self._limits.bytes:
            raise content.too_large()
        body = await content.read(
            answer.chunks, answer.headers.get("content-encoding", ""), self._limits.bytes
        )
        now = datetime.datetime.now(datetime.UTC)
        return Page(target.url, kind, charset, body, now)

    async def _obey_robots(self, visit: Visit, target: Target) -> None:
        known = self._memory.get(target.origin)
        if known is None:
            known = await self._ask_robots(visit, target)
        if not known.allows(target.path):
            raise Disallowed("the site does not want programs to read this page")

    async def _ask_robots(self, visit: Visit, target: Target) -> Robots:
        """RFC 9309: no file means no rules, a server in trouble means to stay away for now."""
        place = Target(target.scheme, target.host, target.port, "/robots.txt")
        try:
            page = await self._follow(visit, place, ANYTHING, obey=False)
            found = robots.parse(page.body[: robots.MAX_BYTES].decode("utf-8", "replace"))
        except BadStatus as error:
            found = robots.EVERYTHING if 400 <= error.status < 500 and error.status != 429 else robots.NOTHING
        except (Refused, BadContent) as error:
            if error.reason == "address":
                raise
            found = robots.EVERYTHING
        trouble = found is robots.NOTHING
        self._memory.put(
            target.origin, found, self._limits.believe_failure if trouble else self._limits.believe_robots
        )
        return found


def media_type(value: str) -> tuple[str, str]:
    """The type and its charset, "" for one that is not told."""
    kind, *parameters = value.lower().split(";")
    named = dict(parameter.strip().partition("=")[::2] for parameter in parameters[:10])
    return kind.strip(), named.get("charset", "").strip()


def text(value: bytes) -> str:
    """A header's value; sites write UTF-8 where Latin-1 is the rule."""
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return value.decode("latin-1")


__all__ = ["ANYTHING", "LISTS", "PAGES", "FetchError", "Fetcher", "Limits", "Page"]
