"""The demonstration as a client of the public API, and what its failures say."""

from __future__ import annotations

import uuid
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager

import httpx

from manticscore.demo import DemoFailed
from manticscore_client import Client, ClientError, Event, History, Timing, anonymous

# The server is on this machine: it answers soon or not at all.
TIMING = Timing(first_wait=0.1, longest_wait=0.5, patience=60.0)


def visitor(url: str) -> Client:
    """A client for one anonymous device."""
    # Straight to the server: a proxy from the environment has no business with loopback.
    return Client(url, anonymous(f"demo-{uuid.uuid4()}"), timing=TIMING, trust_env=False)


def streamed(client: Client, job_id: str, history: History) -> AsyncGenerator[Event, None]:
    """The job's events over NDJSON, from where the history is to the end."""
    return client.events(f"/research/{job_id}/events", history=history)


async def pushed(client: Client, job_id: str) -> list[Event]:
    """All of the job's events over the WebSocket, proved by its `done`."""
    history = History(verify=True)
    received = []
    async with client.socket() as socket:
        await socket.subscribe(job_id, "research", history=history)
        async for event in socket:
            if event.type == "error" and event.seq is None:
                raise DemoFailed(f"The WebSocket refused the subscription: {event.data['message']}.")
            if event.seq is not None:
                received.append(event)
            if history.ended:
                break
    return received


@contextmanager
def failures_told() -> Iterator[None]:
    """What goes wrong between two machines ends the demonstration with a sentence."""
    try:
        yield
    except ClientError as error:
        raise DemoFailed(f"{error}".rstrip(".") + ".") from error
    except httpx.TransportError as error:
        raise DemoFailed(f"The connection to the server broke: {error or type(error).__name__}.") from error
