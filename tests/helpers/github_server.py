"""GitHub's REST API on loopback, as far as plans are shipped to it. What it made it keeps, in order."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

TOKEN = "ghp_" + "Ab3" * 12
REPOSITORY = "ada/recipe-box"
REFERENCES = {"full_name": REPOSITORY, "has_issues": True, "archived": False}

Answer = tuple[int, Any, dict[str, str]]
Fault = Callable[[], Answer | None]


def refusal(status: int, **headers: str) -> Fault:
    """An answer that stands for a failure."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda: (status, {"message": "on purpose"}, named)


class GitHubServer:
    """`faults` are by method and path's end; each is used once, before or, with `after`, behind the work."""

    def __init__(self) -> None:
        self.repository: dict[str, Any] = dict(REFERENCES)
        self.issues: list[dict[str, Any]] = []
        self.labels: dict[str, str] = {}
        self.asked: list[tuple[str, str]] = []
        self.faults: dict[tuple[str, str], list[Fault]] = {}
        self.after: list[Fault] = []
        self.released = threading.Event()
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler(self))
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def fail(self, method: str, end: str, *faults: Fault) -> None:
        self.faults.setdefault((method, end), []).extend(faults)

    def hang(self) -> None:
        """A fault: no answer before the test is over."""
        self.released.wait(30)

    def serve(self) -> None:
        self._server.serve_forever(poll_interval=0.01)

    def close(self) -> None:
        self.released.set()
        self._server.shutdown()
        self._server.server_close()

    def count(self, method: str, end: str) -> int:
        return sum(each[0] == method and each[1].endswith(end) for each in self.asked)

    def answer(self, method: str, target: str, token: str, body: dict[str, Any]) -> Answer:
        url = urlsplit(target)
        with self._lock:
            self.asked.append((method, url.path))
        fault = self._fault(method, url.path)
        if fault is not None and (told := fault()) is not None:
            return told
        if token != f"Bearer {TOKEN}":
            return 401, {"message": "Bad credentials"}, {}
        prefix = f"/repos/{self.repository['full_name']}"
        if not url.path.lower().startswith(prefix.lower()):
            return 404, {"message": "Not Found"}, {}
        with self._lock:
            return self._work(method, url.path[len(prefix) :], parse_qs(url.query), body)

    def _fault(self, method: str, path: str) -> Fault | None:
        for (of, end), waiting in self.faults.items():
            if of == method and path.endswith(end) and waiting:
                return waiting.pop(0)
        return None

    def _work(self, method: str, path: str, query: dict[str, list[str]], body: dict[str, Any]) -> Answer:
        match method, path:
            case "GET", "":
                return 200, self.repository, {}
            case "POST", "/labels":
                if body["name"] in self.labels:
                    return 422, {"message": "Validation Failed", "errors": [{"code": "already_exists"}]}, {}
                self.labels[body["name"]] = body["color"]
                return 201, body, {}
            case "GET", "/issues":
                return 200, self._page(int(query["page"][0]), int(query["per_page"][0])), {}
            case "POST", "/issues":
                return self._create(body)
        return 404, {"message": "Not Found"}, {}

    def _page(self, number: int, size: int) -> list[dict[str, Any]]:
        return self.issues[::-1][(number - 1) * size : number * size]

    def _create(self, body: dict[str, Any]) -> Answer:
        if not body["title"] or len(body["body"]) > 65_536:
            return 422, {"message": "Validation Failed"}, {}
        number = len(self.issues) + 1
        made = {
            **body,
            "number": number,
            "html_url": f"https://github.example/{self.repository['full_name']}/issues/{number}",
            "created_at": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        }
        self.issues.append(made)
        if self.after and (told := self.after.pop(0)()) is not None:
            return told
        return 201, made, {}


def handler(outer: GitHubServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            length = int(self.headers["Content-Length"] or 0)
            body = json.loads(self.rfile.read(length) or b"{}")
            status, content, headers = outer.answer(
                self.command, self.path, self.headers["Authorization"] or "", body
            )
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


@contextmanager
def github_server() -> Iterator[GitHubServer]:
    server = GitHubServer()
    thread = threading.Thread(target=server.serve)
    thread.start()
    try:
        yield server
    finally:
        server.close()
        thread.join()
