"""The server: HTTP, WebSocket and, unless told otherwise, the jobs."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
import threading
from argparse import ArgumentParser, ArgumentTypeError
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from manticscore import embedded_postgres
from manticscore.lib import hosts
from manticscore.lib.env import envstr

DATABASE_CHECK_INTERVAL = 2.0  # seconds
DEFAULT_PORT = "8000"
MAX_PORT = 65535

logger = logging.getLogger(__name__)
unfinished = threading.Event()  # jobs still run in threads, although the worker has stopped


class Command(BaseCommand):
    help = (
        "Serve the API on HOST:PORT until stopped by SIGTERM or Ctrl-C. Jobs are worked on in the same"
        " process; with --no-worker start `manage.py work` beside it. PORT 0 picks a free port."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--host", default=settings.HOST)
        parser.add_argument("--port", type=port_number, default=envstr("PORT", DEFAULT_PORT))
        parser.add_argument("--no-worker", action="store_true", help="serve requests only")

    def handle(self, *args: Any, **options: Any) -> None:
        # Until the event loop takes over, SIGTERM unwinds like Ctrl-C instead of cutting the process off.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        try:
            self.serve(options["host"], options["port"], with_worker=not options["no_worker"])
        except KeyboardInterrupt:
            sys.exit(128 + signal.SIGINT)
        finally:
            # A second Ctrl-C must not interrupt what is cleaned up at exit.
            signal.signal(signal.SIGINT, signal.SIG_IGN)

    def serve(self, host: str, port: int, *, with_worker: bool) -> None:
        # Importing daphne's server installs Twisted's reactor, which must come before its other users.
        from manticscore.asgi import application
        from realtime.jobs import leave
        from realtime.serving.server import Server

        if not envstr("ALLOWED_HOSTS"):
            settings.ALLOWED_HOSTS = hosts.names(host)

        def announce(bound_host: str, bound_port: int) -> None:
            self.stdout.write(f"Listening on {url(bound_host, bound_port)} ({mode(with_worker)})")
            self.stdout.flush()

        server = Server(
            application,
            background=[keep_database, work] if with_worker else [keep_database],
            closing=[stop_hub],
            on_listening=announce,
            endpoints=[endpoint(host, port)],
        )
        server.run()
        if unfinished.is_set():
            leave()
        if server.failure:
            raise CommandError(
                f"Cannot listen on {url(host, port)}: {server.failure}. Choose another PORT or HOST."
            )


def port_number(text: str) -> int:
    if not text.isdecimal() or int(text) > MAX_PORT:
        raise ArgumentTypeError(f"{text!r} is not a port; use 0 to {MAX_PORT}")
    return int(text)


def endpoint(host: str, port: int) -> str:
    """Twisted's description of where to listen; a colon inside an IPv6 address is escaped."""
    escaped = host.strip("[]").replace("\\", "\\\\").replace(":", "\\:")
    return f"tcp:port={port}:interface={escaped}"


def url(host: str, port: int) -> str:
    host = host.strip("[]")
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def mode(with_worker: bool) -> str:
    """What kind of installation this process belongs to."""
    database = "embedded" if settings.EMBEDDED else "scaled out"
    return f"{database}, {'with' if with_worker else 'without'} worker"


async def keep_database() -> None:
    """Start the embedded PostgreSQL again when it dies. A database of its own is not ours to start."""
    while settings.EMBEDDED:
        await asyncio.sleep(DATABASE_CHECK_INTERVAL)
        try:
            await asyncio.to_thread(embedded_postgres.revive)
        except Exception:
            logger.exception("the embedded PostgreSQL cannot be started")


async def work() -> None:
    """A worker in the server's own loop, stopped when the server stops."""
    from realtime.jobs import Worker

    worker = Worker()
    running = asyncio.create_task(worker.run())
    try:
        await asyncio.shield(running)
    except asyncio.CancelledError:
        worker.stop()
        if not await running:
            unfinished.set()


async def stop_hub() -> None:
    """Give back the connections that the event hub holds, if it was ever needed."""
    from realtime import hub

    if hub._hub is not None:
        await hub._hub.stop()
