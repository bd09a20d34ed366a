"""The Channels tutorial's consumer on daphne, with the Redis pub/sub layer: the default one loses bursts."""

from __future__ import annotations

import json
import sys
from typing import Any

from django.conf import settings


def configure(redis: str) -> None:
    layer = {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        "CONFIG": {"hosts": [redis]},
    }
    settings.configure(INSTALLED_APPS=["channels"], CHANNEL_LAYERS={"default": layer})


def application() -> Any:
    import django

    django.setup(set_prefix=False)
    from channels.generic.websocket import AsyncWebsocketConsumer
    from channels.routing import ProtocolTypeRouter, URLRouter
    from django.urls import path

    class EventConsumer(AsyncWebsocketConsumer):  # type: ignore[misc]  # Channels has no types
        async def connect(self) -> None:
            self.stream = self.scope["url_route"]["kwargs"]["stream"]
            await self.channel_layer.group_add(self.stream, self.channel_name)
            await self.accept()

        async def disconnect(self, code: int) -> None:
            await self.channel_layer.group_discard(self.stream, self.channel_name)

        async def stream_event(self, message: dict[str, Any]) -> None:
            await self.send(text_data=json.dumps(message["event"], separators=(",", ":")))

    routes = [path("events/<stream>", EventConsumer.as_asgi())]
    return ProtocolTypeRouter({"websocket": URLRouter(routes)})


def main(redis: str) -> None:
    configure(redis)
    from daphne.server import Server

    def announce() -> None:
        host, port = server.listening_addresses[0]
        sys.stdout.write(f"Listening on http://{host}:{port}\n")
        sys.stdout.flush()

    server = Server(application(), ["tcp:port=0:interface=127.0.0.1"], ready_callable=announce)
    server.run()


if __name__ == "__main__":
    main(sys.argv[1])
