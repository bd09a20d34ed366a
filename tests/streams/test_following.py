"""The hub and its followers over the real log, in one event loop."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import connection

from accounts import sessions
from accounts.models import Session
from realtime import access, hints, publish, replay
from realtime import hub as hubs
from realtime.bell import Bell
from realtime.hub import PAGE, TAIL_BYTES, Hub
from realtime.models import Event, Stream
from realtime.replay import CaughtUp, Frame, Gone, Lines, Quiet, Step
from realtime.sockets import consumers
from tests import factories
from tests.helpers import log, people
from tests.helpers.loops import PATIENCE, in_thread, until

NEVER = 3600.0


class Follower:
    """Follows a stream in a task of its own and remembers every step."""

    def __init__(self, hub: Hub, stream_id: UUID, cursor: int = 0) -> None:
        self.steps: list[Step] = []
        self._pause = asyncio.Event()
        self._pause.set()
        self.task = asyncio.create_task(self._run(hub, stream_id, cursor))

    async def _run(self, hub: Hub, stream_id: UUID, cursor: int) -> None:
        async with aclosing(replay.follow(hub, stream_id, cursor)) as steps:
            async for step in steps:
                if not isinstance(step, Quiet):
                    self.steps.append(step)
                await self._pause.wait()

    def pause(self) -> None:
        """Take nothing more than what is on its way."""
        self._pause.clear()

    def go_on(self) -> None:
        self._pause.set()

    async def end(self) -> None:
        await asyncio.wait_for(self.task, PATIENCE)

    @property
    def events(self) -> list[dict[str, Any]]:
        texts: list[bytes] = []
        for step in self.steps:
            match step:
                case Lines(page):
                    texts += page.lines
                case Frame(text):
                    texts.append(text)
        return [json.loads(text) for text in texts]

    @property
    def numbers(self) -> list[int]:
        return [event["data"]["seq"] for event in self.events if "seq" in event["data"]]

    @property
    def caught_up(self) -> bool:
        return any(isinstance(step, CaughtUp) for step in self.steps)

    def replayed(self) -> tuple[int, int]:
        """What `CaughtUp` says, and how many events had come before it."""
        (place,) = [index for index, step in enumerate(self.steps) if isinstance(step, CaughtUp)]
        step = self.steps[place]
        assert isinstance(step, CaughtUp)
        return step.replayed, sum(
            len(earlier.page) for earlier in self.steps[:place] if isinstance(earlier, Lines)
        )


@pytest.fixture
async def stream(hub: Hub) -> Stream:
    return await in_thread(factories.stream)


def write(stream: Stream, count: int, close: bool = False, attempt: int = 1) -> None:
    if close:
        publish.close(stream.id, attempt, log.several(count - 1), status="completed")
    else:
        publish.append(stream.id, attempt, log.several(count))


def write_bit_by_bit(stream: Stream, count: int) -> None:
    """In batches of varying size, to the end."""
    sizes, rest = random.Random(count), count
    while rest:
        size = min(rest, sizes.choice([1, 1, 1, 2, 7, 40]))
        rest -= size
        write(stream, size, close=not rest)


async def test_followers_hear_every_event_once_and_in_order_while_it_is_written(
    hub: Hub, stream: Stream
) -> None:
    await in_thread(write, stream, 20)
    early = [Follower(hub, stream.id, cursor) for cursor in (0, 7, 20)]
    await until(lambda: all(follower.caught_up for follower in early))
    writing = asyncio.create_task(in_thread(write_bit_by_bit, stream, 700))
    await until(lambda: len(early[0].numbers) > 100)
    late = [Follower(hub, stream.id, cursor) for cursor in (0, 60)]
    await writing
    for follower, cursor in zip([*early, *late], [0, 7, 20, 0, 60], strict=True):
        await follower.end()
        assert follower.numbers == list(range(cursor + 1, 721))
        assert follower.events[-1]["event"] == "done"
        told, counted = follower.replayed()
        assert told == counted
    assert [follower.replayed()[0] for follower in early] == [20, 13, 0]


async def test_hints_alone_deliver(hub: Hub, stream: Stream, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hubs, "SWEEP_INTERVAL", NEVER)
    quick = Hub(hubs.conninfo())
    await quick.start()
    try:
        follower = Follower(quick, stream.id)
        await until(lambda: follower.caught_up)
        for count in range(1, 6):
            await in_thread(write, stream, 1)
            await until(lambda count=count: len(follower.numbers) == count)  # type: ignore[misc]
        await in_thread(write, stream, 2 * PAGE + 5, close=True)  # more than is read at a time
        await follower.end()
        assert follower.numbers == list(range(1, 2 * PAGE + 11))
    finally:
        await quick.stop()


async def test_the_sweep_alone_delivers_when_every_hint_is_lost(hub: Hub, stream: Stream) -> None:
    hints.listen(None)
    follower = Follower(hub, stream.id)
    await until(lambda: follower.caught_up)
    await in_thread(write, stream, 3)
    await until(lambda: follower.numbers == [1, 2, 3])
    await in_thread(write, stream, 1, close=True)
    await follower.end()
    assert follower.numbers == [1, 2, 3, 4]


async def test_doubled_late_and_foreign_hints_change_nothing(hub: Hub, stream: Stream) -> None:
    follower = Follower(hub, stream.id)
    await until(lambda: follower.caught_up)
    await in_thread(write, stream, 2)
    for seq in (2, 1, 2, 99, 0):
        hub.hint(stream.id, seq)
        hub.hint(uuid4(), seq)
    await in_thread(write, stream, 1, close=True)
    await follower.end()
    assert follower.numbers == [1, 2, 3]


async def test_a_slow_follower_reads_from_the_table_what_memory_let_go(hub: Hub, stream: Stream) -> None:
    slow, quick = Follower(hub, stream.id), Follower(hub, stream.id)
    await until(lambda: slow.caught_up and quick.caught_up)
    slow.pause()

    def write_much() -> None:
        for _ in range(10):
            publish.append(stream.id, 1, [log.progress("x" * (TAIL_BYTES // 100))] * 70)
        write(stream, 1, close=True)

    await in_thread(write_much)
    await quick.end()
    taken = len(slow.numbers)
    assert hub._topics[stream.id].tail.after(taken) is None
    slow.go_on()
    await slow.end()
    assert slow.numbers == quick.numbers == list(range(1, 702))


async def test_a_long_history_is_read_a_page_at_a_time(hub: Hub, stream: Stream) -> None:
    await in_thread(write, stream, 2 * PAGE + 10, close=True)
    follower = Follower(hub, stream.id)
    await follower.end()
    sizes = [len(step.page) for step in follower.steps if isinstance(step, Lines)]
    assert sizes == [PAGE, PAGE, 10]
    assert follower.numbers == list(range(1, 2 * PAGE + 11))
    assert follower.replayed() == (2 * PAGE + 10, 2 * PAGE + 10)


async def test_what_is_written_during_a_replay_comes_after_its_confirmation(hub: Hub, stream: Stream) -> None:
    await in_thread(write, stream, PAGE + 10)
    follower = Follower(hub, stream.id)
    follower.pause()
    await until(lambda: len(follower.numbers) == PAGE)
    await in_thread(write, stream, 5, close=True)
    await until(lambda: hub._topics[stream.id].head == PAGE + 15)
    follower.go_on()
    await follower.end()
    assert follower.replayed() == (PAGE + 10, PAGE + 10)
    assert follower.numbers == list(range(1, PAGE + 16))


@pytest.mark.parametrize("cursor", [4, 5, 2**63 - 1])
async def test_a_cursor_at_or_past_the_end_is_told_done_at_once(
    hub: Hub, stream: Stream, cursor: int
) -> None:
    await in_thread(write, stream, 4, close=True)
    follower = Follower(hub, stream.id, cursor)
    await follower.end()
    assert follower.steps[0] == CaughtUp(replayed=0, cursor=cursor, live=False)
    assert follower.events == [
        {"v": 1, "event": "done", "data": {"entity_id": str(stream.id), "channel": "research"}}
    ]


async def test_a_cursor_ahead_of_an_open_stream_starts_over_and_says_so(hub: Hub, stream: Stream) -> None:
    await in_thread(write, stream, 3)
    follower = Follower(hub, stream.id, cursor=10)
    await until(lambda: follower.caught_up)
    await in_thread(write, stream, 1, close=True)
    await follower.end()
    assert follower.events[0] == {
        "v": 1,
        "event": "reset",
        "data": {"entity_id": str(stream.id), "reason": "cursor is ahead of the stream"},
    }
    assert follower.numbers == [1, 2, 3, 4]
    assert follower.replayed() == (3, 3)


async def test_a_cursor_before_what_retention_kept_is_told_so(hub: Hub, stream: Stream) -> None:
    def prune() -> None:
        write(stream, 6, close=True)
        Event.objects.filter(stream=stream, seq__lt=4).delete()
        Stream.objects.filter(id=stream.id).update(first_seq=4)

    await in_thread(prune)
    follower = Follower(hub, stream.id)
    await follower.end()
    assert follower.events[0]["data"]["reason"] == "older events were pruned"
    assert follower.numbers == [4, 5, 6]


async def test_a_stream_that_is_deleted_is_gone_for_its_followers(hub: Hub, stream: Stream) -> None:
    await in_thread(write, stream, 2)
    follower = Follower(hub, stream.id)
    await until(lambda: follower.caught_up)
    await in_thread(Stream.objects.filter(id=stream.id).delete)
    await follower.end()
    assert follower.steps[-1] == Gone()
    assert follower.numbers == [1, 2]


async def test_a_stream_that_never_was_is_gone_at_once(hub: Hub) -> None:
    follower = Follower(hub, uuid4())
    await follower.end()
    assert follower.steps == [Gone()]


def reopen(stream: Stream) -> None:
    Stream.objects.filter(id=stream.id).update(closed_seq=None, attempt=2)


async def test_a_retried_job_goes_on_after_its_earlier_done(hub: Hub, stream: Stream) -> None:
    await in_thread(write, stream, 4, close=True)
    await in_thread(reopen, stream)
    follower = Follower(hub, stream.id)
    await until(lambda: follower.caught_up)
    assert [event["event"] for event in follower.events] == ["progress"] * 3 + ["done"]
    await in_thread(write, stream, 3, close=True, attempt=2)
    await follower.end()
    assert follower.numbers == [1, 2, 3, 4, 5, 6, 7]
    assert [event["event"] for event in follower.events][-1] == "done"


async def test_a_stream_that_is_reopened_while_it_is_watched_goes_on(hub: Hub, stream: Stream) -> None:
    paused = Follower(hub, stream.id)
    await until(lambda: paused.caught_up)
    paused.pause()
    await in_thread(write, stream, 4, close=True)
    await until(lambda: hub._topics[stream.id].closed_seq == 4)
    await in_thread(reopen, stream)
    await until(lambda: hub._topics[stream.id].closed_seq is None)
    await in_thread(write, stream, 2, close=True, attempt=2)
    await until(lambda: hub._topics[stream.id].closed_seq == 6)
    paused.go_on()
    await paused.end()
    assert paused.numbers == [1, 2, 3, 4, 5, 6]


async def test_a_projects_follower_hears_all_its_streams_by_the_projects_numbers(
    hub: Hub, stream: Stream
) -> None:
    def make() -> tuple[Stream, list[Stream]]:
        project = factories.project_stream()
        return project, [factories.stream(project_id=project.id) for _ in range(2)]

    project, streams = await in_thread(make)
    await in_thread(write, streams[0], 3)
    follower = Follower(hub, project.id, cursor=1)
    await until(lambda: follower.caught_up)
    await in_thread(write, streams[1], 2)
    await in_thread(write, streams[0], 2)
    await until(lambda: follower.numbers == [2, 3, 4, 5, 6, 7])
    assert {event["data"]["channel"] for event in follower.events} == {"project"}
    assert {event["data"]["entity_id"] for event in follower.events} == {str(project.id)}
    follower.task.cancel()


async def test_nobody_is_watched_for_who_has_left(hub: Hub, stream: Stream) -> None:
    followers = [Follower(hub, stream.id) for _ in range(3)]
    await until(lambda: all(follower.caught_up for follower in followers))
    assert len(hub._topics[stream.id].bells) == 3
    for follower in followers:
        follower.task.cancel()
    await asyncio.gather(*(follower.task for follower in followers), return_exceptions=True)
    assert hub._topics == {}


async def test_followers_outlive_the_hubs_database_connections(hub: Hub, stream: Stream) -> None:
    follower = Follower(hub, stream.id)
    await until(lambda: follower.caught_up)
    for count in range(1, 4):
        await in_thread(kill, [one.info.backend_pid for one in hub._pool._pool])
        await in_thread(write, stream, 1)
        await until(lambda count=count: follower.numbers == list(range(1, count + 1)))  # type: ignore[misc]
    follower.task.cancel()


def kill(backends: list[int]) -> None:
    assert backends
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(pid) FROM unnest(%s) AS pid", [backends])


async def test_a_session_that_is_revoked_or_expires_ends_what_runs_on_it(hub: Hub) -> None:
    ada, guest, mallory = [await in_thread(people.person, name) for name in ("ada", "guest", "mallory")]
    ids = [(await access.grant(hub, person.token)).session_id for person in (ada, guest, mallory)]
    revoked, revoked_too, expired, untouched = (asyncio.Event() for _ in range(4))
    watched = zip([ids[0], ids[0], ids[1], ids[2]], [revoked, revoked_too, expired, untouched], strict=True)
    forgets = [hub.watch_session(session_id, ended.set) for session_id, ended in watched]
    await in_thread(sessions.revoke, ids[0])
    await in_thread(Session.objects.filter(id=ids[1]).update, expires_at="2026-01-15T12:00:00Z")
    async with asyncio.timeout(PATIENCE):
        await asyncio.gather(revoked.wait(), revoked_too.wait(), expired.wait())
    assert not untouched.is_set()
    for forget in forgets:
        forget()
    assert hub._sessions == {}


async def test_a_socket_that_loses_a_part_ends_instead_of_going_silent(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada = await in_thread(people.person, "ada")
    stream = await in_thread(factories.stream, ada.principal)
    frames: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    await frames.put(
        {
            "type": "websocket.receive",
            "text": json.dumps({"action": "subscribe", "entity_id": str(stream.id), "channel": "research"}),
        }
    )

    async def broken(*args: Any) -> AsyncIterator[Step]:
        raise LookupError("no event 1")
        yield

    async def send(message: dict[str, Any]) -> None: ...

    monkeypatch.setattr(replay, "follow", broken)
    socket = consumers.SocketConsumer(hub, await access.grant(hub, ada.token), send)
    with pytest.raises(LookupError):
        await asyncio.wait_for(socket.run(frames.get), PATIENCE)
    assert hub._sessions == {}


async def test_a_cursor_that_is_ahead_of_the_hub_but_not_of_the_stream_is_believed(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client that comes from another process may know more than this hub has been told."""
    hints.listen(None)
    monkeypatch.setattr(hubs, "SWEEP_INTERVAL", NEVER)
    stream = await in_thread(factories.stream)
    bell = Bell()
    with hub.watch(stream.id, 0, bell) as topic:
        await replay.positioned(topic, bell)
        await in_thread(publish.append, stream.id, stream.attempt, log.several(3))
        assert topic.head == 0
        follower = Follower(hub, stream.id, cursor=3)
        await until(lambda: follower.steps)
        assert follower.steps == [CaughtUp(replayed=0, cursor=3, live=True)]
        follower.task.cancel()


async def test_the_end_is_told_at_once_to_whoever_knows_it_before_the_hub(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    hints.listen(None)
    monkeypatch.setattr(hubs, "SWEEP_INTERVAL", NEVER)
    stream = await in_thread(factories.stream)
    bell = Bell()
    with hub.watch(stream.id, 0, bell) as topic:
        await replay.positioned(topic, bell)
        await in_thread(publish.close, stream.id, stream.attempt, status="completed")
        follower = Follower(hub, stream.id, cursor=1)
        await follower.end()
        assert [event["event"] for event in follower.events] == ["done"]
        assert "seq" not in follower.events[0]["data"]
