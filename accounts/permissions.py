"""Who may use a route, beyond having a valid token."""

from __future__ import annotations

from typing import Any

from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView

from accounts.models import Principal


class IsSignedIn(BasePermission):
    """A user, not an anonymous device: whoever knows a device's id can become that device."""

    message = "Sign in to use this"

    def has_permission(self, request: Request, view: APIView) -> bool:
        principal: Any = request.user
        return isinstance(principal, Principal) and not principal.is_anonymous_device
