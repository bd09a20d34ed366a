from __future__ import annotations

import asyncio

from realtime.serving.mailbox import Mailbox


async def test_messages_come_out_as_they_went_in() -> None:
    box = Mailbox()
    for number in range(3):
        box.put_nowait({"number": number})
    assert [(await box.get())["number"] for _ in range(3)] == [0, 1, 2]


async def test_a_reader_waits_for_the_next_one() -> None:
    box = Mailbox()
    reading = asyncio.create_task(box.get())
    await asyncio.sleep(0)
    assert not reading.done()
    box.put_nowait({"number": 1})
    assert await reading == {"number": 1}


async def test_a_reader_that_gave_up_takes_nothing_with_it() -> None:
    box = Mailbox()
    reading = asyncio.create_task(box.get())
    await asyncio.sleep(0)
    reading.cancel()
    await asyncio.wait([reading])
    box.put_nowait({"number": 1})
    assert await box.get() == {"number": 1}
