"""The demonstration's steps, in order."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from manticscore.demo import DemoFailed, landscape
from manticscore.demo.client import Client, ConnectionLost, Event
from manticscore.demo.screen import Progress, Screen
from manticscore.demo.server import Server

JOB_TIMEOUT = 600.0  # seconds; another run of the same installation may be ahead in the queue
SOCKET_LAG = 15.0  # seconds the WebSocket may end after the HTTP stream
DYING = 2.0  # seconds a process may still be there after its connections broke
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
        async with asyncio.timeout(JOB_TIMEOUT), Client(await listening(server, screen)) as client:
            await visit(client, idea, screen)
    except ConnectionLost as error:
        server.check_alive(DYING)
        raise DemoFailed(f"The connection to the server broke: {error or type(error).__name__}.") from error
    except TimeoutError:
        raise DemoFailed(f"The job did not end within {JOB_TIMEOUT:.0f} s.", server.last_lines()) from None


async def listening(server: Server, screen: Screen) -> str:
    with screen.step("Starting the server", "Server started") as step:
        url = await server.url()
        step.note(url)
    return url


async def visit(client: Client, idea: str, screen: Screen) -> None:
    with screen.step("Waiting for GET /readyz", "Ready for requests and jobs"):
        await client.until_ready()
    with screen.step("POST /auth/anonymous", "Anonymous session") as step:
        step.note(f"POST /auth/anonymous, good for {await client.sign_in() // 60} minutes")
    with screen.step("POST /research", "Research job") as step:
        job_id = await client.start_research(idea)
        step.note(f"POST /research, {job_id}")
    with screen.progress() as progress:
        delivery = await follow(client, job_id, progress)
    check(delivery)
    screen.delivery(len(delivery.streamed), delivery.dropped_after)
    refuse_failure(delivery.streamed)
    screen.show(*landscape.draw(artifact_of(await client.research(job_id))))


async def follow(client: Client, job_id: str, progress: Progress) -> Delivery:
    """The job's events over both transports at once."""
    pushed = asyncio.create_task(collect(client.socket(job_id)))
    try:
        streamed, dropped_after = await stream_with_a_break(client, job_id, progress)
        return Delivery(streamed, await asyncio.wait_for(pushed, SOCKET_LAG), dropped_after)
    finally:
        pushed.cancel()
        await asyncio.gather(pushed, return_exceptions=True)


async def collect(events: AsyncGenerator[Event]) -> list[Event]:
    async with aclosing(events):
        return [event async for event in events]


async def stream_with_a_break(client: Client, job_id: str, progress: Progress) -> tuple[list[Event], int]:
    """All events over HTTP, hanging up once in the middle and going on from the cursor.

    The second number is the cursor; 0 when the run ended before it came to the middle.
    """
    received = await take(client.stream(job_id), progress, until_stage=DROP_AT_STAGE)
    if received and received[-1].ends_stream:
        return received, 0
    cursor = received[-1].seq if received else 0
    return received + await take(client.stream(job_id, cursor), progress), cursor


async def take(
    events: AsyncGenerator[Event], progress: Progress, until_stage: str | None = None
) -> list[Event]:
    """The numbered events, shown as they come, up to the end or the start of a stage."""
    received = []
    async with aclosing(events):
        async for event in events:
            if not event.seq:
                continue
            received.append(event)
            progress.update(event.type, event.data)
            if event.type == "stage" and event.data["name"] == until_stage:
                break
    return received


def check(delivery: Delivery) -> None:
    """Every number once and in order, the same bytes on both transports. Raises DemoFailed."""
    numbers = [event.seq for event in delivery.streamed]
    if numbers != list(range(1, len(numbers) + 1)):
        raise DemoFailed(f"The HTTP stream lost or doubled events: {numbers}.")
    if not numbers or not delivery.streamed[-1].ends_stream:
        raise DemoFailed("The HTTP stream ended before the job did.")
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
