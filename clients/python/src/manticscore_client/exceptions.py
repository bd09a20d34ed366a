"""What can go wrong.

ClientError
├── ApiError           the server answered with an error
│   ├── Unauthorized   401: the session is over and could not be renewed
│   ├── NotFound       404: it does not exist, or is somebody else's
│   └── TryLater       429 or 503: right now it is too much
├── ConnectionLost     nothing came through for as long as the client is patient
├── SocketClosed       the server closed the WebSocket for good
│   └── Replaced       4003: the same user has opened another one
└── HistoryBroken      a stream contradicts what it promises
    └── Unverifiable   asked to prove a history, but a part of it is not here
"""

from __future__ import annotations


class ClientError(Exception):
    """Base of everything this package raises on purpose."""


class ApiError(ClientError):
    """An error answer. The message is the server's `detail`."""

    def __init__(self, status: int, detail: str, *, retry_after: float = 0.0, request_id: str = "") -> None:
        self.status = status
        self.detail = detail
        self.retry_after = retry_after
        self.request_id = request_id
        super().__init__(f"{status}: {detail}")

    @property
    def may_pass(self) -> bool:
        """Whether the same request may succeed later."""
        return self.status == 429 or self.status >= 500


class Unauthorized(ApiError):
    """The session is over and could not be renewed."""


class NotFound(ApiError):
    """It does not exist, or is somebody else's: the two look the same."""


class TryLater(ApiError):
    """Too many requests, or the server is starting, stopping or without its database."""


class ConnectionLost(ClientError):
    """Nothing came through for as long as the client is patient; the last failure is the cause."""


class SocketClosed(ClientError):
    """The server closed the WebSocket with a code after which coming back is of no use."""

    def __init__(self, code: int, reason: str = "") -> None:
        self.code = code
        super().__init__(f"the WebSocket was closed with {code}{f': {reason}' if reason else ''}")


class Replaced(SocketClosed):
    """The same user opened another WebSocket. Coming back would evict that one in turn, for ever."""


class HistoryBroken(ClientError):
    """Events of a stream were lost, doubled or altered on their way."""

    def __init__(self, message: str, entity_id: str = "") -> None:
        self.entity_id = entity_id
        super().__init__(message)


class Unverifiable(HistoryBroken):
    """A stream ended, but its beginning was not received here or its end carries no proof."""


BY_STATUS: dict[int, type[ApiError]] = {401: Unauthorized, 404: NotFound, 429: TryLater, 503: TryLater}
