"""Which pages may open a WebSocket."""

from __future__ import annotations

import pytest
from django.conf import LazySettings

from realtime.sockets.origins import is_allowed

CASES: list[tuple[str | None, str, bool]] = [
    (None, "api.example.com", True),  # no browser
    ("https://api.example.com", "api.example.com", True),
    ("https://API.example.com", "api.Example.com", True),
    ("https://api.example.com:443", "api.example.com", True),
    ("https://api.example.com", "api.example.com:443", True),
    ("http://api.example.com:8000", "api.example.com:8000", True),
    ("http://[::1]:8000", "[::1]:8000", True),
    ("https://app.example.com", "api.example.com", True),  # named by the operator
    ("http://app.example.com", "api.example.com", False),  # but not like this
    ("https://app.example.com:444", "api.example.com", False),
    ("http://api.example.com:8001", "api.example.com:8000", False),
    ("http://api.example.com", "api.example.com:443", False),
    ("https://api.example.com.evil.example", "api.example.com", False),
    ("https://evil.example", "api.example.com", False),
    ("http://evil.example:8000", "evil.example:8000", False),  # a name somebody else points at us
    ("null", "api.example.com", False),
    ("null", "null", False),
    ("", "api.example.com", False),
    ("file://", "api.example.com", False),
    ("chrome-extension://abcdef", "abcdef", False),
    ("https://[", "api.example.com", False),
    ("https://api.example.com:port", "api.example.com", False),
    ("https://api.example.com", "api.example.com:port", False),
    ("https://", "", False),
]


@pytest.mark.parametrize(("origin", "host", "allowed"), CASES)
def test_origin(settings: LazySettings, origin: str | None, host: str, allowed: bool) -> None:
    settings.ALLOWED_HOSTS = ["api.example.com", "[::1]"]
    settings.WS_ALLOWED_ORIGINS = ["https://app.example.com"]
    assert is_allowed(origin, host) is allowed


def test_server_on_every_address(settings: LazySettings) -> None:
    settings.ALLOWED_HOSTS = ["*"]
    assert is_allowed("http://192.0.2.7:8000", "192.0.2.7:8000")
    assert not is_allowed("http://192.0.2.7:8000", "192.0.2.8:8000")
    assert not is_allowed("https://", "")
