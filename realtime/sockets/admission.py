"""Who may open a socket: where its token stands, and how a connection is refused."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs

from accounts import sessions
from manticscore import errors
from realtime.connections import TooManyConnections
from realtime.events import frame
from realtime.sockets.messages import BadFrame
from realtime.sockets.session import (
    AUTH_EXPIRED,
    INVALID_TOKEN,
    TRY_AGAIN_LATER,
    Action,
    Close,
    Send,
    refusal,
    unavailable,
)

SUBPROTOCOL = "manticscore.v1"
TOKEN_PREFIX = "bearer."  # of a value beside it

Scope = dict[str, Any]
Refused = (errors.Unauthorized, errors.Unavailable, TooManyConnections)


def subprotocol(scope: Scope) -> str | None:
    """What the server agrees to. The value with the token is never repeated."""
    return SUBPROTOCOL if SUBPROTOCOL in scope.get("subprotocols", ()) else None


def token_from(scope: Scope) -> str:
    """The token in the query or, so that it need not stand in a URL, in a header.

    Browsers can set one header only: `new WebSocket(url, ["manticscore.v1", "bearer." + token])`.
    """
    query: dict[str, list[str]] = parse_qs(scope["query_string"].decode("latin-1"))
    if "token" in query:
        return query["token"][0]
    for value in scope.get("subprotocols", ()):
        if value.startswith(TOKEN_PREFIX):
            return str(value.removeprefix(TOKEN_PREFIX))
    headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
    return sessions.bearer_token(headers.get(b"authorization", ""))


def refused(error: Exception) -> list[Action]:
    """What a client is told that gets no connection. `error` is one of Refused."""
    if isinstance(error, errors.TokenExpired):
        return [Send(frame("auth_expired")), Close(AUTH_EXPIRED, error.detail)]
    if isinstance(error, errors.Unauthorized):
        return [Close(INVALID_TOKEN, error.detail)]
    if isinstance(error, TooManyConnections):
        wait, reason = error.retry_after, "too many connections"
        told = BadFrame("TOO_MANY_CONNECTIONS", str(error), retryable=True, retry_after=wait)
        return [refusal(told), Close(TRY_AGAIN_LATER, reason)]
    return [refusal(unavailable()), Close(TRY_AGAIN_LATER, "service unavailable")]
