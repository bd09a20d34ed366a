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
UNFINISHED = kind(409, anonymous=404, other=404, other_jwt=404)  # of an object that still waits
REMOVES = kind(204, anonymous=404, other=404, other_jwt=404)

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
        return self.expected in (OBJECT, UNFINISHED, REMOVES)

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
    # Projects
    Row("projects", "GET", OWN),
    Row("projects", "POST", kind(201), {"title": "a recipe box"}),
    Row("projects/search", "GET", kind(422)),  # without a query
    Row("projects/<uuid:project_id>", "GET", OBJECT),
    Row("projects/<uuid:project_id>", "PATCH", OBJECT, {"title": "a tool box"}),
    Row("projects/<uuid:project_id>", "DELETE", REMOVES),
    Row("projects/<uuid:project_id>/home", "GET", OBJECT),
    Row("projects/<uuid:project_id>/publish", "POST", OBJECT, {}),
    Row("projects/<uuid:project_id>/unpublish", "POST", OBJECT, {}),
    Row("projects/<uuid:project_id>/changes", "GET", OBJECT),
    Row("public/p/<slug:slug>", "GET", dict.fromkeys(Caller, 404)),  # of a project that is not published
    # Research
    Row("projects/research", "POST", CREATES, {"title": "a tackle box"}),
    Row("clip/<slug:slug>", "GET", dict.fromkeys(Caller, 404)),  # a project's slug is no clip's
    Row("research", "GET", OWN),
    Row("research", "POST", CREATES, {"idea": "a recipe box"}),
    Row("research/stats", "GET", OWN),
    Row("research/<uuid:job_id>", "GET", OBJECT),
    Row("research/<uuid:job_id>", "PATCH", OBJECT, {"visibility": "private"}),
    Row("research/<uuid:job_id>/cancel", "POST", OBJECT),
    Row("research/<uuid:job_id>/sections/<slug:section>/retry", "POST", UNFINISHED),
    Row("research/<uuid:job_id>/evidence/recheck", "POST", UNFINISHED),
    Row("research/<uuid:job_id>/versions", "GET", OBJECT),
    Row("research/<uuid:job_id>/diff", "GET", UNFINISHED),
    Row("research/<uuid:job_id>/share", "POST", UNFINISHED),
    Row("research/<uuid:job_id>/share", "DELETE", kind(404)),  # nothing is shared
    Row("research/<uuid:job_id>/pdf", "GET", UNFINISHED),
    Row("research/<uuid:job_id>/status", "GET", OBJECT),
    Row("research/<uuid:job_id>/events", "GET", OBJECT),
    # Deep research on features
    Row(
        "feature-research",
        "POST",
        CREATES,
        {"idea": "a recipe box", "features": [{"id": "1", "name": "a lid", "source": "user"}]},
    ),
    Row("feature-research/<uuid:feature_research_id>", "GET", OBJECT),
    Row("feature-research/<uuid:feature_research_id>/status", "GET", OBJECT),
    Row("feature-research/<uuid:feature_research_id>/events", "GET", OBJECT),
    Row("feature-research/<uuid:feature_research_id>/result", "GET", UNFINISHED),
    Row("feature-research/<uuid:feature_research_id>/cancel", "POST", OBJECT),
    Row("feature-research/<uuid:feature_research_id>/evidence/recheck", "POST", UNFINISHED),
    # Ideas and their cards
    Row("ideas", "POST", CREATES, {"idea": "a letter box"}),
    Row("v1/ideas", "POST", kind(201), {"idea": "a post box"}),
    Row("v1/pipeline/feature-selection", "POST", kind(422), {"research_id": "x"}),
    Row("products", "GET", OWN),
    Row("products/<uuid:card_id>", "GET", OBJECT),
    Row("products/<uuid:card_id>/events", "GET", OBJECT),
    # Build graphs
    Row("build-graphs", "GET", OWN),
    Row(
        "build-graphs", "POST", kind(201), {"idea": "a recipe box", "features": [{"label": "meal planning"}]}
    ),
    Row("build-graphs/<uuid:graph_id>", "GET", OBJECT),
    Row("build-graphs/<uuid:graph_id>", "PATCH", OBJECT, {"title": "a plan"}),
    Row("build-graphs/<uuid:graph_id>", "DELETE", REMOVES),
    Row("build-graphs/<uuid:graph_id>/events", "GET", OBJECT),
    Row("build-graphs/<uuid:graph_id>/export", "GET", OBJECT),
    Row("build-graphs/<uuid:graph_id>/next", "GET", OBJECT),
    Row("build-graphs/<uuid:graph_id>/progress", "GET", OBJECT),
    Row("build-graphs/<uuid:graph_id>/research", "POST", kind(404), {"research_id": str(uuid.UUID(int=7))}),
    Row("build-graphs/<uuid:graph_id>/retry", "POST", UNFINISHED),
    Row("build-graphs/<uuid:graph_id>/ship", "GET", OBJECT),
    Row("build-graphs/<uuid:graph_id>/ship", "POST", OBJECT, {"target": "linear"}, but={Caller.OWNER: 400}),
    Row("build-nodes/<uuid:node_id>", "GET", OBJECT),
    Row("build-nodes/<uuid:node_id>", "PATCH", OBJECT, {"user_status": "done"}),
    Row("build-nodes/<uuid:node_id>/assess", "POST", OBJECT),
    Row("build-nodes/<uuid:node_id>/expand", "POST", OBJECT, but={Caller.OWNER: 202}),
    Row("build-nodes/<uuid:node_id>/prerequisites", "GET", OBJECT),
    Row("build-nodes/<uuid:node_id>/re-expand", "POST", UNFINISHED, {}),
]
