"""A Clerk JWT in place of a session token."""

from __future__ import annotations

import pytest

from accounts.models import Principal, Profile
from tests import factories
from tests.api.accounts.conftest import Send
from tests.helpers import clerk
from tests.helpers.people import JSONClient, Person

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clerk_pem")]


def person(**claims: object) -> Person:
    return Person("ada", Principal(id="user_ada"), clerk.token(**claims))


def test_ordinary_routes_take_a_jwt() -> None:
    assert person().client.get("/auth/bootstrap").status_code == 200
    assert Profile.objects.get().owner_id == "user_ada"


def test_an_expired_jwt_is_told_so() -> None:
    response = person(exp=1).client.get("/profile")
    assert (response.status_code, response.json()) == (401, {"detail": "Token expired"})


def test_what_a_session_made_is_there_with_the_jwt(send: Send) -> None:
    ada = person()
    token = ada.client.post("/auth/session").json()["token"]
    by_session = JSONClient(headers={"Authorization": f"Bearer {token}"})
    assert by_session.post("/research", {"idea": "a recipe box"}).status_code == 202
    assert ada.client.get("/profile").json()["usage"]["research_count"] == 1


def test_status_routes_take_a_jwt() -> None:
    ada = person()
    ada.client.get("/profile")
    job = factories.research_job(Principal.objects.get(id="user_ada"))
    assert ada.client.get(f"/research/{job.pk}/status").status_code == 200
    foreign = factories.research_job()
    assert ada.client.get(f"/research/{foreign.pk}/status").status_code == 404
    assert person(exp=1).client.get(f"/research/{job.pk}/status").status_code == 401


def test_a_jwt_cannot_be_logged_out() -> None:
    response = person().client.delete("/auth/session")
    assert (response.status_code, response.json()) == (
        401,
        {"detail": "Invalid token: not a session token"},
    )


def test_rebind_takes_a_jwt() -> None:
    response = person().client.post("/auth/rebind", {"device_id": "never seen"})
    assert (response.status_code, response.json()["rebound"]) == (200, False)
