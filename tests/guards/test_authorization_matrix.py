"""Every route, every method it allows, every caller: generated from the URLconf, expected in matrix.py."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from django.apps import apps
from django.conf import LazySettings
from django.db import connection
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from accounts import devices, sessions
from accounts.models import Principal, Profile, PushToken, Session, User
from accounts.rebind import rebind
from tests import factories
from tests.guards.matrix import DEVICE, REFUSED, ROWS, Caller, Row
from tests.helpers import clerk
from tests.helpers.serving import Served, served

CANARY = "CANARY-of-ada"
VERBS = ("GET", "POST", "PUT", "PATCH", "DELETE")
PATH_VALUES = (
    "job_id",
    "feature_research_id",
    "project_id",
    "card_id",
    "graph_id",
    "node_id",
    "slug",
)  # kwargs that name the owner's objects
WORDS = {"section": "features"}  # other kwargs; one that is neither fails
UNAUTHORIZED = {
    Caller.NOBODY: "Missing Bearer token",
    Caller.STAFF: "Missing Bearer token",
    Caller.EXPIRED: "Token expired",
    Caller.REVOKED: "Invalid token: ",
    Caller.REBOUND: "Invalid token: ",
}

HOLD_ONE = frozenset(Caller) - {Caller.NOBODY, Caller.STAFF}  # a token, perhaps of the wrong kind


@dataclass(frozen=True)
class World:
    """Ada's things, and what every caller shows to get at them."""

    ids: dict[str, str]
    tokens: dict[Caller, str]
    principals: dict[Caller, str]
    staff: User

    def client(self, caller: Caller) -> Client:
        token = self.tokens.get(caller)
        client = Client(headers={"Authorization": f"Bearer {token}"} if token else {})
        if caller is Caller.STAFF:
            client.force_login(self.staff)
        return client

    def names_of_the_owner(self) -> set[str]:
        return {CANARY, self.principals[Caller.OWNER], *self.ids.values()}


@pytest.fixture
def world(db: None, settings: LazySettings) -> World:
    settings.CLERK_ISSUER, settings.CLERK_JWT_PEM = clerk.ISSUER, clerk.pem()
    settings.CLERK_AUTHORIZED_PARTIES = [clerk.PARTY]
    settings.METRICS_WITHOUT_TOKEN = True  # as in debug mode, which the tests are not in
    return made_world()


def made_world() -> World:
    ada, mallory = (Principal.objects.create(id=f"user_{name}") for name in ("ada", "mallory"))
    job = factories.research_job(ada, idea=CANARY)
    features = factories.feature_research_job(ada, idea=CANARY, research=job)
    project = factories.project(ada, title=CANARY)
    Profile.objects.create(owner=ada, name=CANARY, email=f"{CANARY}@example.com")
    PushToken.objects.create(owner=ada, device_token="cd" * 32, environment="sandbox")
    tokens = {
        Caller.EXPIRED: expired(mallory),
        Caller.REVOKED: revoked(mallory),
        Caller.REBOUND: devices.start_session("once"),
        Caller.ANONYMOUS: devices.start_session(DEVICE),
        Caller.OTHER: sessions.mint(mallory),
        Caller.OTHER_JWT: clerk.token(sub="user_mallory"),
        Caller.OWNER: sessions.mint(ada),
    }
    rebind(user_id="user_ada", device_id="once")
    principals = {Caller.OWNER: ada.id, Caller.OTHER: mallory.id}
    staff = User.objects.create(username="staff", is_staff=True, is_superuser=True)
    objects = {
        "job_id": job,
        "project_id": project,
        "card_id": factories.card(ada, job),
        "feature_research_id": features,
        "graph_id": (graph := factories.planned_graph(ada, idea=CANARY)),
        "node_id": graph.nodes.get(node_key="shopping-list.model"),
    }
    ids = {name: str(thing.pk) for name, thing in objects.items()} | {"slug": project.slug}
    return World(ids, tokens, principals, staff)


def expired(principal: Principal) -> str:
    token = sessions.mint(principal)
    Session.objects.filter(token_digest=sessions.digest(token)).update(expires_at="2020-01-01T00:00:00Z")
    return token


def revoked(principal: Principal) -> str:
    token = sessions.mint(principal)
    sessions.revoke(sessions.find(token).session_id)
    return token


# The URLconf


def patterns(resolver: URLResolver | None = None, prefix: str = "") -> Iterator[tuple[str, URLPattern]]:
    for entry in (resolver or get_resolver()).url_patterns:
        route = f"{prefix}{entry.pattern}"
        if isinstance(entry, URLResolver):
            yield from patterns(entry, route)
        else:
            yield route, entry


# The admin has its own login; static files are Django's own style sheets, the same for everybody.
API = [(route, pattern) for route, pattern in patterns() if not route.startswith(("admin/", "static/"))]
ADMIN = [route for route, _ in patterns() if route.startswith("admin/")]


