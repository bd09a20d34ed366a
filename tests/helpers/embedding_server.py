"""An embedding service on loopback that speaks OpenAI's protocol, with vectors made of words."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = tuple[int, bytes]
DIMENSIONS = 48


def vector(text: str) -> list[float]:
    """Texts are near that share words; the length is not 1, as with some models."""
    places = [0.01] * DIMENSIONS
    for word in text.lower().replace(".", " ").split():
        places[hashlib.sha256(word.encode()).digest()[0] % DIMENSIONS] += 3.0
    return places


def embeddings(body: dict[str, Any]) -> Answer:
    """What a service in order says. Its order is not the texts': the index tells."""
    data = [{"index": n, "embedding": vector(text)} for n, text in enumerate(body["input"])]
    return 200, json.dumps({"object": "list", "data": data[::-1], "model": body["model"]}).encode()


class EmbeddingServer:
    """Remembers what it was asked; `script` decides what it says."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.authorization: list[str | None] = []
        self.script: Callable[[dict[str, Any]], Answer] = embeddings
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                outer.asked.append({"path": self.path, **body})
                outer.authorization.append(self.headers["Authorization"])
                status, content = outer.script(body)
                self.send_response(status)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *args: Any) -> None:
                """Quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    def serve(self) -> None:
        self._server.serve_forever(poll_interval=0.01)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@contextmanager
def embedding_server() -> Iterator[EmbeddingServer]:
    server = EmbeddingServer()
    thread = threading.Thread(target=server.serve)
    thread.start()
    try:
        yield server
    finally:
        server.close()
        thread.join()
