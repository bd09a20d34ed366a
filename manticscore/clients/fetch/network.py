"""Connections that go where the rules allow, decided on the addresses that are really connected to.

A name is resolved once per connection and connected to by address, so a second answer of its name
server (DNS rebinding) is never asked for. TLS still verifies the name.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import httpcore

from manticscore.clients import lookups
from manticscore.clients.fetch.errors import Unreachable
from manticscore.clients.fetch.rules import Rules

Resolve = Callable[[str, int], Awaitable[list[str]]]

MAX_ADDRESSES = 4  # tried, of one name


async def system_resolver(host: str, port: int) -> list[str]:
    """The addresses of a name, from the system; none for one that it does not know."""
    try:
        rows = await lookups.look_up(host, port, type=socket.SOCK_STREAM)
    except lookups.TooManyLookups as error:
        raise Unreachable(str(error), reason="busy") from None
    except (OSError, UnicodeError):
        return []
    return [str(row[4][0]) for row in rows]


class CheckedNetwork(httpcore.AsyncNetworkBackend):
    """Opens connections for httpcore, within the rules."""

    def __init__(self, rules: Rules, resolve: Resolve) -> None:
        self._rules = rules
        self._resolve = resolve
        self._sockets = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109  (httpcore's interface)
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        found = self._rules.select(host, port, await self._resolve(host, port))
        failure: Exception = Unreachable("the host does not answer")
        for address in found[:MAX_ADDRESSES]:
            try:
                stream = await self._sockets.connect_tcp(address, port, timeout)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
                continue
            try:
                self._check(host, port, stream)
            except BaseException:
                await stream.aclose()
                raise
            return stream
        raise failure

    def _check(self, host: str, port: int, stream: httpcore.AsyncNetworkStream) -> None:
        local, peer = stream.get_extra_info("client_addr"), stream.get_extra_info("server_addr")
        self._rules.check_connection(host, port, str(local[0]), str(peer[0]))

    async def connect_unix_socket(self, *args: Any, **options: Any) -> httpcore.AsyncNetworkStream:
        raise Unreachable("pages do not live in files")

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
