"""Answers to requests that no application sees, in the form of all other errors."""

from __future__ import annotations

import json
from collections.abc import Iterable
from http import HTTPStatus

from manticscore import accesslog, errors, logs

Headers = Iterable[tuple[str, str]]


def refusal(
    status: int, method: str, path: str, *, detail: str = "", headers: Headers = (), log: bool = True
) -> bytes:
    """A whole HTTP response after which the connection is closed. The access log gets its line."""
    request_id = accesslog.new_request_id()
    if log:
        token = logs.current.set(logs.Request(request_id))
        accesslog.write({"method": method, "path": path}, status, 0, "none")
        logs.current.reset(token)
    body = errors.status_response(status, request_id).content if not detail else detailed(detail)
    fields = [
        ("Content-Type", "application/json"),
        ("Content-Length", str(len(body))),
        ("X-Request-ID", request_id),
        ("Connection", "close"),
        *headers,
    ]
    head = "".join(f"{name}: {value}\r\n" for name, value in fields)
    return f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n{head}\r\n".encode("ascii") + body


def detailed(detail: str) -> bytes:
    return json.dumps({"detail": detail}, separators=(",", ":")).encode()
