"""Bootstrap, profile and the agent's configuration."""

from __future__ import annotations

from typing import Any

import pytest

from accounts import credits
from accounts.models import Profile
from tests import factories
from tests.api.accounts.conftest import Send
from tests.helpers.people import JSONClient, Person
from tests.helpers.threads import at_once

pytestmark = pytest.mark.django_db
FRESH = {"plan": "free", "credits_used": 0, "credits_total": 20}


def test_bootstrap_of_somebody_new(signed_in: Person) -> None:
    response = signed_in.client.get("/auth/bootstrap")
    assert response.status_code == 200
    assert response.json() == {
        "profile": {"name": "", "email": "", **FRESH},
        "subscription": FRESH,
        "secrets": {"has_github_pat": False, "has_anthropic_key": False},
    }
    assert Profile.objects.get().owner_id == signed_in.principal.id


def test_bootstrap_shows_what_is_there(signed_in: Person, send: Send) -> None:
    send(signed_in, "PUT", "/profile", {"name": "Grace Hopper", "email": "grace@example.com"})
    send(signed_in, "PUT", "/secrets", {"github_pat": "ghp_" + "a" * 36})
    signed_in.client.post("/research", {"idea": "a recipe box"})
    body = signed_in.client.get("/auth/bootstrap").json()
    assert body["profile"] == {
        "name": "Grace Hopper",
        "email": "grace@example.com",
        "plan": "free",
        "credits_used": 3,
        "credits_total": 20,
    }
    assert body["subscription"] == {"plan": "free", "credits_used": 3, "credits_total": 20}
    assert body["secrets"] == {"has_github_pat": True, "has_anthropic_key": False}


def test_devices_have_profiles_too(guest: Person) -> None:
    assert guest.client.get("/auth/bootstrap").status_code == 200
    assert guest.client.get("/profile").status_code == 200


@pytest.mark.parametrize("path", ["/auth/bootstrap", "/profile", "/secrets", "/v1/usage"])
def test_nothing_without_a_token(path: str) -> None:
    response = JSONClient().get(path)
    assert (response.status_code, response.json()) == (401, {"detail": "Missing Bearer token"})


def test_profile(signed_in: Person) -> None:
    assert signed_in.client.get("/profile").json() == {
        "name": "",
        "email": "",
        **FRESH,
        "project_count": 0,
        "usage": {"tokens_in": 0, "tokens_out": 0, "api_calls": 0, "research_count": 0},
        "agent_config": {},
    }


def test_profile_counts_the_callers_research_only(signed_in: Person, other: Person) -> None:
    factories.research_job(signed_in.principal)
    factories.research_job(other.principal)
    assert signed_in.client.get("/profile").json()["usage"]["research_count"] == 1


def test_profile_counts_tokens_of_all_times(signed_in: Person, other: Person) -> None:
    factories.model_call(signed_in.principal, period="2001-01", tokens_in=100, tokens_out=10)
    factories.model_call(signed_in.principal, tokens_in=1, tokens_out=2)
    factories.model_call(other.principal)
    usage = signed_in.client.get("/profile").json()["usage"]
    assert (usage["tokens_in"], usage["tokens_out"]) == (101, 12)


def test_null_and_absence_change_nothing(signed_in: Person, send: Send) -> None:
    send(signed_in, "PUT", "/profile", {"name": "Grace", "email": "grace@example.com"})
    for body in ({}, {"name": None}, {"name": None, "email": None}):
        answer = send(signed_in, "PUT", "/profile", body)
        assert answer.status_code == 200
        assert (answer.json()["name"], answer.json()["email"]) == ("Grace", "grace@example.com")
    assert send(signed_in, "PUT", "/profile", {"name": ""}).json()["name"] == ""


@pytest.mark.parametrize(
    "body",
    [
        {"name": 5},
        {"name": ["a"]},
        {"name": "x" * 201},
        {"name": "a\0b"},
        {"email": "not an address"},
        {"email": 5},
        {"email": f"{'x' * 250}@example.com"},
    ],
)
def test_odd_values_are_refused(signed_in: Person, send: Send, body: Any) -> None:
    response = send(signed_in, "PUT", "/profile", body)
    assert response.status_code == 422
    assert isinstance(response.json()["detail"], str)


def test_privileges_cannot_be_written(signed_in: Person, send: Send) -> None:
    body = {
        "plan": "pro",
        "credits_total": 9999,
        "credits_used": 0,
        "owner": "user_x",
        "agent_config": {"a": 1},
    }
    assert send(signed_in, "PUT", "/profile", body).json()["plan"] == "free"
    profile = Profile.objects.get()
    assert (profile.plan, profile.credits_total, profile.agent_config) == ("free", 0, {})


@pytest.mark.django_db(transaction=True)
def test_a_profile_is_made_once_by_twenty_requests(signed_in: Person) -> None:
    paths = ["/auth/bootstrap", "/profile"]
    statuses = at_once(20, lambda n: signed_in.client.get(paths[n % 2]).status_code)
    assert set(statuses) == {200}
    assert Profile.objects.count() == 1


def test_agent_config_is_merged(signed_in: Person, send: Send) -> None:
    path = "/profile/agent-config"
    assert send(signed_in, "PATCH", path, {"autonomy_level": "auto"}).json() == {
        "autonomy_level": "auto",
        "auto_actions": [],
    }
    actions = ["github.create_pr", "slack.post", "slack.post"]
    full = {"autonomy_level": "auto", "auto_actions": ["github.create_pr", "slack.post"]}
    assert send(signed_in, "PATCH", path, {"auto_actions": actions}).json() == full
    assert send(signed_in, "PATCH", path, {}).json() == full
    assert signed_in.client.get("/profile").json()["agent_config"] == full


@pytest.mark.parametrize(
    "body",
    [
        {"autonomy_level": "always"},
        {"autonomy_level": None},
        {"autonomy_level": ["auto"]},
        {"auto_actions": "slack.post"},
        {"auto_actions": ["slack.delete"]},
        {"auto_actions": [["slack.post"]]},
        {"auto_actions": ["slack.post"] * 101},
        {"auto_actions": None},
    ],
)
def test_odd_agent_configs_are_refused(signed_in: Person, send: Send, body: Any) -> None:
    assert send(signed_in, "PATCH", "/profile/agent-config", body).status_code == 422
    assert signed_in.client.get("/profile").json()["agent_config"] == {}


@pytest.mark.django_db(transaction=True)
def test_settings_made_at_once_are_all_kept(signed_in: Person, send: Send) -> None:
    bodies = [{"autonomy_level": "auto"}, {"auto_actions": ["slack.post"]}] * 5
    at_once(10, lambda n: send(signed_in, "PATCH", "/profile/agent-config", bodies[n]))
    assert Profile.objects.get().agent_config == {"autonomy_level": "auto", "auto_actions": ["slack.post"]}


def test_credits_are_those_of_the_plan(signed_in: Person) -> None:
    signed_in.client.get("/profile")
    Profile.objects.update(plan="plus")
    credits.charge(
        owner_id=signed_in.principal.id, action="forge", entity_id=signed_in.principal.sessions.get().id
    )
    body = signed_in.client.get("/profile").json()
    assert (body["plan"], body["credits_used"], body["credits_total"]) == ("plus", 2, 300)
