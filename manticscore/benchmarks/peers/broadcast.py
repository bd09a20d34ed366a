"""A bare broadcast server on `websockets`: the floor. On /control it is told what to send, to whom, how fast.

Told to `blast`, it writes every stream's frames at once and prepared beforehand: what readers can take.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections import defaultdict

from websockets.asyncio.server import ServerConnection, broadcast, serve

from manticscore.benchmarks.peers.events import Order, Pacer, encoded, turns

readers: defaultdict[str, set[ServerConnection]] = defaultdict(set)


async def handle(connection: ServerConnection) -> None:
    assert connection.request
    stream = connection.request.path.rpartition("/")[2]
    if stream == "control":
        order = json.loads(await connection.recv())
        pacer = blast(order) if order.get("blast") else await write(order)
        await connection.send(json.dumps(pacer.told()))
        return
    readers[stream].add(connection)
    try:
        await connection.wait_closed()
    finally:
        readers[stream].discard(connection)


async def write(order: Order) -> Pacer:
    pacer = Pacer(order["rate"])
    for stream, numbers in turns(order["streams"], order["events"], order["batch"]):
        due = pacer.due()
        await asyncio.sleep(max(0.0, due - time.time()))
        for number in numbers:
            broadcast(readers[stream], encoded(stream, number, due, order["size"]))
        pacer.written += len(numbers)
    return pacer


def blast(order: Order) -> Pacer:
    numbers = range(1, order["events"] + 1)
    frames = {
        stream: b"".join(unmasked(encoded(stream, number, 0.0, order["size"])) for number in numbers)
        for stream in order["streams"]
    }
    pacer = Pacer(0)
    for stream, prepared in frames.items():
        for reader in readers[stream]:
            reader.transport.write(prepared)
    return pacer


def unmasked(text: str) -> bytes:
    """A server's text frame; 126 and more bytes, as events have."""
    payload = text.encode()
    return b"\x81\x7e" + len(payload).to_bytes(2, "big") + payload


async def main() -> None:
    async with serve(handle, "127.0.0.1", 0, compression=None, ping_interval=None) as server:
        host, port = next(iter(server.sockets)).getsockname()
        sys.stdout.write(f"Listening on http://{host}:{port}\n")
        sys.stdout.flush()
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
