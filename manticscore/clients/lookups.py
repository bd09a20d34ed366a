"""Looking names up without ever waiting longer than one wants to.

getaddrinfo cannot be interrupted, and its own time limits are longer than ours. An event loop runs it in
its default executor, for whose threads `asyncio.run` waits at its end, so a name server that hangs holds
up whoever had long given up. Here every lookup has a thread of its own that nobody waits for.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any, TypeVar

Result = TypeVar("Result")

MAX_LOOKUPS = 32  # at once in this process

_free = threading.BoundedSemaphore(MAX_LOOKUPS)


class TooManyLookups(OSError):
    """So many names are being looked up that another one would only wait."""


async def look_up(host: Any, port: Any, **hints: int) -> list[Any]:
    """As `socket.getaddrinfo`, with its errors."""
    free = _free
    if not free.acquire(blocking=False):
        raise TooManyLookups("too many names are being looked up")
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[list[Any]] = loop.create_future()

    def work() -> None:
        found: list[Any] | Exception
        try:
            found = list(socket.getaddrinfo(host, port, **hints))
        except Exception as error:
            found = error
        finally:
            free.release()
        with suppress(RuntimeError):  # the loop is closed: nobody waited
            loop.call_soon_threadsafe(settle, answer, found)

    threading.Thread(target=work, name="name lookup", daemon=True).start()
    return await answer


def settle(answer: asyncio.Future[list[Any]], found: list[Any] | Exception) -> None:
    if answer.done():  # nobody waits any more
        return
    if isinstance(found, Exception):
        answer.set_exception(found)
    else:
        answer.set_result(found)


class Loop(asyncio.SelectorEventLoop):
    """An event loop in which libraries look names up in this way too."""

    async def getaddrinfo(self, host: Any, port: Any, **hints: int) -> list[Any]:
        return await look_up(host, port, **hints)


def run(work: Coroutine[Any, Any, Result]) -> Result:
    """As `asyncio.run`, for work that must be over in time whatever name servers do."""
    with asyncio.Runner(loop_factory=Loop) as runner:
        return runner.run(work)
