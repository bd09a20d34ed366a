"""A Clerk JWT on NDJSON and on /ws: a session for the connection, and gone with it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import pytest
from channels.testing import WebsocketCommunicator
from django.conf import LazySettings
from django.db.models.functions import Now
from django.test import AsyncClient
from django.utils import timezone

from accounts.models import Principal, Session
from realtime import access, publish
from realtime import hub as hubs
from realtime.hub import Hub
from realtime.routing import websocket_application
from tests import factories
from tests.helpers import clerk, log
from tests.helpers.loops import in_thread

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("clerk_pem")]


@pytest.fixture
async def hub(transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Hub]:
    started = Hub(hubs.conninfo())
    await started.start()

    async def current() -> Hub:
        return started

    monkeypatch.setattr(hubs, "current", current)
    yield started
    await started.stop()


def job_of(user_id: str) -> Any:
    owner, _ = Principal.objects.get_or_create(id=user_id)
    job = factories.stream(owner)
    publish.append(job.id, 1, log.several(2))
    return job


def open_sessions() -> int:
    return Session.objects.filter(revoked_at=None).count()


async def soon_none_is_open() -> bool:
    return await soon_open(0)


async def soon_open(count: int) -> bool:
    for _ in range(100):
        if await in_thread(open_sessions) == count:
            return True
        await asyncio.sleep(0.02)
    return False


def socket(token: str) -> WebsocketCommunicator:
    return WebsocketCommunicator(websocket_application, f"/ws?token={quote(token)}")


async def test_a_socket_opens_with_a_jwt_and_ends_its_session(hub: Hub) -> None:
    job = await in_thread(job_of, "user_ada")
    communicator = socket(clerk.token())
    assert (await communicator.connect())[0]
    assert (await communicator.receive_json_from())["data"]["user_id"] == "user_ada"
    subscribe = {"action": "subscribe", "channel": "research", "entity_id": str(job.id)}
    await communicator.send_json_to(subscribe)
    kinds = [(await communicator.receive_json_from())["event"] for _ in range(3)]
    assert kinds.count("progress") == 2
    assert await in_thread(open_sessions) == 1
    await communicator.disconnect()
    assert await soon_none_is_open()
    assert await in_thread(Session.objects.count) == 1


async def test_a_first_sign_in_may_happen_on_a_socket(hub: Hub) -> None:
    communicator = socket(clerk.token(sub="user_new"))
    assert (await communicator.connect())[0]
    await communicator.receive_json_from()
    assert await in_thread(Principal.objects.filter(id="user_new").exists)
    await communicator.disconnect()


@pytest.mark.parametrize("token", ["a.b.c", "..", clerk.token("second"), clerk.token(sub="anon:x")])
async def test_a_bad_jwt_is_closed_with_4002(hub: Hub, token: str) -> None:
    communicator = socket(token)
    assert (await communicator.connect())[0]
    closed = await communicator.receive_output()
    assert (closed["type"], closed["code"]) == ("websocket.close", 4002)
    assert closed["reason"].startswith("Invalid token: ")
    assert await in_thread(Session.objects.count) == 0


async def test_a_socket_with_a_jwt_is_cut_when_its_session_is_revoked(hub: Hub) -> None:
    communicator = socket(clerk.token())
    await communicator.connect()
    await communicator.receive_json_from()
    await in_thread(lambda: Session.objects.update(revoked_at=Now()))
    assert (await communicator.receive_json_from(timeout=5))["event"] == "auth_expired"
    assert (await communicator.receive_output())["code"] == 4001


async def test_an_expired_jwt_is_to_be_renewed(hub: Hub) -> None:
    communicator = socket(clerk.token(exp=1))
    assert (await communicator.connect())[0]
    assert (await communicator.receive_json_from())["event"] == "auth_expired"
    assert (await communicator.receive_output())["code"] == 4001


async def test_a_newer_jwt_renews_the_connection(hub: Hub) -> None:
    communicator = socket(clerk.token())
    await communicator.connect()
    await communicator.receive_json_from()
    first = await in_thread(Session.objects.get)
    await communicator.send_json_to({"action": "auth", "token": clerk.token(sub="user_mallory")})
    assert (await communicator.receive_json_from())["data"]["code"] == "WRONG_USER"
    await communicator.send_json_to({"action": "auth", "token": clerk.token()})
    assert (await communicator.receive_json_from())["event"] == "auth"
    assert await soon_open(1)
    living = await in_thread(lambda: list(Session.objects.filter(revoked_at=None)))
    assert [(session.principal_id, session.pk != first.pk) for session in living] == [("user_ada", True)]
    await communicator.send_json_to({"action": "ping"})
    assert (await communicator.receive_json_from())["event"] == "pong"
    await communicator.disconnect()
    assert await soon_none_is_open()


async def test_a_stream_opens_with_a_jwt_and_ends_its_session(hub: Hub) -> None:
    job = await in_thread(job_of, "user_ada")
    response = await AsyncClient().get(
        f"/research/{job.id}/events", headers={"Authorization": f"Bearer {clerk.token()}"}
    )
    assert response.status_code == 200
    lines = response.streaming_content
    first = json.loads(await anext(lines))
    assert first["event"] == "stream_start"
    assert await in_thread(open_sessions) == 1
    response.close()  # the client is gone in the middle
    assert await soon_none_is_open()


async def test_a_stream_with_a_jwt_that_is_read_to_its_end(hub: Hub) -> None:
    job = await in_thread(job_of, "user_ada")
    await in_thread(lambda: publish.close(job.id, 1, status="completed"))
    response = await AsyncClient().get(
        f"/research/{job.id}/events", headers={"Authorization": f"Bearer {clerk.token()}"}
    )
    lines = b"".join([part async for part in response.streaming_content]).splitlines()
    assert [json.loads(line)["event"] for line in lines] == ["stream_start", "progress", "progress", "done"]
    response.close()
    assert await soon_none_is_open()


async def test_a_stream_that_nobody_begins_to_read_ends_its_session_too(hub: Hub) -> None:
    job = await in_thread(job_of, "user_ada")
    response = await AsyncClient().get(
        f"/research/{job.id}/events", headers={"Authorization": f"Bearer {clerk.token()}"}
    )
    assert await in_thread(open_sessions) == 1
    response.close()
    assert await soon_none_is_open()


async def test_a_socket_with_a_jwt_outlives_the_first_term_of_its_session(hub: Hub) -> None:
    grant = await access.grant(hub, clerk.token())
    await in_thread(lambda: Session.objects.update(expires_at=Now() + timedelta(seconds=30)))
    later = await access.revalidate(hub, grant)
    assert later is not None
    assert later - timezone.now() > timedelta(minutes=25)
    await in_thread(lambda: Session.objects.update(revoked_at=Now()))
    assert await access.revalidate(hub, grant) is None


async def test_somebody_elses_stream_leaves_no_session_open(hub: Hub) -> None:
    job = await in_thread(job_of, "user_other")
    response = await AsyncClient().get(
        f"/research/{job.id}/events", headers={"Authorization": f"Bearer {clerk.token()}"}
    )
    assert response.status_code == 404
    assert await in_thread(open_sessions) == 0


async def test_a_stream_without_keys_is_our_fault(hub: Hub, settings: LazySettings) -> None:
    settings.CLERK_JWT_PEM, settings.CLERK_JWKS_URL = "", "http://127.0.0.1:9/jwks.json"
    job = await in_thread(job_of, "user_ada")
    response = await AsyncClient().get(
        f"/research/{job.id}/events", headers={"Authorization": f"Bearer {clerk.token()}"}
    )
    assert (response.status_code, response.json()) == (503, {"detail": "JWKS not loaded"})
