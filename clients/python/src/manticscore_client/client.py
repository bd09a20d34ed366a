"""The API of one server, for one user."""

from __future__ import annotations

import uuid
from collections.abc import AsyncGenerator
from typing import Any

from manticscore_client.events import Event
from manticscore_client.exceptions import Unauthorized
from manticscore_client.history import History
from manticscore_client.sessions import Session, SignIn
from manticscore_client.socket import Socket
from manticscore_client.streams import follow
from manticscore_client.timing import Timing
from manticscore_client.transport import Transport

DEFAULT = Timing()


class Client:
    """Requests, streams and WebSockets of a user. Use as an async context manager.

    `sign_in` is `anonymous(device_id)`, `from_jwt(callable)`, `fixed(token)`, or a function of one's own.
    """

    def __init__(
        self, url: str, sign_in: SignIn, *, timing: Timing = DEFAULT, trust_env: bool = True
    ) -> None:
        self._transport = Transport(url, timing, trust_env=trust_env)
        self._trust_env = trust_env
        self.session = Session(self._transport, sign_in)

    async def __aenter__(self) -> Client:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        await self._transport.aclose()

    async def get(self, path: str) -> Any:
        """The JSON of any GET route. Made again while the server is away."""
        return await self._call("GET", path, retry=True)

    async def get_public(self, path: str) -> Any:
        """The JSON of a route that takes no session, as `/readyz`. Made again while the server is away."""
        return await self._transport.call("GET", path, retry=True)

    async def post(self, path: str, body: Any = None, *, idempotency_key: str = "") -> Any:
        """POST. Only with an idempotency key it is made again when no answer came."""
        headers = {"Idempotency-Key": idempotency_key} if idempotency_key else {}
        return await self._call("POST", path, body=body, headers=headers, retry=bool(idempotency_key))

    async def start_research(self, idea: str, **fields: Any) -> str:
        """Start a research job; returns its id. However often the request is made, it is one job."""
        body = {"idea": idea, **fields}
        answer = await self.post("/research", body, idempotency_key=str(uuid.uuid4()))
        return str(answer["job_id"])

    def events(
        self, path: str, cursor: int = 0, *, verify: bool = False, history: History | None = None
    ) -> AsyncGenerator[Event, None]:
        """The events of a stream, as `/research/{id}/events`, after `cursor`, to its end.

        With `verify` the end must prove that everything came, which takes a cursor of 0. A `history`
        instead of the two goes on where an earlier call with it left off.
        """
        return follow(self._transport, self.session, path, history or History(cursor, verify=verify))

    def socket(self) -> Socket:
        """A WebSocket. A user has one at a time: opening another one replaces it."""
        return Socket(self._transport.url, self.session, trust_env=self._trust_env)

    async def _call(self, method: str, path: str, **options: Any) -> Any:
        token = await self.session.token()
        try:
            return await self._transport.call(method, path, token=token, **options)
        except Unauthorized:
            token = await self.session.instead_of(token)
            return await self._transport.call(method, path, token=token, **options)
