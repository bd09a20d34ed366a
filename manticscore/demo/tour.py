"""The demonstration's steps, in order."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Coroutine
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from manticscore.demo import DemoFailed, landscape
from manticscore.demo.client import failures_told, pushed, streamed, visitor
from manticscore.demo.screen import Progress, Screen
from manticscore.demo.server import Server
from manticscore_client import Client, Event, History

JOB_TIMEOUT = 600.0  # seconds; another run of the same installation may be ahead in the queue
SOCKET_LAG = 15.0  # seconds the WebSocket may end after the HTTP stream
LOOK_AGAIN = 0.5  # seconds between looks at whether the server lives
DROP_AT_STAGE = "judge"


@dataclass(frozen=True, slots=True)
class Delivery:
    """What came over each transport, and after which event the first HTTP connection was dropped."""

    streamed: list[Event]
    pushed: list[Event]
    dropped_after: int


async def tour(server: Server, idea: str, screen: Screen) -> None:
    """Research `idea` on the running server and show the landscape. Raises DemoFailed."""
    try:
        async with asyncio.timeout(JOB_TIMEOUT), visitor(await listening(server, screen)) as client:
            with failures_told():
                await while_alive(server, visit(client, idea, screen))
    except TimeoutError:
        raise DemoFailed(f"The job did not end within {JOB_TIMEOUT:.0f} s.", server.last_lines()) from None


async def while_alive(server: Server, steps: Coroutine[Any, Any, None]) -> None:
    """Take the steps. The client would wait for a server that died to come back; this one will not."""
    walking = asyncio.create_task(steps)
    try:
        while not walking.done():
            await asyncio.wait([walking], timeout=LOOK_AGAIN)
            server.check_alive()
        await walking
    finally:
        walking.cancel()
        await asyncio.gather(walking, return_exceptions=True)


async def listening(server: Server, screen: Screen) -> str:
    with screen.step("Starting the server", "Server started") as step:
        url = await server.url()
        step.note(url)
    return url


async def visit(client: Client, idea: str, screen: Screen) -> None:
    with screen.step("Waiting for GET /readyz", "Ready for requests and jobs"):
        await client.get_public("/readyz")  # asks again until it is
    with screen.step("POST /auth/anonymous", "Anonymous session") as step:
        await client.session.token()
        step.note(f"POST /auth/anonymous, good for {client.session.lifetime // 60:.0f} minutes")
    with screen.step("POST /research", "Research job") as step:
        job_id = await client.start_research(idea)
        step.note(f"POST /research, {job_id}")
    with screen.progress() as progress:
        delivery = await follow(client, job_id, progress)
    check(delivery)
    screen.delivery(len(delivery.streamed), delivery.dropped_after)
    refuse_failure(delivery.streamed)
    screen.show(*landscape.draw(artifact_of(await client.get(f"/research/{job_id}"))))


async def follow(client: Client, job_id: str, progress: Progress) -> Delivery:
    """The job's events over both transports at once."""
    pushing = asyncio.create_task(pushed(client, job_id))
    try:
        received, dropped_after = await stream_with_a_break(client, job_id, progress)
        return Delivery(received, await asyncio.wait_for(pushing, SOCKET_LAG), dropped_after)
    finally:
        pushing.cancel()
        await asyncio.gather(pushing, return_exceptions=True)


async def stream_with_a_break(client: Client, job_id: str, progress: Progress) -> tuple[list[Event], int]:
    """All events over HTTP, hanging up once in the middle and going on from the cursor.

    The second number is the cursor; 0 when the run ended before it came to the middle.
    """
    history = History(verify=True)
    received = await take(streamed(client, job_id, history), progress, until_stage=DROP_AT_STAGE)
    if history.ended:
        return received, 0
    dropped_after = history.cursor
    return received + await take(streamed(client, job_id, history), progress), dropped_after


async def take(
    events: AsyncGenerator[Event, None], progress: Progress, until_stage: str | None = None
) -> list[Event]:
    """The numbered events, shown as they come, up to the end or the start of a stage."""
    received = []
    async with aclosing(events):
        async for event in events:
            if event.seq is None:
                continue
            received.append(event)
            progress.update(event.type, event.data)
            if event.type == "stage" and event.data["name"] == until_stage:
                break
    return received


def check(delivery: Delivery) -> None:
    """The client has checked the numbers and the digest; here the two transports. Raises DemoFailed."""
    if [event.raw for event in delivery.pushed] != [event.raw for event in delivery.streamed]:
        raise DemoFailed("The WebSocket delivered other events than the HTTP stream.")


def refuse_failure(events: list[Event]) -> None:
    """Raises DemoFailed when the job ended with an `error` event."""
    for event in events:
        if event.type == "error":
            raise DemoFailed(f"{event.data['message']} ({event.data['code']})")


def artifact_of(job: dict[str, Any]) -> dict[str, Any]:
    artifact: dict[str, Any] | None = job["artifact"]
    if artifact is None:
        raise DemoFailed(f"The job is {job['status']} but has no artifact.")
    return artifact
