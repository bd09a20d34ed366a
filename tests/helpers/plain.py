"""Our server with an application that does nothing but show how the server behaves.

`python -m tests.helpers.plain` prints where it listens. Bodies of bytes are counted, paths say what happens.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "manticscore.settings")

LINE = b"x" * 1023 + b"\n"
FLOOD = 64 * 1024  # bytes a piece


class Application:
    """Also keeps what tests ask for over `/report`."""

    def __init__(self) -> None:
        self.bytes_sent = 0
        self.disconnected = 0

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        await (self.socket if scope["type"] == "websocket" else self.request)(scope, receive, send)

    async def request(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        received = 0
        while (message := await receive())["type"] == "http.request":
            received += len(message["body"])
            if not message["more_body"]:
                break
        match scope["path"]:
            case "/flood":
                await self.flood(send, receive)
            case "/lines":
                await self.lines(send, receive)
            case "/slow":
                await asyncio.sleep(0.5)
                await self.answer(send, {"slow": True})
            case "/fails":
                raise RuntimeError("on purpose")
            case "/breaks-off":
                await send({"type": "http.response.start", "status": 200, "headers": []})
                await send({"type": "http.response.body", "body": LINE, "more_body": True})
                raise RuntimeError("on purpose")
            case "/report":
                await self.answer(send, self.report())
            case _:
                await self.answer(send, described(scope) | {"received": received})

    def report(self) -> dict[str, int]:
        from realtime import metrics

        return {
            "sent": self.bytes_sent,
            "disconnected": self.disconnected,
            "cut": metrics.slow_readers_cut._value.get(),
        }

    async def answer(self, send: Any, body: dict[str, Any]) -> None:
        content = json.dumps(body).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(content)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": content})

    async def flood(self, send: Any, receive: Any) -> None:
        """Send for ever, as fast as the server takes it."""
        await send({"type": "http.response.start", "status": 200, "headers": []})
        body = {"type": "http.response.body", "body": LINE * (FLOOD // len(LINE)), "more_body": True}
        await self.until_disconnect(self.repeat(send, body, FLOOD), receive)

    async def lines(self, send: Any, receive: Any) -> None:
        """A line, then silence."""
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": LINE, "more_body": True})
        await self.until_disconnect(asyncio.Event().wait(), receive)

    async def repeat(self, send: Any, message: dict[str, Any], size: int) -> None:
        while True:
            await send(message)
            self.bytes_sent += size

    async def until_disconnect(self, work: Any, receive: Any) -> None:
        working = asyncio.ensure_future(work)
        while "disconnect" not in (await receive())["type"]:
            pass
        self.disconnected += 1
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)

    async def socket(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        await receive()
        if scope["path"] == "/refused":
            await send({"type": "websocket.close"})
            return
        if scope["path"] == "/late":
            await asyncio.sleep(0.5)
        await send({"type": "websocket.accept"})
        match scope["path"]:
            case "/flood":
                await self.flood_socket(send, receive)
                return
            case "/deaf":
                await asyncio.sleep(1)
            case "/frames":
                from realtime.framing import text_frames

                await send({"type": "websocket.frames", "data": text_frames([b"one", b"two" * 60_000])})
            case "/large":
                await send({"type": "websocket.send", "text": "x" * (2 * 1024 * 1024)})
            case "/scope":
                await send({"type": "websocket.send", "text": json.dumps(described(scope))})
            case "/close":
                code = int(scope["query_string"])
                await send({"type": "websocket.close", "code": code, "reason": "so be it"})
            case "/fails":
                raise RuntimeError("on purpose")
        await self.echo(receive, send)

    async def flood_socket(self, send: Any, receive: Any) -> None:
        from realtime.framing import text_frames

        message = {"type": "websocket.frames", "data": text_frames([LINE] * (FLOOD // len(LINE)))}
        await self.until_disconnect(self.repeat(send, message, FLOOD), receive)

    async def echo(self, receive: Any, send: Any) -> None:
        while (message := await receive())["type"] == "websocket.receive":
            await send(message | {"type": "websocket.send"})


def described(scope: dict[str, Any]) -> dict[str, Any]:
    """What an application learns about a request."""
    return {
        "path": scope["path"],
        "root_path": scope["root_path"],
        "client": scope["client"][0],
        "scheme": scope.get("scheme", ""),
        "headers": [name.decode() for name, _ in scope["headers"]],
        "extensions": list(scope.get("extensions", {})),
    }


def main() -> None:
    # Until the event loop takes over.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    import django

    django.setup(set_prefix=False)
    from realtime.serving.server import Server

    def listening(host: str, port: int) -> None:
        sys.stdout.write(f"Listening on http://{host}:{port}\n")
        sys.stdout.flush()

    Server(Application(), on_listening=listening, endpoints=["tcp:port=0:interface=127.0.0.1"]).run()


if __name__ == "__main__":
    main()
