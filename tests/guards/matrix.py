"""Who may do what: one row per route and method. A route without a row fails the suite, as does a row
without a route.

A row names the kind of route, which says what every caller gets; `but` overrides single callers.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Caller(StrEnum):
    NOBODY = "no token"
    EXPIRED = "an expired session"
    REVOKED = "a revoked session"
    REBOUND = "the anonymous session of a device that was rebound"
    STAFF = "a Django staff user's cookie and no token"
    ANONYMOUS = "another device"
    OTHER = "another user"
    OTHER_JWT = "another user's JWT"
    OWNER = "the owner"


REFUSED = {
    Caller.NOBODY: 401,
    Caller.EXPIRED: 401,
    Caller.REVOKED: 401,
    Caller.REBOUND: 401,
    Caller.STAFF: 401,
}
EVERYBODY = frozenset(Caller)
ALLOWED = frozenset({Caller.ANONYMOUS, Caller.OTHER, Caller.OTHER_JWT, Caller.OWNER})


def kind(granted: int, **others: int) -> dict[Caller, int]:
    """Success for whoever has a valid token, except where told otherwise."""
    told = {Caller[name.upper()]: status for name, status in others.items()}
    return {**REFUSED, **dict.fromkeys(ALLOWED, granted), **told}


PUBLIC = dict.fromkeys(Caller, 200)
OWN = kind(200)  # acts on the caller's own things, whoever calls
CREATES = kind(202)
SIGNED_IN = kind(200, anonymous=403)
JWT_ONLY = kind(401, other_jwt=200)  # a session may not prolong itself
SESSION_ONLY = kind(200, other_jwt=401)
OBJECT = kind(200, anonymous=404, other=404, other_jwt=404)

DEVICE = f"device {uuid.UUID(int=7)}"


@dataclass(frozen=True)
class Row:
    route: str
    method: str
    expected: Mapping[Caller, int]
    body: Mapping[str, Any] | None = None
    but: Mapping[Caller, int] = field(default_factory=dict)

    def status(self, caller: Caller) -> int:
        return {**self.expected, **self.but}[caller]

    @property
    def is_about_an_object(self) -> bool:
        return self.expected is OBJECT

    def __str__(self) -> str:
        return f"{self.method} /{self.route}"


ROWS = [
    Row("healthz", "GET", PUBLIC),
    Row("readyz", "GET", PUBLIC),
    Row("metrics", "GET", PUBLIC),  # from this machine, where the tests run; see tests/api/test_metrics.py
    # Sessions
    Row("auth/anonymous", "POST", PUBLIC, {"device_id": DEVICE}),
    Row("auth/session", "POST", JWT_ONLY),
    Row("auth/session", "DELETE", SESSION_ONLY),
    Row("auth/bootstrap", "GET", OWN),
    Row("auth/rebind", "POST", OWN, {"device_id": DEVICE}, but={Caller.ANONYMOUS: 401}),
    # The account
    Row("profile", "GET", OWN),
    Row("profile", "PUT", OWN, {"name": "Somebody"}),
    Row("profile/agent-config", "PATCH", OWN, {"autonomy_level": "confirm"}),
    Row("secrets", "GET", SIGNED_IN),
    Row("secrets", "PUT", SIGNED_IN, {"openai_api_key": None}),
    Row("v1/usage", "GET", OWN),
    Row("push-tokens", "POST", OWN, {"device_token": "ab" * 32, "environment": "sandbox"}),
    Row("push-tokens", "DELETE", OWN, {"device_token": "cd" * 32}),
    Row("push-tokens/preferences", "GET", OWN),
    Row("push-tokens/preferences", "PUT", OWN, {"preferences": []}),
    # Research
    Row("research", "POST", CREATES, {"idea": "a recipe box"}),
    Row("research/<uuid:job_id>", "GET", OBJECT),
    Row("research/<uuid:job_id>/status", "GET", OBJECT),
    Row("research/<uuid:job_id>/events", "GET", OBJECT),
]
