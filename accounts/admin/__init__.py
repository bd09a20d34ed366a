"""What staff see of accounts, one noun a file."""

from accounts.admin import (
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
