"""WebSocket paths."""

from channels.routing import URLRouter
from django.urls import path, re_path

from realtime.sockets.consumers import not_found, websocket
from realtime.sockets.origins import known_origins

websocket_application = known_origins(
    URLRouter(
        [
            path("ws", websocket),  # type: ignore[arg-type]  # Channels routes to ASGI applications
            re_path("", not_found),  # type: ignore[arg-type]
        ]
    )
)
