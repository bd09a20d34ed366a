"""daphne, with the server's own background work in its event loop and a shutdown that always works."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from daphne.server import Server as DaphneServer
from twisted.internet import defer, reactor

Background = Callable[[], Coroutine[Any, Any, None]]
OnListening = Callable[[str, int], None]


class Server(DaphneServer):  # type: ignore[misc]  # daphne has no types
    """daphne's Server plus `background` coroutines that start with it and are cancelled before it ends.

    `on_listening` is told the host and port of every socket once it accepts connections. When one
    cannot be opened `run` returns at once, and `failure` says why.
    """

    def __init__(
        self,
        application: Any,
        *,
        background: Sequence[Background] = (),
        on_listening: OnListening = lambda host, port: None,
        **options: Any,
    ) -> None:
        super().__init__(application, **options)
        self.failure = ""
        self._background = background
        self._on_listening = on_listening
        self._running: list[asyncio.Task[None]] = []

    def run(self) -> None:
        reactor.callWhenRunning(self._start_background)
        reactor.addSystemEventTrigger("before", "shutdown", self._stop_background)  # type: ignore[arg-type]
        super().run()

    def listen_success(self, port: Any) -> None:
        super().listen_success(port)
        address = port.getHost()
        self._on_listening(address.host, address.port)

    def listen_error(self, failure: Any) -> None:
        problem = getattr(failure.value, "socketError", failure.value)
        self.failure = getattr(problem, "strerror", "") or str(problem)
        self.stop()

    def _start_background(self) -> None:
        loop = asyncio.get_event_loop()
        self._running = [loop.create_task(step()) for step in self._background]

    def _stop_background(self) -> defer.Deferred[Any]:
        for task in self._running:
            task.cancel()
        return defer.Deferred.fromFuture(asyncio.gather(*self._running, return_exceptions=True))

    def kill_all_applications(self) -> defer.Deferred[Any]:
        """Cancel every application and wait for it.

        daphne's own version fails as a whole, and silently, when one connection has no application yet.
        """
        pending = [
            details["application_instance"]
            for details in self.connections.values()
            if "application_instance" in details and not details["application_instance"].done()
        ]
        for application in pending:
            application.cancel()
        return defer.Deferred.fromFuture(asyncio.gather(*pending, return_exceptions=True))
