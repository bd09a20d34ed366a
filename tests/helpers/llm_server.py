"""A language model's server on loopback. It speaks Anthropic's Messages and OpenAI's chat completions."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Answer:
    """What the server says: a model's text, or with another status or raw bytes something else.

    `hang` holds the answer back until the server closes; `drop` ends the connection without one.
    """

    text: str = ""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    raw: bytes | None = None
    tokens: tuple[int, int] = (1000, 100)
    stop: str = "end"
    hang: bool = False
    drop: bool = False


@dataclass(frozen=True)
class Asked:
    """A request as it came in."""

    path: str
    headers: Mapping[str, str]
    body: dict[str, Any]

    @property
    def key(self) -> str:
        bearer = self.headers.get("authorization", "")
        return self.headers.get("x-api-key") or bearer.removeprefix("Bearer ")

    @property
    def system(self) -> str:
        if "system" in self.body:
            system = self.body["system"]
            return system if isinstance(system, str) else "".join(block["text"] for block in system)
        return "".join(text_of(m) for m in self.body["messages"] if m["role"] in ("system", "developer"))

    @property
    def user(self) -> str:
        return "".join(text_of(message) for message in self.body["messages"] if message["role"] == "user")

    @property
    def material(self) -> dict[str, Any]:
        """What the research engine sent: one JSON object."""
        found: dict[str, Any] = json.loads(self.user)
        return found


Script = Callable[[Asked], Answer]


def text_of(message: Mapping[str, Any]) -> str:
    content = message["content"]
    return content if isinstance(content, str) else "".join(part.get("text", "") for part in content)


def saying(*answers: Answer | str | dict[str, Any]) -> Script:
    """One answer after the other; the last one is repeated."""
    waiting = [answer(one) for one in answers]

    def script(asked: Asked) -> Answer:
        return waiting.pop(0) if len(waiting) > 1 else waiting[0]

    return script


def answer(said: Answer | str | dict[str, Any]) -> Answer:
    if isinstance(said, Answer):
        return said
    return Answer(said if isinstance(said, str) else json.dumps(said))


class LlmServer:
    """Answers by its script and keeps what it was asked."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.asked: list[Asked] = []
        self._closing = threading.Event()
        self._turn = threading.Lock()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                outer._serve(self)

            def log_message(self, *args: Any) -> None:
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.01,), daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_port}"

    @property
    def openai_url(self) -> str:
        return f"{self.url}/v1"

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self._closing.set()
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()

    def _serve(self, http: BaseHTTPRequestHandler) -> None:
        body = json.loads(http.rfile.read(int(http.headers["content-length"])))
        headers = {name.lower(): value for name, value in http.headers.items()}
        with self._turn:
            asked = Asked(http.path, headers, body)
            self.asked.append(asked)
            said = self.script(asked)
        if said.hang:
            self._closing.wait()
        if said.hang or said.drop:
            http.close_connection = True
            return
        try:
            self._send(http, said, *rendered(asked, said))
        except (BrokenPipeError, ConnectionResetError):
            http.close_connection = True

    def _send(self, http: BaseHTTPRequestHandler, said: Answer, kind: str, body: bytes) -> None:
        http.send_response(said.status)
        for name, value in {"content-type": kind, "content-length": str(len(body)), **said.headers}.items():
            http.send_header(name, value)
        http.end_headers()
        http.wfile.write(body)


def rendered(asked: Asked, said: Answer) -> tuple[str, bytes]:
    """The content type and the body, in the protocol of the path that was asked."""
    if said.raw is not None:
        return "application/json", said.raw
    anthropic = asked.path.endswith("/messages")
    if said.status != 200:
        return "application/json", json.dumps(failure(said, anthropic)).encode()
    whole = messages if anthropic else completion
    return "application/json", json.dumps(whole(asked, said)).encode()


def failure(said: Answer, anthropic: bool) -> dict[str, Any]:
    error = {"type": "error", "message": said.text or "scripted failure"}
    return {"type": "error", "error": error} if anthropic else {"error": {**error, "code": None}}


def messages(asked: Asked, said: Answer) -> dict[str, Any]:
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": asked.body["model"],
        "content": [{"type": "text", "text": said.text}] if said.text else [],
        "stop_reason": {"end": "end_turn", "length": "max_tokens"}[said.stop],
        "stop_sequence": None,
        "usage": {"input_tokens": said.tokens[0], "output_tokens": said.tokens[1]},
    }


def completion(asked: Asked, said: Answer) -> dict[str, Any]:
    choice = {"role": "assistant", "content": said.text}
    reason = {"end": "stop", "length": "length"}[said.stop]
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1_790_000_000,
        "model": asked.body["model"],
        "choices": [{"index": 0, "message": choice, "finish_reason": reason, "logprobs": None}],
        "usage": usage(said),
    }


def usage(said: Answer) -> dict[str, int]:
    read, written = said.tokens
    return {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written}


@contextmanager
def llm_server(script: Script) -> Iterator[LlmServer]:
    server = LlmServer(script)
    server.start()
    try:
        yield server
    finally:
        server.close()
