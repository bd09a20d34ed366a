from __future__ import annotations

import asyncio

from realtime.bell import Bell


async def test_a_ring_wakes_the_sleeper() -> None:
    bell = Bell()
    asleep = asyncio.create_task(bell.sleep())
    await asyncio.sleep(0)
    assert not asleep.done()
    bell.ring()
    bell.ring()
    await asleep


async def test_a_ring_before_the_sleep_is_kept_but_once() -> None:
    bell = Bell()
    bell.ring()
    bell.ring()
    await bell.sleep()
    asleep = asyncio.create_task(bell.sleep())
    await asyncio.sleep(0)
    assert not asleep.done()
    asleep.cancel()


async def test_a_sleeper_that_left_is_not_rung_for() -> None:
    bell = Bell()
    left = asyncio.create_task(bell.sleep())
    await asyncio.sleep(0)
    left.cancel()
    await asyncio.wait([left])
    bell.ring()
    await bell.sleep()


async def test_the_end_wakes_and_is_remembered() -> None:
    bell = Bell()
    asleep = asyncio.create_task(bell.sleep())
    await asyncio.sleep(0)
    bell.end()
    await asleep
    assert bell.over
