"""Re-exports, one noun a file."""

from accounts.models.device import Device
from accounts.models.principal import ANONYMOUS_PREFIX, OwnedModel, Principal
from accounts.models.session import Session
from accounts.models.staff import User

__all__ = ["ANONYMOUS_PREFIX", "Device", "OwnedModel", "Principal", "Session", "User"]
