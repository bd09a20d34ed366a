"""HTTP goes to Django, WebSocket to realtime."""

from __future__ import annotations

import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "manticscore.settings")
django.setup(set_prefix=False)

from channels.routing import ProtocolTypeRouter  # noqa: E402

from manticscore.accesslog import AccessLog  # noqa: E402
from manticscore.handler import HttpHandler  # noqa: E402
from realtime.routing import websocket_application  # noqa: E402

application = AccessLog(ProtocolTypeRouter({"http": HttpHandler(), "websocket": websocket_application}))
