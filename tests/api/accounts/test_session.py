"""DELETE /auth/session"""

from __future__ import annotations

import pytest
from django.db import connection

from accounts import sessions
from accounts.models import Session
from tests.helpers.people import JSONClient, Person

URL = "/auth/session"
NOWHERE = "/research/00000000-0000-0000-0000-000000000000"


def test_log_out(ada: Person) -> None:
    response = ada.client.delete(URL)
    assert (response.status_code, response.json()) == (200, {"success": True})


def test_token_is_dead_afterwards(ada: Person) -> None:
    assert ada.client.get(NOWHERE).status_code == 404
    ada.client.delete(URL)
    response = ada.client.get(NOWHERE)
    assert response.status_code == 401
    assert response.json() == {"detail": "Invalid token: session was revoked"}


def test_only_this_session_ends(ada: Person, mallory: Person) -> None:
    other = JSONClient(headers={"Authorization": f"Bearer {sessions.mint(ada.principal)}"})
    ada.client.delete(URL)
    assert other.get(NOWHERE).status_code == 404
    assert mallory.client.get(NOWHERE).status_code == 404
    assert Session.objects.filter(revoked_at=None).count() == 2


def test_second_log_out_is_refused(ada: Person) -> None:
    ada.client.delete(URL)
    response = ada.client.delete(URL)
    assert response.status_code == 401
    assert response.json() == {"detail": "Invalid token: session was revoked"}


@pytest.mark.django_db
def test_without_a_token() -> None:
    response = JSONClient().delete(URL)
    assert (response.status_code, response.json()) == (401, {"detail": "Missing Bearer token"})


def test_expired_session(ada: Person) -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE accounts_session SET expires_at = now() - interval '1 s'")
    response = ada.client.delete(URL)
    assert (response.status_code, response.json()) == (401, {"detail": "Token expired"})


@pytest.mark.parametrize("method", ["get", "put", "patch"])
def test_other_methods(ada: Person, method: str) -> None:
    response = getattr(ada.client, method)(URL)
    assert response.status_code == 405
    assert response.json() == {"detail": f'Method "{method.upper()}" not allowed.'}
    assert "DELETE" in response["Allow"]
