"""Every route asks who is there: generated from the URLconf, so that a new one cannot be forgotten."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest
from django.urls import URLPattern, URLResolver, get_resolver

from manticscore.asgi import application
from realtime import hub as hubs

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
# Open to everybody, on purpose. The admin has its own login; see test_admin_asks_for_a_login.
PUBLIC = {
    "healthz",
    "readyz",
    "metrics",
    "auth/anonymous",
    "static/<path:path>",
    "public/p/<slug:slug>",
    "clip/<slug:slug>",
}
NOBODYS = f"ms_sess_{'A' * 43}"
MADE_UP = {"x": "not a session token", NOBODYS: "unknown session", "x.y.z": "not a JWT"}
# A JWT is exchanged for a session; whatever else is done with a session takes the session's own token.
POST_SESSION = MADE_UP | {
    "x": "not a JWT",
    NOBODYS: "a session token cannot be exchanged, send a Clerk JWT",
}
SESSION = MADE_UP | {"x.y.z": "not a session token"}
SAMPLES = {"UUIDConverter": "0a1b2c3d-0000-4000-8000-0123456789ab", "IntConverter": "1", "SlugConverter": "x",
           "StringConverter": "x"}  # fmt: skip


def patterns(resolver: Any, prefix: str = "") -> Iterator[tuple[str, URLPattern]]:
    for entry in resolver.url_patterns:
        route = prefix + str(entry.pattern)
        if isinstance(entry, URLResolver):
            if route != "admin/":
                yield from patterns(entry, route)
        else:
            yield route, entry


def sample(route: str, entry: URLPattern) -> str:
    for name, converter in entry.pattern.converters.items():
        kind = type(converter).__name__
        route = route.replace(f"<{kind.removesuffix('Converter').lower()}:{name}>", SAMPLES[kind])
        route = route.replace(f"<{name}>", SAMPLES[kind])
    assert "<" not in route, route
    return "/" + route


ROUTES = dict(patterns(get_resolver()))


@pytest.fixture
async def stranger(transactional_db: None) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(application)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        yield client
    await (await hubs.current()).stop()


def test_guard_sees_the_routes() -> None:
    assert {"research", "research/<uuid:job_id>", "research/<uuid:job_id>/events", "auth/session"} <= set(
        ROUTES
    )
    assert set(ROUTES) >= PUBLIC, "a public route that is gone leaves the list"


@pytest.mark.parametrize("route", sorted(set(ROUTES) - PUBLIC))
async def test_route_refuses_strangers(stranger: httpx.AsyncClient, route: str) -> None:
    served = 0
    for method in METHODS:
        response = await stranger.request(method, sample(route, ROUTES[route]))
        if response.status_code == 405:  # a method that nobody may use
            assert method not in response.headers["Allow"]
            continue
        served += 1
        assert response.status_code == 401, f"{method} {route}"
        assert response.headers["WWW-Authenticate"] == "Bearer"
        if method != "HEAD":
            assert json.loads(response.content) == {"detail": "Missing Bearer token"}
    assert served > 0


@pytest.mark.parametrize("route", sorted(set(ROUTES) - PUBLIC))
@pytest.mark.parametrize("token", MADE_UP)
async def test_route_refuses_made_up_tokens(stranger: httpx.AsyncClient, route: str, token: str) -> None:
    for method in METHODS:
        headers = {"Authorization": f"Bearer {token}"}
        response = await stranger.request(method, sample(route, ROUTES[route]), headers=headers)
        assert response.status_code in (401, 405), f"{method} {route}"
        if response.status_code == 401 and method != "HEAD":
            expected = MADE_UP
            if route == "auth/session":
                expected = POST_SESSION if method == "POST" else SESSION
            assert response.json() == {"detail": f"Invalid token: {expected[token]}"}


@pytest.mark.parametrize(
    "path", ["/admin/", "/admin/accounts/user/", "/admin/auth/group/", "/admin/nowhere/"]
)
def test_admin_asks_for_a_login(client: Any, path: str) -> None:
    response = client.get(path)
    assert (response.status_code, response["Location"]) == (302, f"/admin/login/?next={path}")
