"""The Python client against the real server."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest

from manticscore_client import (
    ApiError,
    Client,
    Event,
    History,
    NotFound,
    Replaced,
    Socket,
    Subscription,
    Timing,
    Unauthorized,
    anonymous,
    fixed,
)
from tests.helpers.installation import Running, Server

IDEA = "a recipe box for families"


@pytest.fixture
async def client(server: Server) -> AsyncIterator[Client]:
    async with Client(server.url, anonymous(str(uuid.uuid4())), trust_env=False) as made:
        yield made


async def finished(client: Client) -> tuple[str, list[Event]]:
    job_id = await client.start_research(IDEA)
    return job_id, [one async for one in client.events(f"/research/{job_id}/events", verify=True)]


async def until_end(socket: Socket, histories: list[History]) -> list[Event]:
    events = []
    async for event in socket:
        if event.seq is not None:
            events.append(event)
        if all(history.ended for history in histories):
            break
    return events


async def test_a_job_is_proved_over_both_transports(client: Client, worker: Running) -> None:
    job_id, streamed = await finished(client)
    assert [event.type for event in streamed[-2:]] == ["result", "done"]
    history = History(verify=True)
    async with client.socket() as socket:
        await socket.subscribe(job_id, "research", history=history)
        assert [event.raw for event in await until_end(socket, [history])] == [
            event.raw for event in streamed
        ]
    job = await client.get(f"/research/{job_id}")
    assert job["artifact_hash"] == streamed[-2].data["artifact_hash"]


async def test_a_history_goes_on_over_the_other_transport(client: Client, worker: Running) -> None:
    job_id = await client.start_research(IDEA)
    history = History(verify=True)
    async with aclosing(client.events(f"/research/{job_id}/events", history=history)) as events:
        first = await anext(events)
    async with client.socket() as socket:
        await socket.subscribe(job_id, "research", history=history)
        rest = await until_end(socket, [history])
    assert [event.seq for event in [first, *rest]] == list(range(1, history.cursor + 1))


async def test_two_jobs_in_one_socket(client: Client, worker: Running) -> None:
    jobs = [await client.start_research(f"{IDEA}, number {number}") for number in range(2)]
    histories = [History(verify=True) for _ in jobs]
    wanted = [Subscription(job, "research", history) for job, history in zip(jobs, histories, strict=True)]
    async with client.socket() as socket:
        await socket.subscribe_many(wanted)
        events = await until_end(socket, histories)
    assert {event.entity_id for event in events} == set(jobs)


async def test_the_older_of_two_sockets_stops(client: Client) -> None:
    older, newer = client.socket(), client.socket()
    async with older, newer:
        await older.subscribe(str(uuid.uuid4()), "research")
        assert (await anext(older)).type == "error"
        await newer.subscribe(str(uuid.uuid4()), "research")
        assert (await anext(newer)).type == "error"
        with pytest.raises(Replaced):
            await anext(older)


async def test_an_answer_that_says_no_is_an_exception(client: Client) -> None:
    with pytest.raises(NotFound) as caught:
        await client.get(f"/research/{uuid.uuid4()}")
    assert caught.value.request_id
    with pytest.raises(ApiError) as refused:
        await client.post("/research", {})
    assert refused.value.status == 400
    assert not refused.value.may_pass


async def test_a_token_that_is_not_valid_is_given_up(server: Server) -> None:
    async with Client(server.url, fixed("ms_sess_nonsense"), trust_env=False) as client:
        with pytest.raises(Unauthorized):
            await client.get("/v1/usage")
        with pytest.raises(Unauthorized):
            await anext(client.events(f"/research/{uuid.uuid4()}/events"))


async def test_a_socket_with_a_token_that_is_not_valid_is_given_up(server: Server) -> None:
    async with (
        Client(server.url, fixed("ms_sess_nonsense"), trust_env=False) as client,
        client.socket() as socket,
    ):
        with pytest.raises(Unauthorized):
            await anext(socket)


async def test_the_session_is_renewed_when_it_is_due(server: Server) -> None:
    at_once = Timing(renew_ahead=1800.0)
    async with Client(server.url, anonymous(str(uuid.uuid4())), timing=at_once, trust_env=False) as client:
        first = await client.session.token()
        assert await client.session.token() == first, "half of its life is left"
        assert await client.session.instead_of("another") == first
        assert await client.session.instead_of(first) != first


async def test_the_same_start_twice_is_one_job(client: Client) -> None:
    answers = [
        await client.post("/research", {"idea": IDEA}, idempotency_key="one-and-the-same") for _ in range(2)
    ]
    assert answers[0]["job_id"] == answers[1]["job_id"]
