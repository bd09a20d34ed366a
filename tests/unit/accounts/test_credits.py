"""Charging, giving back and granting, alone and a hundred at once."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from django.conf import LazySettings
from django.core.management import CommandError, call_command
from django.db import IntegrityError, transaction

from accounts import credits
from accounts.models import LedgerEntry, Principal, Profile, UsagePeriod
from accounts.tiers import PRICES
from manticscore import errors
from realtime import runs
from realtime.models import Stream
from research.actions import research
from research.actions.research import Question
from tests import factories
from tests.helpers.database_clock import database_clock
from tests.helpers.threads import at_once

pytestmark = pytest.mark.django_db
USER = "user_ada"


@pytest.fixture(autouse=True)
def enforced(settings: LazySettings) -> None:
    settings.CREDITS_ENFORCED = True


@pytest.fixture
def ada(db: None) -> Principal:
    return Principal.objects.create(id=USER)


def charge(action: str = "research", entity_id: UUID | None = None) -> UUID:
    entity_id = entity_id or uuid.uuid4()
    credits.charge(owner_id=USER, action=action, entity_id=entity_id)
    return entity_id


def used() -> int:
    return credits.usage(USER).credits


def ledger() -> list[tuple[str, str, int]]:
    return list(LedgerEntry.objects.order_by("id").values_list("kind", "action", "amount"))


def is_charged(_: int) -> bool:
    try:
        charge()
    except errors.TooManyRequests:
        return False
    return True


@pytest.mark.parametrize(("action", "price"), PRICES.items())
def test_every_action_has_its_price(ada: Principal, action: str, price: int) -> None:
    charge(action)
    assert used() == price
    assert ledger() == [("charge", action, price)]
    assert Profile.objects.filter(owner=ada).exists(), "who used something has a profile"


def test_an_exhausted_month_refuses(ada: Principal) -> None:
    for _ in range(6):
        charge()
    with database_clock(datetime.now(UTC)), pytest.raises(errors.TooManyRequests) as caught:
        charge()
    month = credits.usage(USER).month
    assert caught.value.detail == (
        f"Not enough credits: research costs 3, 2 of 20 are left until {month.ends_at:%Y-%m-%d}"
    )
    assert 1 <= (caught.value.retry_after or 0) <= credits.LONGEST_RETRY_AFTER
    assert used() == 18
    charge("forge")
    assert used() == 20


def test_retry_after_is_the_end_of_the_month_when_it_is_near(ada: Principal) -> None:
    Profile.objects.create(owner=ada, credits_total=1)
    at = datetime(2026, 11, 30, 23, 59, 30, tzinfo=UTC)
    with database_clock(at), pytest.raises(errors.TooManyRequests) as caught:
        charge()
    assert caught.value.retry_after == 31


def test_a_new_month_begins_with_nothing_used(ada: Principal) -> None:
    with database_clock(datetime(2026, 11, 30, 23, 59, 59, tzinfo=UTC)):
        for _ in range(6):
            charge()
        assert used() == 18
    with database_clock(datetime(2026, 12, 1, tzinfo=UTC)):
        charge()
        assert used() == 3


def test_without_enforcement_it_is_counted_all_the_same(ada: Principal, settings: LazySettings) -> None:
    settings.CREDITS_ENFORCED = False
    for _ in range(10):
        charge()
    assert used() == 30


def test_a_charge_is_undone_with_what_it_was_for(ada: Principal) -> None:
    with transaction.atomic():
        charge()
        transaction.set_rollback(True)
    assert (used(), ledger()) == (0, [])


def test_a_thing_is_charged_once(ada: Principal) -> None:
    entity_id = charge()
    with pytest.raises(IntegrityError), transaction.atomic():
        charge(entity_id=entity_id)
    assert used() == 3


def test_a_refund_happens_once(ada: Principal) -> None:
    entity_id = charge()
    charge()
    assert credits.refund(entity_id=entity_id, reason="INTERNAL_ERROR") == 3
    assert credits.refund(entity_id=entity_id, reason="INTERNAL_ERROR") == 0
    assert used() == 3
    assert ledger()[-1] == ("refund", "research", -3)
    assert LedgerEntry.objects.get(kind="refund").note == "INTERNAL_ERROR"


def test_what_was_not_charged_is_not_refunded(ada: Principal) -> None:
    assert credits.refund(entity_id=uuid.uuid4(), reason="x") == 0
    assert ledger() == []


def test_a_refund_goes_to_the_month_of_the_charge(ada: Principal) -> None:
    with database_clock(datetime(2026, 11, 30, tzinfo=UTC)):
        entity_id = charge()
    with database_clock(datetime(2026, 12, 1, tzinfo=UTC)):
        charge()
        credits.refund(entity_id=entity_id, reason="x")
        assert used() == 3
    assert UsagePeriod.objects.get(key="2026-11").credits == 0


def test_a_refund_goes_to_whom_the_work_belongs_now(ada: Principal) -> None:
    entity_id = charge()
    heir = Principal.objects.create(id="user_heir")
    LedgerEntry.objects.update(owner=heir)
    UsagePeriod.objects.update(owner=heir)
    credits.refund(entity_id=entity_id, reason="x")
    assert credits.usage(heir.id).credits == 0


def test_grants_add_to_the_month(ada: Principal) -> None:
    Profile.objects.create(owner=ada, plan="plus")
    with database_clock(datetime(2026, 11, 30, tzinfo=UTC)):
        credits.grant(owner_id=USER, amount=10, note="sorry")
        credits.grant(owner_id=USER, amount=5, note="sorry again")
        assert credits.usage(USER).credits_total == 315
    with database_clock(datetime(2026, 12, 1, tzinfo=UTC)):
        assert credits.usage(USER).credits_total == 300


def test_the_command_grants(ada: Principal) -> None:
    said = call_command("grant_credits", USER, "30", note="a bad day")
    month = credits.usage(USER).month
    assert said == f"30 credits granted to {USER}: 50 of 50 left until {month.ends_at:%Y-%m-%d}."
    assert LedgerEntry.objects.get().note == "a bad day"


@pytest.mark.parametrize(("who", "amount"), [(USER, "0"), (USER, "-5"), (USER, "1000001"), ("user_x", "5")])
def test_the_command_refuses_nonsense(ada: Principal, who: str, amount: str) -> None:
    with pytest.raises(CommandError):
        call_command("grant_credits", "--note=x", "--", who, amount)
    assert ledger() == []


@pytest.mark.django_db(transaction=True)
def test_a_hundred_charges_at_once_never_overspend(ada: Principal) -> None:
    assert sum(at_once(100, is_charged)) == 6
    assert used() == 18
    assert len(ledger()) == 6


@pytest.mark.django_db(transaction=True)
def test_a_hundred_jobs_at_once_never_overspend(ada: Principal) -> None:
    def start(number: int) -> bool:
        try:
            research.ask(ada, Question(f"a recipe box for {number} cooks"))
        except errors.TooManyRequests:
            return False
        return True

    assert sum(at_once(100, start)) == 6
    assert Stream.objects.count() == 6


@pytest.mark.django_db(transaction=True)
def test_a_refund_asked_for_twenty_times_at_once_happens_once(ada: Principal) -> None:
    entity_id = charge()
    charge()
    given = at_once(20, lambda _: credits.refund(entity_id=entity_id, reason="x"))
    assert sorted(given) == [0] * 19 + [3]
    assert used() == 3


@pytest.mark.django_db(transaction=True)
def test_grants_at_once_all_count(ada: Principal) -> None:
    at_once(20, lambda _: credits.grant(owner_id=USER, amount=1, note="x"))
    assert credits.usage(USER).credits_total == 40


def failed(error: errors.PipelineError, **stream: Any) -> UUID:
    """A charged job that ended with this error."""
    owner = Principal(id=USER)
    entity_id = factories.stream(owner, **stream).id
    charge(entity_id=entity_id)
    assert runs.abandon(entity_id, error)
    return entity_id


@pytest.mark.parametrize(
    ("error", "left"),
    [
        (errors.InternalError(), 0),
        (errors.WorkerCrashed(), 0),
        (errors.BudgetExceeded(), 0),
        (errors.EmptyInput(), 3),
        (errors.EmptyOutput(), 3),
    ],
)
def test_failures_that_are_ours_are_not_paid_for(
    ada: Principal, error: errors.PipelineError, left: int
) -> None:
    failed(error, stage="search")
    assert used() == left


@pytest.mark.parametrize(("stage", "left"), [("", 0), ("interpret", 3)])
def test_a_cancelled_job_is_paid_for_once_it_began(ada: Principal, stage: str, left: int) -> None:
    failed(errors.Cancelled(), stage=stage)
    assert used() == left


def test_the_end_and_the_refund_are_one(ada: Principal, monkeypatch: pytest.MonkeyPatch) -> None:
    entity_id = factories.stream(ada).id
    charge(entity_id=entity_id)
    monkeypatch.setattr(runs.publish, "append", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        runs.abandon(entity_id, errors.InternalError())
    assert used() == 3
    monkeypatch.undo()
    assert runs.abandon(entity_id, errors.InternalError())
    assert not runs.abandon(entity_id, errors.InternalError())
    assert used() == 0
    assert [kind for kind, _, _ in ledger()] == ["charge", "refund"]


def test_an_execution_that_was_overtaken_refunds_nothing(ada: Principal) -> None:
    entity_id = factories.stream(ada).id
    charge(entity_id=entity_id)
    overtaken = runs.claim(entity_id)
    assert overtaken is not None
    runs.claim(entity_id)
    with pytest.raises(runs.publish.Superseded):
        overtaken.finish("failed", "error", {"code": "INTERNAL_ERROR", "message": "x", "retryable": True})
    assert used() == 3
