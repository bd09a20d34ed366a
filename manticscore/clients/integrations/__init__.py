"""Tools of other services, used with the accounts that users connected to them."""

from __future__ import annotations

from django.conf import settings

from manticscore.clients import services
from manticscore.clients.integrations.composio import Composio
from manticscore.clients.integrations.interface import Integrations

__all__ = ["Integrations", "configured"]


def configured(seconds: float = services.SECONDS) -> Integrations | None:
    """What the settings name; None by default. `seconds` is the time for one request."""
    key = settings.COMPOSIO_API_KEY
    return Composio(settings.COMPOSIO_API_URL, key, seconds) if key else None
