"""The names a server answers to, by the address it listens on."""

from __future__ import annotations

import pytest

from manticscore.lib import hosts

LOCAL = ["localhost", "127.0.0.1", "[::1]"]


@pytest.mark.parametrize(
    ("listening", "names"),
    [
        ("127.0.0.1", LOCAL),
        ("localhost", LOCAL),
        ("::1", LOCAL),
        ("[::1]", LOCAL),
        ("0.0.0.0", ["*"]),
        ("::", ["*"]),
        ("[::]", ["*"]),
        ("192.0.2.7", [*LOCAL, "192.0.2.7"]),
        ("2001:db8::7", [*LOCAL, "[2001:db8::7]"]),
        ("api.example.com", [*LOCAL, "api.example.com"]),
    ],
)
def test_names(listening: str, names: list[str]) -> None:
    assert hosts.names(listening) == names
