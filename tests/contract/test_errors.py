"""Every error, whoever raises it: JSON with a detail, a request id, and nothing of our insides."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import LazySettings
from django.db import connections
from django.test import Client
from pytest_django import DjangoDbBlocker

from tests.contract import views
from tests.helpers.people import JSONClient, Person

pytestmark = pytest.mark.urls("tests.contract.views")
GONE = "The database is not reachable. Retry in a few seconds."
OUTCOMES: dict[str, tuple[int, str]] = {
    "defect": (500, "Internal server error"),
    "recursion": (500, "Internal server error"),
    "database": (503, GONE),
    "driver": (503, GONE),
    "absent": (404, "Not found"),
    "forbidden": (403, "Forbidden"),
    "suspicious": (400, "Bad request"),
    "broken": (400, "Bad request"),
    "busy": (429, "Too many requests"),
    "conflict": (409, "taken"),
}


@pytest.fixture(params=[False, True], ids=["DEBUG=0", "DEBUG=1"])
def client(request: pytest.FixtureRequest, settings: LazySettings) -> Client:
    settings.DEBUG = request.param
    return Client(raise_request_exception=False, enforce_csrf_checks=True)


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """The defects of this file are meant; their tracebacks are not news."""
    logging.disable(logging.ERROR)
    yield
    logging.disable(logging.NOTSET)


def body_of(response: Any) -> dict[str, Any]:
    """The error body, after a check of what every error has in common."""
    assert response["Content-Type"] == "application/json"
    assert re.fullmatch(r"[0-9a-f]{16}", response["X-Request-ID"])
    assert "Set-Cookie" not in response
    assert views.SECRET not in response.content.decode()
    assert "Traceback" not in response.content.decode()
    body: dict[str, Any] = json.loads(response.content)
    return body


@pytest.mark.parametrize("kind", views.RAISED)
@pytest.mark.parametrize("place", ["plain", "async", "drf"])
def test_whatever_a_view_raises(client: Client, place: str, kind: str) -> None:
    response = client.get(f"/{place}/{kind}")
    body = body_of(response)
    status, detail = OUTCOMES[kind]
    assert response.status_code == status
    expected = {"detail": detail}
    if status == 500:
        expected["request_id"] = response["X-Request-ID"]
    assert body == expected


@pytest.mark.parametrize("place", ["plain", "async", "drf"])
def test_temporary_errors_say_when_to_come_back(client: Client, place: str) -> None:
    assert client.get(f"/{place}/busy")["Retry-After"] == "12"
    assert client.get(f"/{place}/database")["Retry-After"] == "2"
    assert "Retry-After" not in client.get(f"/{place}/defect")


def test_defect_is_logged_with_the_id_that_the_client_sees(
    client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    logging.disable(logging.NOTSET)
    response = client.get("/plain/defect")
    record = next(r for r in caplog.records if r.name == "manticscore.middleware")
    assert record.getMessage() == "unhandled exception in GET /plain/defect"
    assert record.exc_info is None, "the exception with its arguments goes no further"
    assert record.exc_text is not None
    assert views.SECRET in record.exc_text
    assert record.request_id == response["X-Request-ID"]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("status", "detail"),
    [(400, "Bad request"), (403, "Forbidden"), (404, "Not found"), (405, "Method not allowed"),
     (413, "Payload too large"), (429, "Too many requests"), (500, "Internal server error"),
     (503, "Service unavailable"), (418, "Error")],
)  # fmt: skip
def test_html_of_others_becomes_json(client: Client, status: int, detail: str) -> None:
    response = client.get(f"/html/{status}")
    body = body_of(response)
    assert (response.status_code, body["detail"]) == (status, detail)
    assert response["Retry-After"] == "7"


@pytest.mark.parametrize(
    "path",
    ["/", "/nowhere", "/research/", "/RESEARCH", "/research/1/2/3", "/auth", "/auth/anonymous/", "//research",
     "/research/..%2f", "/%ff", "/é", "/research/%F0%9F%98%80", "/" + "x" * 5000],
)  # fmt: skip
def test_unknown_path(client: Client, path: str) -> None:
    response = client.get(path)
    assert (response.status_code, body_of(response)) == (404, {"detail": "Not found"})


@pytest.mark.parametrize("path", ["/research%00", "/%00", "/research?cursor=%00", "/nowhere?a=b%00c"])
def test_nul_in_the_url(client: Client, path: str) -> None:
    response = client.get(path)
    assert response.status_code == 400
    assert body_of(response) == {"detail": "The URL contains a NUL character"}


@pytest.mark.parametrize("host", ["evil.example", "localhost@evil.example", "", "a b"])
def test_foreign_host(client: Client, host: str, settings: LazySettings) -> None:
    settings.ALLOWED_HOSTS = ["localhost"]
    response = client.get("/healthz", headers={"Host": host})
    assert (response.status_code, body_of(response)) == (400, {"detail": "Bad request"})


def test_foreign_host_is_a_line_of_the_log_and_no_traceback(
    client: Client, settings: LazySettings, caplog: pytest.LogCaptureFixture
) -> None:
    logging.disable(logging.NOTSET)
    settings.ALLOWED_HOSTS = ["localhost"]
    client.get("/healthz", headers={"Host": "evil.example"})
    (record,) = caplog.records
    assert record.getMessage().startswith("Invalid HTTP_HOST header: 'evil.example'.")
    assert record.exc_text is record.exc_info is record.stack_info is None


@pytest.mark.parametrize("method", ["TRACE", "PUT", "PROPFIND", "FROBNICATE", "CONNECT"])
@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/research", "GET, POST, HEAD, OPTIONS"),
        ("/research/00000000-0000-0000-0000-000000000000", "GET, PATCH, HEAD, OPTIONS"),
        ("/research/00000000-0000-0000-0000-000000000000/status", "GET, HEAD"),
        ("/research/00000000-0000-0000-0000-000000000000/events", "GET, HEAD"),
        ("/auth/session", "POST, DELETE, OPTIONS"),
        ("/auth/rebind", "POST, OPTIONS"),
        ("/v1/usage", "GET, HEAD, OPTIONS"),
        ("/auth/anonymous", "POST, OPTIONS"),
        ("/healthz", "GET, HEAD"),
        ("/readyz", "GET, HEAD"),
    ],
)
def test_other_methods(ada: Person, path: str, allowed: str, method: str) -> None:
    client = JSONClient(headers=ada.headers, enforce_csrf_checks=True)
    response = client.generic(method, path)
    assert response.status_code == 405
    assert set(response["Allow"].split(", ")) == set(allowed.split(", "))
    body = body_of(response)
    assert set(body) == {"detail"}
    assert "ethod" in body["detail"]
    assert "not allowed" in body["detail"]


def test_request_ids_are_ours_and_new(client: Client) -> None:
    ids = {client.get("/nowhere", headers={"X-Request-ID": "1" * 16})["X-Request-ID"] for _ in range(20)}
    assert len(ids) == 20
    assert "1" * 16 not in ids


def test_successes_have_a_request_id_too(client: Client) -> None:
    response = client.get("/healthz")
    assert response.status_code == 200
    assert re.fullmatch(r"[0-9a-f]{16}", response["X-Request-ID"])


@pytest.fixture
def unreachable(django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """A second database whose server is not there."""
    connections.settings["unreachable"] = {
        **connections["default"].settings_dict,
        "HOST": "127.0.0.1",
        "PORT": "1",
        "OPTIONS": {"connect_timeout": 2},
    }
    with django_db_blocker.unblock():
        yield
    del connections.settings["unreachable"]


@pytest.mark.parametrize("path", ["/unreachable/plain", "/unreachable/drf"])
def test_database_that_is_gone(client: Client, unreachable: None, path: str) -> None:
    response = client.get(path)
    assert (response.status_code, body_of(response)) == (503, {"detail": GONE})
    assert response["Retry-After"] == "2"


@pytest.mark.parametrize(
    "accept", ["text/html", "application/xml", "*/*", "nonsense", "application/json;q=0"]
)
def test_answers_are_json_whatever_is_wanted(client: Client, accept: str) -> None:
    response = client.get("/research", headers={"Accept": accept})
    assert (response.status_code, body_of(response)) == (401, {"detail": "Missing Bearer token"})
