"""Anonymous devices: from the id a client made up to a principal."""

from __future__ import annotations

import hashlib
import hmac

from django.conf import settings
from django.db import transaction

from accounts.models import Device, Principal


def principal_of(device_id: str) -> Principal:
    """The principal of a device, made on first sight; the same one under concurrent first calls.

    A device id lets its holder in, so it is treated like a password: only its HMAC is stored.
    """
    digest = device_digest(device_id)
    device = Device.objects.select_related("principal").filter(digest=digest).first()
    return device.principal if device else _register(digest)


def device_digest(device_id: str) -> bytes:
    return hmac.digest(settings.DEVICE_KEY.encode(), device_id.encode(), hashlib.sha256)


@transaction.atomic
def _register(digest: bytes) -> Principal:
    principal = Principal.new_anonymous()
    device, created = Device.objects.select_related("principal").get_or_create(
        digest=digest, defaults={"principal": principal}
    )
    if not created:
        principal.delete()
    return device.principal
