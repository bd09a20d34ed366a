"""Which web pages may open a WebSocket: the server's own, and those that the operator named."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http.request import split_domain_port, validate_host

DEFAULT_PORTS = {"http": "80", "https": "443"}


def known_origins(application: Any) -> Any:
    """The ASGI application for clients that are no browser (they send no Origin) and for allowed pages."""

    async def checked(scope: Any, receive: Any, send: Any) -> None:
        headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
        if is_allowed(headers.get(b"origin"), headers.get(b"host", "")):
            await application(scope, receive, send)
        else:
            await receive()
            await send({"type": "websocket.close", "code": 1008})  # before accepting: the client sees 403

    return checked


def is_allowed(origin: str | None, host: str) -> bool:
    """Whether a page of that origin may connect to us under that Host."""
    if origin is None or origin in settings.WS_ALLOWED_ORIGINS:
        return True
    scheme, _, page = origin.partition("://")
    default = DEFAULT_PORTS.get(scheme)
    asked_for, asking = address(host, default), address(page, default)
    if default is None or not asking[0] or asked_for != asking:
        return False
    # A name that somebody else points at us is not ours.
    return validate_host(asking[0], settings.ALLOWED_HOSTS)


def address(text: str, default_port: str | None) -> tuple[str, str | None]:
    name, port = split_domain_port(text)
    return name, port or default_port
