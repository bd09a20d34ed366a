"""The demonstration: one research job over the public API, from an empty machine to a landscape.

It starts a real server and is a client of it like any other: everything it shows came over HTTP and
WebSocket.
"""

from __future__ import annotations


class DemoFailed(Exception):
    """A step did not work. The message is one line; `log` holds the server's last words, if it died."""

    def __init__(self, message: str, log: str = "") -> None:
        self.log = log
        super().__init__(message)
