"""One log line per request and per WebSocket connection, and the id that all their lines carry."""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from manticscore import logs
from manticscore.lib.redact import one_line, redact

MAX_PATH = 200  # characters
CLIENT_LEFT = 499  # of a request that was given up before its answer began
REQUEST = "manticscore.request"  # key of the scope
ABNORMAL = 1006  # of a socket that nobody closed

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Any, Any, Any], Awaitable[None]]

logger = logging.getLogger("manticscore.access")


def new_request_id() -> str:
    """16 hex characters, as the contract's samples have them."""
    return secrets.token_hex(8)


class AccessLog:
    """Wraps the whole ASGI application."""

    def __init__(self, application: Application) -> None:
        self._application = application

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        request = logs.Request(new_request_id())
        scope[REQUEST] = request
        logs.current.set(request)
        started = time.perf_counter()
        status = ABNORMAL if scope["type"] == "websocket" else CLIENT_LEFT

        async def hearing() -> Message:
            nonlocal status
            message = await receive()
            if message["type"] == "websocket.disconnect" and status == ABNORMAL:
                status = message.get("code", ABNORMAL)
            return message

        async def watching(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            elif message["type"] == "websocket.close":
                status = message.get("code", 1000)
            await send(message)

        try:
            await self._application(scope, hearing, watching)
        except Exception:
            status = 500
            raise
        finally:
            write(scope, status, (time.perf_counter() - started) * 1000, request.principal)


def write(scope: Message, status: int, milliseconds: float, principal: str) -> None:
    """The query is left out: it may carry a token."""
    if not logger.isEnabledFor(logging.INFO):
        return
    method = scope.get("method", "WS")
    path = one_line(redact(scope["path"]))[:MAX_PATH]
    took = round(milliseconds, 1)
    access = {"method": method, "path": path, "status": status, "ms": took, "principal": principal}
    logger.info("%s %s %s %s ms %s", method, path, status, took, principal, extra={"access": access})
