"""The load generator notices what is wrong, and rates are found."""

from __future__ import annotations

import asyncio
import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from manticscore.benchmarks import sustained, wire
from manticscore.benchmarks.followers import Reader, Tally
from manticscore.benchmarks.peers.broadcast import unmasked
from manticscore.benchmarks.peers.events import encoded, turns

UPGRADED = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n"


def frames(*numbers: int) -> bytes:
    return b"".join(unmasked(encoded("s", number, 0.0, 160)) for number in numbers)


def pieces(data: bytes, cuts: list[int]) -> list[bytes]:
    places = sorted({0, len(data), *(cut % len(data) for cut in cuts)})
    return [data[start:end] for start, end in pairwise(places)]


@given(st.lists(st.integers(0, 10_000), max_size=20))
def test_events_are_counted_however_they_are_cut(cuts: list[int]) -> None:
    tally = Tally(timed=True)
    for piece in pieces(frames(*range(1, 12)), cuts):
        tally.take(piece)
    assert (tally.seen, tally.problem, len(tally.lags)) == (11, "", 11)


@pytest.mark.parametrize("numbers", [(1, 3), (1, 1), (2,), (1, 2, 4, 3), (1, 2, 2, 3)])
@pytest.mark.parametrize("at_once", [True, False])
def test_lost_doubled_and_swapped_events_are_noticed(numbers: tuple[int, ...], at_once: bool) -> None:
    tally = Tally(timed=False)
    for data in [frames(*numbers)] if at_once else [frames(number) for number in numbers]:
        tally.take(data)
    assert tally.problem


def test_other_numbers_are_not_events() -> None:
    tally = Tally(timed=False)
    tally.take(b'{"v":1,"event":"catchup","data":{"last_event_seq":7,"seq_of":{"x":1}}}\n')
    assert (tally.seen, tally.problem) == (0, "")


def test_frames_are_read_as_they_were_written() -> None:
    ping = b"\x89\x02hi"
    received = UPGRADED + ping + frames(1, 2) + ping + frames(3)
    assert wire.numbered(received) == [1, 2, 3]
    assert wire.numbered(received[:-1]) == [1, 2], "the last frame is not whole"


def test_lines_are_read_through_the_chunks_of_a_body() -> None:
    body = b'{"v":1,"event":"stream_start","data":{}}\n' + b"".join(
        json.dumps({"data": {"seq": number}}).encode() + b"\n" for number in (1, 2, 3)
    )
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in pieces(body, [10, 60, 61]))
    assert wire.numbered(b"HTTP/1.1 200 OK\r\n\r\n" + chunks + b"0\r\n\r\n") == [1, 2, 3]


def test_a_client_frame_is_masked_and_sized() -> None:
    assert wire.frame("hi") == "\x81\x82\0\0\0\0hi"
    assert wire.frame("x" * 300).encode("latin-1")[:4] == b"\x81\xfe\x01\x2c"


async def conversation(*answers: bytes, wanted: int, script: list[tuple[str, str]]) -> Reader:
    """A reader and a server that says all its answers."""

    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for data in answers:
            writer.write(data)
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        reader = Reader(script, wanted, keep=True, timed=False)
        host, port = server.sockets[0].getsockname()
        await asyncio.get_running_loop().create_connection(lambda: reader, host, port)
        await reader.done
    return reader


async def test_a_reader_has_all_it_waits_for() -> None:
    script = [("", "GET"), ("101", ""), ('"connected"', "")]
    connected = unmasked(json.dumps({"event": "connected", "data": {"pad": "x" * 200}}))
    reader = await conversation(UPGRADED, connected, frames(1, 2), wanted=2, script=script)
    assert reader.ready.done()
    assert (reader.tally.seen, reader.check()) == (2, "")


async def test_a_connection_that_ends_early_is_a_problem() -> None:
    reader = await conversation(UPGRADED, frames(1), wanted=2, script=[("", "GET"), ("101", "")])
    assert "closed after 1 events" in reader.check()


async def test_a_refusal_is_quoted() -> None:
    reader = await conversation(
        b"HTTP/1.1 403 Forbidden\r\n\r\n", wanted=2, script=[("", "GET"), ("101", "")]
    )
    assert "403 Forbidden" in reader.check()


@given(st.integers(0, len(sustained.RATES)), st.sampled_from((0.0, *sustained.RATES)))
def test_the_highest_rate_that_holds_is_found(holding: int, before: float) -> None:
    limit = sustained.RATES[holding - 1] if holding else 0.0
    tried: list[float] = []

    def holds(rate: float) -> bool:
        tried.append(rate)
        return rate <= limit

    assert sustained.highest(holds, before) == limit
    assert len(tried) == len(set(tried)), "no rate is tried twice"


def test_the_right_answer_before_is_confirmed_in_two() -> None:
    tried: list[float] = []
    sustained.highest(lambda rate: bool(tried.append(rate)) or rate <= 7000.0, 7000.0)
    assert tried == [7000.0, 10_000.0]


def test_growing_delay_is_told_from_noise() -> None:
    steady = [(due, 2000 + 500 * (due % 7)) for due in range(1000)]
    assert not sustained.grows(steady)
    assert sustained.grows([(due, lag + 400 * due) for due, lag in steady])
    assert not sustained.grows([(due, lag + 10**6 * (due < 200)) for due, lag in steady]), "it warms up"


def test_peers_number_every_stream_from_one() -> None:
    taken = list(turns(["a", "b"], 5, 2))
    assert [(stream, list(numbers)) for stream, numbers in taken[:2]] == [("a", [1, 2]), ("b", [1, 2])]
    assert [number for stream, numbers in taken if stream == "b" for number in numbers] == [1, 2, 3, 4, 5]
