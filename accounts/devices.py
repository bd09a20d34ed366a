"""Anonymous devices: from the id a client made up to a principal."""

from __future__ import annotations

import hashlib
import hmac

from django.conf import settings
from django.db import transaction

from accounts import sessions
from accounts.models import Device, Principal


@transaction.atomic
def start_session(device_id: str) -> str:
    """A session token for a device.

    The device stays locked until the session is stored: a rebind comes before both or ends both.
    """
    return sessions.mint(principal_of(device_id))


@transaction.atomic
def principal_of(device_id: str) -> Principal:
    """The principal of a device, made on first sight and after every rebind.

    Concurrent calls get the same one: the device's row lock lets the first of them make it. A device id
    lets its holder in, so it is treated like a password: only its HMAC is stored.
    """
    digest = device_digest(device_id)
    device = locked(digest)
    if device is None:
        Device.objects.bulk_create([Device(digest=digest)], ignore_conflicts=True)
        device = Device.objects.select_for_update().get(digest=digest)
    if device.principal_id is None:
        device.principal = Principal.new_anonymous()
        device.save(update_fields=["principal"])
    return Principal(id=str(device.principal_id))


def locked(digest: bytes) -> Device | None:
    """The device's row, locked to the end of the transaction; None for one that was never seen."""
    return Device.objects.select_for_update().filter(digest=digest).first()


def device_digest(device_id: str) -> bytes:
    return hmac.digest(settings.DEVICE_KEY.encode(), device_id.encode(), hashlib.sha256)
