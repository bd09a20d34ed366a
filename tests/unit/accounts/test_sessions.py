"""Session tokens: form, storage, expiry by the database's clock, revocation."""

from __future__ import annotations

import datetime
import hashlib
import re

import pytest
from django.db import connection
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from accounts import sessions
from accounts.models import Session
from manticscore import errors
from tests import factories
from tests.helpers.people import Person


def age(seconds: float) -> None:
    """Let every session's end come nearer, as time would."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE accounts_session SET expires_at = expires_at - make_interval(secs => %s)", [seconds]
        )


def test_token_has_the_documented_form(ada: Person) -> None:
    assert re.fullmatch(r"ms_sess_[A-Za-z0-9_-]{43}", ada.token)


@pytest.mark.django_db
def test_tokens_are_never_the_same() -> None:
    principal = factories.principal()
    assert len({sessions.mint(principal) for _ in range(50)}) == 50


def test_grant_names_the_session_and_its_principal(ada: Person, mallory: Person) -> None:
    session = Session.objects.get(principal=ada.principal)
    assert sessions.find(ada.token) == sessions.Grant(session_id=session.id, principal_id=ada.principal.id)
    assert sessions.find(mallory.token).principal_id == mallory.principal.id


def test_check_takes_one_query(ada: Person, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    with django_assert_num_queries(1) as queries:
        sessions.find(ada.token)
    assert ada.token not in queries[0]["sql"]


def test_check_uses_the_index(ada: Person) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(f"EXPLAIN {sessions.FIND}", [sessions.digest(ada.token)])
        plan = "\n".join(row[0] for row in cursor.fetchall())
    assert "Index Scan" in plan
    assert "token_digest" in plan


def test_only_the_hash_is_stored(ada: Person) -> None:
    session = Session.objects.get(principal=ada.principal)
    assert bytes(session.token_digest) == hashlib.sha256(ada.token.encode()).digest()
    assert ada.token not in repr(session) + str(session)
    assert bytes(session.token_digest).hex() not in repr(session) + str(session)


def test_session_lasts_half_an_hour_of_the_databases_time(ada: Person) -> None:
    session = Session.objects.get(principal=ada.principal)
    assert session.expires_at - session.created_at == datetime.timedelta(seconds=1800)


def test_session_is_valid_to_its_last_second(ada: Person) -> None:
    age(1799)
    assert sessions.find(ada.token).principal_id == ada.principal.id


def test_session_ends_after_half_an_hour(ada: Person) -> None:
    age(1801)
    with pytest.raises(errors.TokenExpired, match=r"^Token expired$"):
        sessions.find(ada.token)


@pytest.mark.parametrize("years", [-10, 10])
def test_this_machines_clock_decides_nothing(
    ada: Person, monkeypatch: pytest.MonkeyPatch, years: int
) -> None:
    wrong = timezone.now() + datetime.timedelta(days=365 * years)
    monkeypatch.setattr(timezone, "now", lambda: wrong)
    monkeypatch.setattr("time.time", wrong.timestamp)
    assert sessions.find(ada.token).principal_id == ada.principal.id
    assert sessions.find(sessions.mint(ada.principal)).principal_id == ada.principal.id
    age(1801)
    with pytest.raises(errors.TokenExpired):
        sessions.find(ada.token)


def test_revoked_session_is_invalid_not_expired(ada: Person) -> None:
    sessions.revoke(sessions.find(ada.token).session_id)
    age(1801)
    with pytest.raises(errors.InvalidToken, match=r"^Invalid token: session was revoked$"):
        sessions.find(ada.token)


def test_second_revocation_keeps_the_time_of_the_first(ada: Person) -> None:
    session_id = sessions.find(ada.token).session_id
    sessions.revoke(session_id)
    Session.objects.filter(id=session_id).update(revoked_at=timezone.now() - datetime.timedelta(days=1))
    first = Session.objects.get(id=session_id).revoked_at
    sessions.revoke(session_id)
    assert Session.objects.get(id=session_id).revoked_at == first


def test_revocation_ends_one_session_only(ada: Person, mallory: Person) -> None:
    other = sessions.mint(ada.principal)
    sessions.revoke(sessions.find(ada.token).session_id)
    assert sessions.find(other).principal_id == ada.principal.id
    assert sessions.find(mallory.token).principal_id == mallory.principal.id


@pytest.mark.django_db
def test_token_nobody_was_given_is_unknown() -> None:
    with pytest.raises(errors.InvalidToken, match=r"^Invalid token: unknown session$"):
        sessions.find(f"ms_sess_{'A' * 43}")


@pytest.mark.parametrize(
    "token",
    [
        "",
        "ms_sess_",
        f"ms_sess_{'A' * 42}",
        f"ms_sess_{'A' * 44}",
        f"MS_SESS_{'A' * 43}",
        f"ms_sess_{'A' * 42}!",
        f"ms_sess_{'A' * 42}\n",
        f"ms_sess_{'A' * 43}\n",
        f"ms_sess_{'A' * 42}é",
        f"ms_sess_{'A' * 42}\x00",
        "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ1c2VyXzEifQ.c2ln",
    ],
)
def test_text_that_is_no_token_costs_no_query(token: str) -> None:
    """No database fixture: a query would fail the test."""
    with pytest.raises(errors.InvalidToken, match=r"^Invalid token: not a session token$"):
        sessions.find(token)


@pytest.mark.parametrize(
    ("header", "token"),
    [("Bearer abc", "abc"), ("Bearer  abc ", "abc"), ("Bearer a b", "a b"), ("Bearer é", "é")],
)
def test_bearer_token(header: str, token: str) -> None:
    assert sessions.bearer_token(header) == token


@pytest.mark.parametrize(
    "header",
    ["", "Bearer", "Bearer ", "Bearer   ", "bearer abc", "BEARER abc", "Basic abc", "abc", " Bearer abc",
     "Bearer\tabc", "Bearer\xa0abc", "Token abc", "Bearerabc"],
)  # fmt: skip
def test_header_without_a_bearer_token(header: str) -> None:
    with pytest.raises(errors.MissingToken, match=r"^Missing Bearer token$"):
        sessions.bearer_token(header)
