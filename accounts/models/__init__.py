"""Re-exports, one noun a file."""

from accounts.models.call import ModelCall
from accounts.models.credit import LedgerEntry, UsagePeriod
from accounts.models.device import Device
from accounts.models.idempotency import IdempotencyKey
from accounts.models.outbox import OutboxMessage
from accounts.models.principal import ANONYMOUS_PREFIX, OwnedModel, Principal
from accounts.models.profile import Profile, PushToken
from accounts.models.rebind import Rebind, RebindAudit, RebindConflict
from accounts.models.secret import Secret
from accounts.models.session import Session
from accounts.models.staff import User

__all__ = [
    "ANONYMOUS_PREFIX",
    "Device",
    "IdempotencyKey",
    "LedgerEntry",
    "ModelCall",
    "OutboxMessage",
    "OwnedModel",
    "Principal",
    "Profile",
    "PushToken",
    "Rebind",
    "RebindAudit",
    "RebindConflict",
    "Secret",
    "Session",
    "UsagePeriod",
    "User",
]
