"""Session tokens: where they come from, and when the next one is due."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from manticscore_client.exceptions import Unauthorized
from manticscore_client.timing import Timing
from manticscore_client.transport import Transport


@dataclass(frozen=True, slots=True)
class Token:
    """A session token and how many seconds it is good for."""

    text: str = field(repr=False)
    expires_in: float

    @classmethod
    def of(cls, answer: dict[str, Any]) -> Token:
        return cls(str(answer["token"]), float(answer["expires_in"]))


SignIn = Callable[[Transport], Awaitable[Token]]
"""Gets a new token; called for the first one and whenever one is about to expire."""


def anonymous(device_id: str) -> SignIn:
    """Sessions of a device on which nobody signed in. The same id means the same work, later too."""

    async def sign_in(transport: Transport) -> Token:
        body = {"device_id": device_id}
        return Token.of(await transport.call("POST", "/auth/anonymous", body=body, retry=True))

    return sign_in


def from_jwt(jwt: Callable[[], Awaitable[str]]) -> SignIn:
    """Sessions of a signed-in user. `jwt` is asked for a fresh Clerk JWT whenever one is needed."""

    async def sign_in(transport: Transport) -> Token:
        return Token.of(await transport.call("POST", "/auth/session", token=await jwt(), retry=True))

    return sign_in


def fixed(token: str) -> SignIn:
    """A token from elsewhere. When it expires there is no other, and Unauthorized is raised."""
    given = False

    async def sign_in(transport: Transport) -> Token:
        nonlocal given
        if given:
            raise Unauthorized(401, "the session token is over and there is no way to get another")
        given = True
        return Token(token, float("inf"))

    return sign_in


class Session:
    """The current token. Many may ask at once; one of them renews it for all."""

    def __init__(self, transport: Transport, sign_in: SignIn) -> None:
        self._transport = transport
        self._sign_in = sign_in
        self._token: Token | None = None
        self._renew_at = 0.0
        self._lock = asyncio.Lock()

    @property
    def timing(self) -> Timing:
        return self._transport.timing

    @property
    def due_in(self) -> float:
        """Seconds until the token should be renewed."""
        return self._renew_at - time.monotonic()

    @property
    def lifetime(self) -> float:
        """For how many seconds the current token was good when it was new; 0 before the first."""
        return self._token.expires_in if self._token else 0.0

    async def token(self) -> str:
        """A token that is good for a while."""
        async with self._lock:
            if self._token is None or self.due_in <= 0:
                await self._renew()
            return self._current()

    async def instead_of(self, refused: str) -> str:
        """Another token than the one that the server just refused."""
        async with self._lock:
            if self._token is None or self._token.text == refused:
                await self._renew()
            return self._current()

    async def _renew(self) -> None:
        asked_at = time.monotonic()
        self._token = await self._sign_in(self._transport)
        life = self._token.expires_in
        self._renew_at = asked_at + max(life / 2, life - self._transport.timing.renew_ahead)

    def _current(self) -> str:
        assert self._token is not None
        return self._token.text
