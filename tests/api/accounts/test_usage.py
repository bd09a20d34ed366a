"""GET /v1/usage"""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from accounts import credits
from accounts.models import Profile, Session, UsagePeriod
from accounts.tiers import TIERS
from tests import factories
from tests.helpers.database_clock import database_clock
from tests.helpers.people import Person

pytestmark = pytest.mark.django_db


def month() -> str:
    return credits.usage("user_nobody").month.key


def test_without_a_profile_it_is_the_free_tier_and_nothing_used(signed_in: Person) -> None:
    Session.objects.update(expires_at="2030-01-01T00:00:00Z")
    with database_clock(datetime(2026, 11, 21, 12, tzinfo=UTC)):
        response = signed_in.client.get("/v1/usage")
    assert response.status_code == 200
    assert response.json() == {
        "period": {"key": "2026-11", "resets_at": "2026-12-01T00:00:00Z"},
        "tier": {
            "id": "free",
            "product_id": None,
            "caps": {"questions": 50, "tts_minutes": 5.0, "credits": 20},
        },
        "used": {"questions": 0, "tts_seconds": 0.0, "credits": 0},
        "remaining": {"questions": 50, "tts_minutes": 5.0, "credits": 20},
        "language_models": {"calls": 0, "tokens_in": 0, "tokens_out": 0, "cost_micro_usd": 0},
    }
    assert not Profile.objects.exists(), "looking makes no profile"


def test_calls_of_language_models_this_month(signed_in: Person, other: Person) -> None:
    factories.model_call(signed_in.principal, period=month(), tokens_in=100, tokens_out=10, micro_usd=700)
    factories.model_call(signed_in.principal, period=month(), tokens_in=5, tokens_out=1, micro_usd=9)
    factories.model_call(signed_in.principal, period="2001-01")
    factories.model_call(other.principal, period=month())
    spent = signed_in.client.get("/v1/usage").json()["language_models"]
    assert spent == {"calls": 2, "tokens_in": 105, "tokens_out": 11, "cost_micro_usd": 709}


@pytest.mark.parametrize("plan", TIERS)
def test_tiers(signed_in: Person, plan: str) -> None:
    Profile.objects.create(owner=signed_in.principal, plan=plan)
    UsagePeriod.objects.create(
        owner=signed_in.principal, key=month(), credits=7, questions=9, tts_seconds=90.0
    )
    body = signed_in.client.get("/v1/usage").json()
    tier = TIERS[plan]
    assert body["tier"]["id"] == plan
    assert body["used"] == {"questions": 9, "tts_seconds": 90.0, "credits": 7}
    assert body["remaining"] == {
        "questions": tier.questions - 9,
        "tts_minutes": tier.tts_minutes - 1.5,
        "credits": tier.credits - 7,
    }


def test_a_number_of_credits_in_the_profile_overrides_that_cap_only(signed_in: Person) -> None:
    Profile.objects.create(owner=signed_in.principal, plan="pro", credits_total=5)
    caps = signed_in.client.get("/v1/usage").json()["tier"]["caps"]
    assert caps == {"questions": 2500, "tts_minutes": 300.0, "credits": 5}


def test_nothing_remaining_is_never_negative(signed_in: Person) -> None:
    UsagePeriod.objects.create(
        owner=signed_in.principal, key=month(), credits=99, questions=99, tts_seconds=9999.0
    )
    remaining = signed_in.client.get("/v1/usage").json()["remaining"]
    assert remaining == {"questions": 0, "tts_minutes": 0.0, "credits": 0}


@pytest.mark.parametrize(
    ("moment", "key", "used", "resets_at"),
    [
        ("2026-11-30T23:59:59.999999+00:00", "2026-11", 3, "2026-12-01T00:00:00Z"),
        ("2026-12-01T00:00:00+00:00", "2026-12", 5, "2027-01-01T00:00:00Z"),
        ("2026-12-31T23:30:00+00:00", "2026-12", 5, "2027-01-01T00:00:00Z"),
        ("2027-01-01T00:30:00+01:00", "2026-12", 5, "2027-01-01T00:00:00Z"),
        ("2027-01-01T00:00:01+00:00", "2027-01", 0, "2027-02-01T00:00:00Z"),
        ("2028-02-29T12:00:00+00:00", "2028-02", 0, "2028-03-01T00:00:00Z"),
    ],
)
def test_the_month_turns_on_the_first_in_utc(
    signed_in: Person, moment: str, key: str, used: int, resets_at: str
) -> None:
    Session.objects.update(expires_at="2030-01-01T00:00:00Z")
    for old, credits_used in (("2026-11", 3), ("2026-12", 5)):
        UsagePeriod.objects.create(owner=signed_in.principal, key=old, credits=credits_used)
    with database_clock(datetime.fromisoformat(moment)):
        body = signed_in.client.get("/v1/usage").json()
    assert body["period"] == {"key": key, "resets_at": resets_at}
    assert body["used"]["credits"] == used


def test_one_query_besides_the_token(signed_in: Person, django_assert_num_queries: object) -> None:
    with django_assert_num_queries(2):  # type: ignore[operator]
        signed_in.client.get("/v1/usage")
