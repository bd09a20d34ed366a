"""The server: HTTP, WebSocket and, unless told otherwise, the jobs."""

from __future__ import annotations

import asyncio
import os
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand


class Command(BaseCommand):
    help = (
        "Serve the API on HOST:PORT until stopped by SIGTERM or Ctrl-C. Jobs are worked on in the same"
        " process; with --no-worker start `manage.py work` beside it. PORT 0 picks a free port."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--host", default=os.environ.get("HOST") or "127.0.0.1")
        parser.add_argument("--port", type=int, default=int(os.environ.get("PORT") or 8000))
        parser.add_argument("--no-worker", action="store_true", help="serve requests only")

    def handle(self, *args: Any, **options: Any) -> None:
        # Importing daphne's server installs Twisted's reactor, which must come before its other users.
        from manticscore.asgi import application
        from realtime.server import Server

        background = [] if options["no_worker"] else [work]
        server = Server(
            application,
            background=background,
            endpoints=[f"tcp:port={options['port']}:interface={options['host'].replace(':', chr(92) + ':')}"],
            ready_callable=None,
            server_name="",
        )
        original = server.listen_success

        def listen_success(port: Any) -> None:
            original(port)
            for host, number in server.listening_addresses:
                self.stdout.write(f"Listening on http://{host}:{number}")
                self.stdout.flush()

        server.listen_success = listen_success
        server.run()


async def work() -> None:
    """A worker in the server's own loop, stopped when the server stops."""
    from realtime.jobs import Worker

    worker = Worker()
    running = asyncio.create_task(worker.run())
    try:
        await asyncio.shield(running)
    except asyncio.CancelledError:
        worker.stop()
        await running