def methods(route: str, pattern: URLPattern) -> set[str]:
    """What a view allows: by the class's own handlers, or by asking a function."""
    view: Any = getattr(pattern.callback, "cls", None) or getattr(pattern.callback, "view_class", None)
    if view is not None:
        return {verb for verb in VERBS if hasattr(view, verb.lower())}
    path = filled(route, dict.fromkeys(PATH_VALUES, str(uuid.uuid4())))
    return {verb for verb in VERBS if Client().generic(verb, path).status_code != 405}


def filled(route: str, values: dict[str, str]) -> str:
    """The route as a path. A kwarg that nobody made an object for is a KeyError, on purpose."""
    parts = [part.partition(">") for part in route.split("<")]
    path = parts[0][0]
    for kwarg, _, rest in parts[1:]:
        path += {**WORDS, **values}[kwarg.partition(":")[2]] + rest
    return f"/{path}"


@pytest.mark.django_db
def test_every_route_and_method_has_a_row_and_every_row_a_route() -> None:
    in_urlconf = {(route, verb) for route, pattern in API for verb in methods(route, pattern)}
    # Health answers every method alike; it has no side.
    in_urlconf -= {(route, verb) for route in ("healthz", "readyz") for verb in VERBS if verb != "GET"}
    assert in_urlconf == {(row.route, row.method) for row in ROWS}
    assert len(ROWS) == len({str(row) for row in ROWS})


# The cells


def call(world: World, row: Row, caller: Caller, ids: dict[str, str] | None = None) -> Any:
    body = json.dumps(row.body) if row.body is not None else ""
    path = filled(row.route, ids or world.ids)
    return world.client(caller).generic(row.method, path, body, content_type="application/json")


def content(response: Any) -> bytes:
    return b"" if response.streaming else bytes(response.content)


def snapshot() -> list[tuple[Any, ...]]:
    """Of every table of ours: how many rows, and which versions of them."""
    tables = [m._meta.db_table for m in apps.get_models() if m._meta.managed]
    count = "SELECT '{0}', count(*), sum(xmin::text::bigint) FROM {0}"
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(count.format(f'"{table}"') for table in tables))
        return list(cursor.fetchall())


CELLS = [pytest.param(row, caller, id=f"{row}, {caller}") for row in ROWS for caller in Caller]


@pytest.mark.parametrize(("row", "caller"), CELLS)
def test_cell(world: World, row: Row, caller: Caller) -> None:
    client = world.client(caller)  # signing staff in writes a row
    before = snapshot()
    body = json.dumps(row.body) if row.body is not None else ""
    response: Any = client.generic(
        row.method, filled(row.route, world.ids), body, content_type="application/json"
    )
    assert response.status_code == row.status(caller), content(response)
    assert len(response["X-Request-ID"]) == 16
    if caller is not Caller.OWNER:
        shown = content(response).decode() + repr(sorted(response.items()))
        assert not [name for name in world.names_of_the_owner() if name in shown]
    if response.status_code >= 400:
        assert snapshot() == before, "a refused call changed something"
        check_refusal(response, caller)


def check_refusal(response: Any, caller: Caller) -> None:
    detail = response.json()["detail"]
    assert isinstance(detail, str)
    if response.status_code == 401:
        assert response["WWW-Authenticate"] == "Bearer"
        expected = UNAUTHORIZED.get(caller, "Rebind requires an authenticated user token")
        assert detail.startswith((expected, "Invalid token: ") if caller in HOLD_ONE else expected)


@pytest.mark.parametrize("caller", [Caller.ANONYMOUS, Caller.OTHER, Caller.OTHER_JWT])
@pytest.mark.parametrize("row", [row for row in ROWS if row.is_about_an_object], ids=str)
def test_foreign_object_answers_like_one_that_never_was(world: World, row: Row, caller: Caller) -> None:
    foreign = call(world, row, caller)
    absent = call(world, row, caller, {name: str(uuid.uuid4()) for name in world.ids})
    for response in (foreign, absent):
        del response["X-Request-ID"]
    assert (foreign.status_code, foreign.content) == (absent.status_code, absent.content)
    assert sorted(foreign.items()) == sorted(absent.items())


@pytest.mark.parametrize("caller", [Caller.ANONYMOUS, Caller.OTHER, Caller.OTHER_JWT])
def test_nothing_of_the_owner_changes_when_others_act_on_themselves(world: World, caller: Caller) -> None:
    for row in ROWS:
        call(world, row, caller)
    assert Profile.objects.get(owner="user_ada").name == CANARY
    assert PushToken.objects.filter(owner="user_ada", device_token="cd" * 32).exists()
    assert sessions.find(world.tokens[Caller.OWNER]).principal_id == "user_ada"


