"""A JSON API on loopback. What it does is said by a subclass, and what goes wrong by the test."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, TypeVar
from urllib.parse import urlsplit

Answer = tuple[int, Any, dict[str, str]]
Fault = Callable[[], Answer | None]


def refusal(status: int, **headers: str) -> Fault:
    """An answer that stands for a failure."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda: (status, {"message": "on purpose"}, named)


class JsonServer:
    """`faults` are by method and path's end; each is used once, before or, with `after`, behind the work.

    A fault without an answer lets the request through.
    """

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []
        self.faults: dict[tuple[str, str], list[Fault]] = {}
        self.after: list[Fault] = []
        self.released = threading.Event()
        self.lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler(self))
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def work(self, method: str, target: str, headers: Mapping[str, str], body: Any) -> Answer:
        """The answer where nothing goes wrong; one request at a time. Bytes are sent as they are."""
        raise NotImplementedError

    def fail(self, method: str, end: str, *faults: Fault) -> None:
        self.faults.setdefault((method, end), []).extend(faults)

    def hang(self) -> None:
        """A fault: no answer before the test is over."""
        self.released.wait(30)

    def done(self, answer: Answer) -> Answer:
        """The answer to something that was made, or what `after` puts in its place."""
        told = self.after.pop(0)() if self.after else None
        return told or answer

    def count(self, method: str, end: str) -> int:
        return sum(each[0] == method and each[1].endswith(end) for each in self.asked)

    def answer(self, method: str, target: str, headers: Mapping[str, str], body: Any) -> Answer:
        path = urlsplit(target).path
        with self.lock:
            self.asked.append((method, path))
        fault = self._fault(method, path)
        if fault is not None and (told := fault()) is not None:
            return told
        with self.lock:
            return self.work(method, target, headers, body)

    def _fault(self, method: str, path: str) -> Fault | None:
        for (of, end), waiting in self.faults.items():
            if of == method and path.endswith(end) and waiting:
                return waiting.pop(0)
        return None

    def serve(self) -> None:
        self._server.serve_forever(poll_interval=0.01)

    def close(self) -> None:
        self.released.set()
        self._server.shutdown()
        self._server.server_close()


def handler(outer: JsonServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            length = int(self.headers["Content-Length"] or 0)
            body = json.loads(self.rfile.read(length) or b"{}")
            status, content, headers = outer.answer(self.command, self.path, self.headers, body)
            sent = content if isinstance(content, bytes) else json.dumps(content).encode()
            try:
                self.send_response(status)
                for name, value in {**headers, "Content-Length": str(len(sent))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(sent)
            except ConnectionError:
                self.close_connection = True  # whoever asked has gone

        do_POST = do_GET

        def log_message(self, *args: Any) -> None:
            """Quiet."""

    return Handler


S = TypeVar("S", bound=JsonServer)


@contextmanager
def running(server: S) -> Iterator[S]:
    thread = threading.Thread(target=server.serve)
    thread.start()
    try:
        yield server
    finally:
        server.close()
        thread.join()
