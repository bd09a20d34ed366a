"""Web sites on this machine that answer byte for byte what a test wants, and a name server for them."""

from __future__ import annotations

import socket
import ssl
import threading
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path

Send = Callable[[bytes], None]
Script = Callable[[Send], None]

ROBOTS = "/robots.txt"


def answer(
    body: bytes | str = b"", *, status: int = 200, type: str = "text/html; charset=utf-8", **headers: str
) -> bytes:
    """A complete HTTP answer; `Content_Type` style names become header names."""
    content = body.encode() if isinstance(body, str) else body
    fields = {"Content-Type": type, "Content-Length": str(len(content)), "Connection": "close"}
    fields |= {name.replace("_", "-"): value for name, value in headers.items()}
    lines = [f"HTTP/1.1 {status} Something", *(f"{name}: {value}" for name, value in fields.items() if value)]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + content


def redirect(to: str, status: int = 302) -> bytes:
    return answer(status=status, Location=to)


@lru_cache(maxsize=4)
def bomb(megabytes: int) -> bytes:
    """A small gzip file that unpacks to very much."""
    return squeezed(megabytes, 16 + zlib.MAX_WBITS)


def squeezed(megabytes: int, window: int = zlib.MAX_WBITS) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, window)
    return b"".join(packer.compress(bytes(1 << 20)) for _ in range(megabytes)) + packer.flush()


class Site:
    """Answers by path: bytes at once, or a script that sends piece by piece. Other paths are 404."""

    def __init__(self, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None) -> None:
        self.pages: dict[str, bytes | Script] = {}
        self.requests: list[str] = []  # the whole heads
        self.names: list[str | None] = []  # that TLS clients asked for
        self._tls = tls
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._listener = socket.create_server((host, 0), family=family)
        self.port: int = self._listener.getsockname()[1]
        self._closing = threading.Event()
        self._threads: list[threading.Thread] = []
        self._sockets: list[socket.socket] = []
        self._start(self._accept)

    @property
    def paths(self) -> list[str]:
        return [head.split(" ", 2)[1] for head in self.requests]

    @property
    def visited(self) -> list[str]:
        """The paths asked for, without robots.txt."""
        return [path for path in self.paths if path != ROBOTS]

    def answer(self, path: str) -> bytes | Script:
        return self.pages.get(path, answer("nothing here", status=404))

    def wait(self, seconds: float) -> bool:
        """For scripts: pause; True when the test is over."""
        return self._closing.wait(seconds)

    def close(self) -> None:
        self._closing.set()
        for each in (self._listener, *self._sockets):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
        for thread in self._threads:
            thread.join(10)

    def _start(self, work: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=work, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self._closing.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._sockets.append(connection)
            self._start(self._serve, connection)

    def _serve(self, connection: socket.socket) -> None:
        with suppress(OSError, ValueError, IndexError), connection:
            if self._tls:
                connection = self._tls.wrap_socket(connection, server_side=True)
                self._sockets.append(connection)
            with connection:
                head = b""
                while b"\r\n\r\n" not in head:
                    piece = connection.recv(65536)
                    if not piece:
                        return
                    head += piece
                self.requests.append(head.decode("latin-1"))
                found = self.answer(self.paths[-1])
                if callable(found):
                    found(connection.sendall)
                else:
                    connection.sendall(found)


@contextmanager
def site(host: str = "127.0.0.1", tls: ssl.SSLContext | None = None) -> Iterator[Site]:
    served = Site(host, tls)
    try:
        yield served
    finally:
        served.close()


class Names:
    """A name server: what stands in `known`, one list of addresses per lookup, the last one for ever."""

    def __init__(self, **known: list[list[str]]) -> None:
        self.known = known
        self.asked: list[str] = []

    def set(self, name: str, *answers: list[str]) -> None:
        self.known[name] = list(answers)

    async def __call__(self, host: str, port: int) -> list[str]:
        self.asked.append(host)
        answers = self.known.get(host, [[]])
        return answers.pop(0) if len(answers) > 1 else answers[0]


def reset_peak_memory() -> int:
    """Forget this process's peak; its size now, in bytes."""
    Path("/proc/self/clear_refs").write_text("5")
    return peak_memory()


def peak_memory() -> int:
    """The most memory this process held since the peak was forgotten, in bytes."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise AssertionError("no peak is told here")