@pytest.mark.parametrize("caller", [Caller.ANONYMOUS, Caller.OTHER, Caller.OTHER_JWT])
def test_nothing_is_created_under_a_foreign_project(world: World, caller: Caller) -> None:
    for project_id in (world.ids["project_id"], str(uuid.uuid4())):
        for path in ("/research", "/v1/ideas"):
            body = {"idea": "a box", "project_id": project_id}
            response = world.client(caller).post(path, body, content_type="application/json")
            assert (response.status_code, response.json()) == (404, {"detail": "Not found"})


@pytest.mark.parametrize("caller", [Caller.NOBODY, Caller.OTHER, Caller.OTHER_JWT, Caller.OWNER], ids=str)
def test_admin_knows_no_tokens(world: World, caller: Caller) -> None:
    """Whoever comes without a staff cookie is sent to the login page, whatever token they show."""
    client = world.client(caller)
    for route in ADMIN:
        path = admin_path(route)
        for verb in ("GET", "POST"):
            response = client.generic(verb, path)
            if route == "admin/login/":
                assert response.status_code == 200
            else:
                assert (response.status_code, response["Location"][:7]) == (302, "/admin/"), path
            assert CANARY.encode() not in response.content


def admin_path(route: str) -> str:
    """With something for every kwarg; what does not exist must not answer differently."""
    if "(?P<app_label>" in route:
        return "/admin/accounts/"
    if "(?P<url>" in route:
        return "/admin/nothing"
    kwargs = [part.partition(">")[0].partition(":")[2] for part in route.split("<")[1:]]
    return filled(route, dict.fromkeys(kwargs, "1"))


# Streams and sockets, on a real server


@pytest.fixture
def real(transactional_db: None, tmp_path: Path) -> Iterator[tuple[Served, World]]:
    environment = {
        "CLERK_ISSUER": clerk.ISSUER,
        "CLERK_JWT_PEM": clerk.pem(),
        "CLERK_AUTHORIZED_PARTIES": clerk.PARTY,
    }
    world = made_world()
    with served(tmp_path, **environment) as server:
        yield server, world


def bearer(world: World, caller: Caller) -> dict[str, str]:
    token = world.tokens.get(caller)
    return {"Authorization": f"Bearer {token}"} if token else {}


def test_streams_and_sockets(real: tuple[Served, World]) -> None:
    server, world = real
    with server.client() as client:
        for caller in Caller:
            check_stream(client, world, caller)
            check_socket(server, world, caller)


def check_stream(client: httpx.Client, world: World, caller: Caller) -> None:
    row = next(row for row in ROWS if row.route.endswith("/events"))
    with client.stream("GET", filled(row.route, world.ids), headers=bearer(world, caller)) as response:
        assert response.status_code == row.status(caller), caller
        if response.status_code == 200:
            assert json.loads(next(response.iter_lines()))["event"] == "stream_start"
        else:
            assert CANARY.encode() not in response.read()


def check_socket(server: Served, world: World, caller: Caller) -> None:
    """With the token in the query and in the header: the same."""
    address = f"ws://127.0.0.1:{server.port}/ws"
    token = world.tokens.get(caller, "")
    for url, headers in ((f"{address}?token={token}", {}), (address, bearer(world, caller))):
        with ExitStack() as opened:
            ws = opened.enter_context(connect(url, additional_headers=headers, proxy=None))
            if caller in REFUSED:
                assert closed_with(ws) in ({4001, 4002} if caller is Caller.EXPIRED else {4002}), caller
            else:
                check_subscriptions(ws, world, caller)


def closed_with(ws: ClientConnection) -> int:
    """The close code; frames before it tell nothing but that authentication is over."""
    with suppress(ConnectionClosed):
        for frame in ws:
            assert json.loads(frame)["event"] == "auth_expired"
    assert ws.close_code is not None
    return ws.close_code


def check_subscriptions(ws: ClientConnection, world: World, caller: Caller) -> None:
    job, nothing = world.ids["job_id"], str(uuid.uuid4())
    assert answer(ws, "connected")["data"]["user_id"] != (
        world.principals[Caller.OWNER] if caller is not Caller.OWNER else ""
    )
    if caller is Caller.OWNER:
        subscribe(ws, job)
        assert answer(ws, "subscribed")["data"]["entity_id"] == job
        return
    answers = []
    for entity in (job, nothing):
        subscribe(ws, entity)
        answers.append(json.dumps(answer(ws, "error")).replace(entity, "..."))
    assert answers[0] == answers[1]


def subscribe(ws: ClientConnection, entity: str) -> None:
    ws.send(json.dumps({"action": "subscribe", "entity_id": entity, "channel": "research", "cursor": 0}))


def answer(ws: ClientConnection, event: str) -> dict[str, Any]:
    """The next frame of that kind; a snapshot of one's own work may come before it."""
    while True:
        frame: dict[str, Any] = json.loads(ws.recv(5))
        if frame["event"] == event:
            return frame
        assert frame["event"] in ("catchup", "ping")
