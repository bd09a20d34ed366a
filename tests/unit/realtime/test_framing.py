"""Frames are read back by a WebSocket library."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as some
from websockets.client import ClientProtocol
from websockets.frames import Frame, Opcode
from websockets.protocol import State
from websockets.uri import parse_uri

from realtime.framing import text_frames


def read(data: bytes) -> list[Frame]:
    """What a client understands."""
    client = ClientProtocol(parse_uri("ws://127.0.0.1/"), max_size=None, state=State.OPEN)
    client.receive_data(data)
    return [event for event in client.events_received() if isinstance(event, Frame)]


@pytest.mark.parametrize("length", [0, 1, 125, 126, 127, 65_535, 65_536, 200_000])
def test_a_text_of_any_length_is_one_frame(length: int) -> None:
    (frame,) = read(text_frames([b"x" * length]))
    assert (frame.opcode, frame.fin, frame.data) == (Opcode.TEXT, True, b"x" * length)


@given(some.lists(some.text(max_size=300), max_size=20))
def test_texts_arrive_one_by_one_and_in_order(texts: list[str]) -> None:
    assert [
        bytes(frame.data).decode() for frame in read(text_frames(text.encode() for text in texts))
    ] == texts
