"""What staff see of accounts, one noun a file."""

from accounts.admin import (
    call,
    credit,
    device,
    idempotency,
    outbox,
    principal,
    profile,
    rebind,
    secret,
    session,
    staff,
)

__all__ = [
    "call",
    "credit",
    "device",
    "idempotency",
    "outbox",
    "principal",
    "profile",
    "rebind",
    "secret",
    "session",
    "staff",
]
