"""When the Python client gets a new session, and from whom."""

from __future__ import annotations

import asyncio
import json

import pytest

from manticscore_client import (
    ConnectionLost,
    Session,
    Timing,
    TryLater,
    Unauthorized,
    anonymous,
    fixed,
    from_jwt,
)
from manticscore_client.backoff import Backoff
from manticscore_client.transport import Transport
from tests.clients.scripted import QUICK, answer, http, tokens


def granted(token: str) -> bytes:
    return answer("200 OK", json.dumps({"token": token, "expires_in": 1800}))


async def test_an_anonymous_session_names_its_device() -> None:
    async with http(granted("first")) as script:
        transport = Transport(script.url, QUICK, trust_env=False)
        session = Session(transport, anonymous("my-device"))
        assert await session.token() == "first"
        await transport.aclose()
    assert session.lifetime == 1800
    assert 1400 < session.due_in <= 1500
    assert script.requests[0].startswith("POST /auth/anonymous ")


async def test_a_user_is_asked_for_a_fresh_jwt_every_time() -> None:
    given = iter(("jwt-1", "jwt-2"))

    async def jwt() -> str:
        return next(given)

    async with http(granted("first"), granted("second")) as script:
        transport = Transport(script.url, QUICK, trust_env=False)
        session = Session(transport, from_jwt(jwt))
        assert await session.token() == "first"
        assert await session.instead_of("first") == "second"
        await transport.aclose()
    sent = [request.lower().split("bearer ")[1].split()[0] for request in script.requests]
    assert sent == ["jwt-1", "jwt-2"]


async def test_many_who_ask_at_once_share_one_renewal() -> None:
    session = Session(Transport("http://127.0.0.1", QUICK, trust_env=False), tokens())
    assert await asyncio.gather(*(session.token() for _ in range(5))) == ["token-1"] * 5
    assert await asyncio.gather(*(session.instead_of("token-1") for _ in range(5))) == ["token-2"] * 5


async def test_a_token_from_elsewhere_is_the_only_one() -> None:
    session = Session(Transport("http://127.0.0.1", QUICK, trust_env=False), fixed("mine"))
    assert await session.token() == "mine"
    assert session.due_in == float("inf")
    with pytest.raises(Unauthorized):
        await session.instead_of("mine")


def test_waiting_grows_to_its_limit_and_starts_again_after_success() -> None:
    backoff = Backoff(Timing(first_wait=1.0, longest_wait=8.0))
    for failures, ceiling in ((0, 1.0), (1, 2.0), (2, 4.0), (3, 8.0), (4, 8.0), (5000, 8.0)):
        backoff._failures = failures
        delays = [backoff.delay() for _ in range(50)]
        assert ceiling / 2 <= min(delays) < max(delays) <= ceiling
    backoff.reset()
    assert backoff.delay() <= 1.0


async def test_patience_that_has_run_out_says_why() -> None:
    backoff = Backoff(Timing(patience=-1.0))
    cause = TryLater(503, "Starting")
    with pytest.raises(ConnectionLost, match="Starting") as caught:
        await backoff.wait(cause)
    assert caught.value.__cause__ is cause
