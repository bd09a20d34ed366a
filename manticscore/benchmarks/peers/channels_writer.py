"""Sends events to groups of the Channels server from a process of its own, one `group_send` each."""

from __future__ import annotations

import asyncio
import json
import sys
import time

from manticscore.benchmarks.peers.channels_server import configure
from manticscore.benchmarks.peers.events import Order, Pacer, event, turns


async def write(order: Order) -> Pacer:
    from channels.layers import get_channel_layer

    layer, pacer = get_channel_layer(), Pacer(order["rate"])
    for stream, numbers in turns(order["streams"], order["events"], order["batch"]):
        due = pacer.due()
        await asyncio.sleep(max(0.0, due - time.time()))
        for number in numbers:
            message = {"type": "stream.event", "event": event(stream, number, due, order["size"])}
            await layer.group_send(stream, message)
        pacer.written += len(numbers)
    return pacer


if __name__ == "__main__":
    configure(sys.argv[1])
    sys.stdout.write(json.dumps(asyncio.run(write(json.loads(sys.stdin.read()))).told()))
