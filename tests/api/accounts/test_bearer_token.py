"""The Authorization header of every protected route, through the real ASGI application."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from django.db import connection
from pytest_django import DjangoAssertNumQueries

from manticscore.asgi import application
from tests import factories
from tests.helpers import people
from tests.helpers.people import Person

NOWHERE = "/research/00000000-0000-0000-0000-000000000000"
MISSING = "Missing Bearer token"
MALFORMED = "Invalid token: not a session token"
NO_JWT = "Invalid token: not a JWT"
UNKNOWN = "Invalid token: unknown session"
TOKEN = f"ms_sess_{'A' * 43}"
JWT = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJ1c2VyXzEifQ."


async def get(headers: list[tuple[bytes, bytes]], path: str = NOWHERE) -> httpx.Response:
    transport = httpx.ASGITransport(application)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        return await client.get(path, headers=headers)


@pytest.mark.parametrize(
    ("value", "detail"),
    [
        (None, MISSING),
        (b"", MISSING),
        (b"Bearer", MISSING),
        (b"Bearer ", MISSING),
        (b"Bearer    ", MISSING),
        (b"bearer " + TOKEN.encode(), MISSING),
        (b"BEARER " + TOKEN.encode(), MISSING),
        (b"Basic YWRhOmFkYQ==", MISSING),
        (b"Token " + TOKEN.encode(), MISSING),
        (TOKEN.encode(), MISSING),
        (b"Bearer\t" + TOKEN.encode(), MISSING),
        (b"Bearer\xa0" + TOKEN.encode(), MISSING),
        (b"Bearer" + TOKEN.encode(), MISSING),
        (b"Bearer: " + TOKEN.encode(), MISSING),
        (b"Bearer " + TOKEN.encode() + b"x", MALFORMED),
        (b"Bearer " + TOKEN.encode() + b" x", MALFORMED),
        (b"Bearer " + TOKEN.encode() + b",", MALFORMED),
        (b"Bearer " + TOKEN[:-1].encode(), MALFORMED),
        (b"Bearer " + TOKEN.upper().encode(), MALFORMED),
        (b"Bearer ms_sess_ " + TOKEN.encode(), MALFORMED),
        (b'Bearer "' + TOKEN.encode() + b'"', MALFORMED),
        (b"Bearer " + TOKEN[:-1].encode() + b"\xff", MALFORMED),
        ("Bearer ключ".encode(), MALFORMED),
        (b"Bearer " + TOKEN.encode() + b"\x85", MALFORMED),
        (b"Bearer null", MALFORMED),
        (b"Bearer undefined", MALFORMED),
        (b"Bearer " + JWT.encode(), NO_JWT),
        (b"Bearer x.y.z", NO_JWT),
        (b"Bearer " + TOKEN.encode() + b".x.y", NO_JWT),
        (b"Bearer " + b"x" * 100_000, MALFORMED),
        (b"Bearer" + b" " * 100_000, MISSING),
        (b"x" * 100_000, MISSING),
    ],
)
async def test_broken_header(value: bytes | None, detail: str) -> None:
    """No database fixture: none of these may cost a query."""
    response = await get([] if value is None else [(b"Authorization", value)])
    assert (response.status_code, response.json()) == (401, {"detail": detail})
    assert response.headers["WWW-Authenticate"] == "Bearer"
    assert len(response.headers["X-Request-ID"]) == 16


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("value", [b"Bearer " + TOKEN.encode(), b"Bearer   " + TOKEN.encode() + b"  "])
async def test_token_nobody_was_given(value: bytes) -> None:
    response = await get([(b"Authorization", value)])
    assert (response.status_code, response.json()) == (401, {"detail": UNKNOWN})


@pytest.mark.django_db(transaction=True)
async def test_two_headers_are_one_broken_one(ada: Person) -> None:
    good = (b"Authorization", f"Bearer {ada.token}".encode())
    assert (await get([good])).status_code == 404
    for headers in ([good, good], [good, (b"Authorization", b"Bearer x")]):
        response = await get(headers)
        assert (response.status_code, response.json()) == (401, {"detail": MALFORMED})
    response = await get([(b"Authorization", b"Basic x"), good])
    assert (response.status_code, response.json()) == (401, {"detail": MISSING})


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "name", [b"X-Authorization", b"Proxy-Authorization", b"Cookie", b"HTTP_AUTHORIZATION"]
)
async def test_token_elsewhere_is_not_looked_for(ada: Person, name: bytes) -> None:
    response = await get([(name, f"Bearer {ada.token}".encode())])
    assert (response.status_code, response.json()) == (401, {"detail": MISSING})


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("name", ["token", "access_token", "Authorization"])
async def test_token_in_a_url_opens_no_http_route(ada: Person, name: str) -> None:
    response = await get([], f"{NOWHERE}?{name}={ada.token}")
    assert (response.status_code, response.json()) == (401, {"detail": MISSING})


def ends(column: str, moment: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE accounts_session SET {column} = now() {moment}")


def test_expired_token(ada: Person) -> None:
    ends("expires_at", "- interval '1 microsecond'")
    response = ada.client.get(NOWHERE)
    assert (response.status_code, response.json()) == (401, {"detail": "Token expired"})
    assert response["WWW-Authenticate"] == "Bearer"


@pytest.mark.django_db(transaction=True)
def test_token_ends_while_it_is_used(ada: Person) -> None:
    ends("expires_at", "+ interval '300 ms'")
    assert ada.client.get(NOWHERE).status_code == 404
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_sleep(0.31)")
    response = ada.client.get(NOWHERE)
    assert (response.status_code, response.json()) == (401, {"detail": "Token expired"})


def test_revoked_and_expired_token_is_invalid(ada: Person) -> None:
    ends("expires_at", "- interval '1 day'")
    ends("revoked_at", "- interval '2 days'")
    response = ada.client.get(NOWHERE)
    assert response.json() == {"detail": "Invalid token: session was revoked"}


def test_token_check_is_one_query(ada: Person, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    client = ada.client
    with django_assert_num_queries(2) as queries:  # the token, then the job
        assert client.get(NOWHERE).status_code == 404
    assert ["accounts_session" in query["sql"] for query in queries] == [True, False]


def test_malformed_token_is_no_query(db: None, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    client = people.JSONClient(headers={"Authorization": "Bearer nonsense"})
    with django_assert_num_queries(0):
        assert client.get(NOWHERE).status_code == 401


def test_token_of_one_person_is_not_anothers(ada: Person, mallory: Person) -> None:
    job = factories.research_job(ada.principal)
    found: list[Any] = [person.client.get(f"/research/{job.pk}").status_code for person in (ada, mallory)]
    assert found == [200, 404]


def test_staff_of_the_admin_is_no_client(db: None, admin_client: Any) -> None:
    """A Django login opens the admin and nothing of the API."""
    response = admin_client.get(NOWHERE)
    assert (response.status_code, response.json()) == (401, {"detail": MISSING})
