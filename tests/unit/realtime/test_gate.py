"""Who is cut for not reading, with a transport that only remembers."""

from __future__ import annotations

import asyncio
import time

import pytest

from realtime.serving.gate import TCP_INFO, Gate

PATIENCE = 30.0


class Peer:
    """A transport and the socket under it: what the kernel would tell, and whether it was cut."""

    def __init__(self) -> None:
        self.socket = self
        self.in_flight, self.acknowledged, self.unsent = 0, 0, 0
        self.is_cut = False

    def getsockopt(self, level: int, option: int, size: int) -> bytes:
        return TCP_INFO.pack(self.in_flight, self.acknowledged, self.unsent)

    def abortConnection(self) -> None:
        self.is_cut = True


@pytest.fixture
def peer() -> Peer:
    return Peer()


def test_a_peer_that_has_had_no_time_yet_is_not_cut(peer: Peer) -> None:
    gate = Gate(peer)
    peer.in_flight = 1  # the first answer is on its way
    gate.check(time.monotonic(), PATIENCE)
    assert not peer.is_cut


def test_a_peer_that_takes_nothing_is_cut_in_the_end(peer: Peer) -> None:
    gate, now = Gate(peer), time.monotonic()
    peer.unsent = 1
    gate.check(now + PATIENCE - 1, PATIENCE)
    assert not peer.is_cut
    gate.check(now + PATIENCE + 1, PATIENCE)
    assert peer.is_cut


def test_a_peer_that_takes_a_little_is_waited_for(peer: Peer) -> None:
    gate, now = Gate(peer), time.monotonic()
    peer.unsent = 1
    for turn in range(1, 6):
        peer.acknowledged += 1
        gate.check(now + turn * (PATIENCE - 1), PATIENCE)
    assert not peer.is_cut


def test_a_peer_to_whom_nothing_is_owed_may_be_silent(peer: Peer) -> None:
    gate, now = Gate(peer), time.monotonic()
    gate.check(now + 10 * PATIENCE, PATIENCE)
    assert not peer.is_cut


async def test_senders_wait_for_room_and_for_nobody_who_has_left(peer: Peer) -> None:
    gate = Gate(peer)
    await gate.room()
    gate.pauseProducing()
    waiting = asyncio.create_task(gate.room())
    await asyncio.sleep(0)
    assert not waiting.done()
    gate.stopProducing()
    await waiting
    assert gate.is_over
