"""Credits: what a month allows, what was used of it, and every movement in the ledger.

A month is a calendar month in UTC by the database's clock. Everything is counted always; whether an
exhausted month refuses work is the setting CREDITS_ENFORCED.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from django.db.models import F
from django.db.models.functions import Greatest

from accounts import profiles
from accounts.models import LedgerEntry, UsagePeriod
from accounts.spending import Spent
from accounts.tiers import FREE, PRICES, TIERS, Tier
from manticscore import errors

LONGEST_RETRY_AFTER = 86_400  # seconds; a month may end later, but a plan may change sooner
UNLIMITED = 2**31 - 1  # the most the column holds

READ = """
    SELECT now(), profile.plan, profile.credits_total, period.credits, period.questions, period.tts_seconds,
           (SELECT -sum(amount) FROM accounts_ledgerentry
            WHERE owner_id = %(owner)s AND kind = 'grant' AND period = month.key),
           calls.*
    FROM (SELECT to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM') AS key) month
    LEFT JOIN accounts_profile profile ON profile.owner_id = %(owner)s
    LEFT JOIN accounts_usageperiod period ON period.owner_id = %(owner)s AND period.key = month.key
    CROSS JOIN LATERAL (
        SELECT count(*), coalesce(sum(tokens_in), 0), coalesce(sum(tokens_out), 0),
               coalesce(sum(micro_usd), 0), coalesce(sum(duration_ms), 0)
        FROM accounts_modelcall WHERE owner_id = %(owner)s AND period = month.key
    ) calls
"""
# One statement, so that nothing comes between the question whether enough is left and the spending: the
# conflicting row is locked and looked at in its newest state. No row comes back when it is not enough.
SPEND = """
    INSERT INTO accounts_usageperiod AS period (owner_id, key, credits, questions, tts_seconds)
    SELECT %(owner)s, %(month)s, %(price)s, 0, 0 WHERE %(price)s <= %(cap)s
    ON CONFLICT (owner_id, key) DO UPDATE SET credits = period.credits + EXCLUDED.credits
    WHERE period.credits + EXCLUDED.credits <= %(cap)s
    RETURNING period.credits
"""


@dataclass(frozen=True, slots=True)
class Month:
    """A calendar month in UTC, and the moment it is over."""

    key: str
    ends_at: datetime

    @classmethod
    def of(cls, moment: datetime) -> Month:
        first = moment.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
        return cls(f"{first:%Y-%m}", (first + timedelta(days=32)).replace(day=1))


@dataclass(frozen=True, slots=True)
class Usage:
    """What an owner's month allows and what was used of it. `now` is the database's."""

    now: datetime
    month: Month
    plan: str
    credits_total: int
    credits: int
    questions: int
    tts_seconds: float
    language_models: Spent = field(default_factory=Spent)

    @property
    def tier(self) -> Tier:
        return TIERS[self.plan]

    @property
    def credits_left(self) -> int:
        return max(0, self.credits_total - self.credits)


def usage(owner_id: str) -> Usage:
    """The present month of an owner. Without a profile it is the free tier's, and nothing is used."""
    with connection.cursor() as cursor:
        cursor.execute(READ, {"owner": owner_id})
        now, plan, override, credits, questions, tts_seconds, granted, *calls = cursor.fetchone()
    plan = plan if plan in TIERS else FREE
    return Usage(
        now=now,
        month=Month.of(now),
        plan=plan,
        credits_total=(override or TIERS[plan].credits) + int(granted or 0),
        credits=credits or 0,
        questions=questions or 0,
        tts_seconds=tts_seconds or 0.0,
        language_models=Spent(*map(int, calls)),
    )


@transaction.atomic
def charge(*, owner_id: str, action: str, entity_id: UUID) -> None:
    """Spend an action's price, in the transaction that creates what is paid for.

    Raises TooManyRequests when the month has not enough left and credits are enforced.
    """
    profiles.ensure(owner_id)
    before = usage(owner_id)
    price = PRICES[action]
    parameters: dict[str, str | int] = {
        "owner": owner_id,
        "month": before.month.key,
        "price": price,
        "cap": before.credits_total if settings.CREDITS_ENFORCED else UNLIMITED,
    }
    with connection.cursor() as cursor:
        cursor.execute(SPEND, parameters)
        if cursor.fetchone() is None:
            raise exhausted(action, usage(owner_id))
    LedgerEntry.objects.create(
        owner_id=owner_id,
        kind=LedgerEntry.Kind.CHARGE,
        action=action,
        amount=price,
        period=before.month.key,
        entity_id=entity_id,
    )


@transaction.atomic
def refund(*, entity_id: UUID, reason: str) -> int:
    """Give back what was charged for something, once, in the month it was charged; the credits returned."""
    entries = LedgerEntry.objects.filter(entity_id=entity_id)
    # Whoever holds the charge's row decides; a rebind that moves it waits, or is waited for.
    paid = entries.filter(kind=LedgerEntry.Kind.CHARGE).select_for_update().first()
    if paid is None or entries.filter(kind=LedgerEntry.Kind.REFUND).exists():
        return 0
    LedgerEntry.objects.create(
        owner_id=paid.owner_id,
        kind=LedgerEntry.Kind.REFUND,
        action=paid.action,
        amount=-paid.amount,
        period=paid.period,
        entity_id=entity_id,
        note=reason,
    )
    spent = UsagePeriod.objects.filter(owner_id=paid.owner_id, key=paid.period)
    spent.update(credits=Greatest(F("credits") - paid.amount, 0))
    return paid.amount


def is_refunded(entity_id: UUID) -> bool:
    """Whether what was charged for something was given back."""
    return LedgerEntry.objects.filter(entity_id=entity_id, kind=LedgerEntry.Kind.REFUND).exists()


@transaction.atomic
def grant(*, owner_id: str, amount: int, note: str) -> Usage:
    """Allow more credits until the month ends; the month afterwards."""
    profiles.ensure(owner_id)
    LedgerEntry.objects.create(
        owner_id=owner_id,
        kind=LedgerEntry.Kind.GRANT,
        action="grant",
        amount=-amount,
        period=usage(owner_id).month.key,
        note=note,
    )
    return usage(owner_id)


def exhausted(action: str, month: Usage) -> errors.TooManyRequests:
    wait = int((month.month.ends_at - month.now).total_seconds()) + 1
    return errors.TooManyRequests(
        f"Not enough credits: {action} costs {PRICES[action]}, {month.credits_left} of"
        f" {month.credits_total} are left until {month.month.ends_at:%Y-%m-%d}",
        retry_after=min(wait, LONGEST_RETRY_AFTER),
    )
