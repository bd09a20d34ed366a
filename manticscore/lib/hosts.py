"""Which names in a Host header are ours, when nobody says."""

from __future__ import annotations

LOCAL = ["localhost", "127.0.0.1", "[::1]"]
EVERY_ADDRESS = {"0.0.0.0", "::"}


def names(listening: str) -> list[str]:
    """The names to answer to for a server that listens on that address.

    One that listens on every address was opened to the network on purpose, and is known there by names and
    addresses that it cannot find out itself.
    """
    address = listening.strip("[]")
    if address in EVERY_ADDRESS:
        return ["*"]
    own = f"[{address}]" if ":" in address else address
    return LOCAL if own in LOCAL else [*LOCAL, own]
