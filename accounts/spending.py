"""The ledger of language model calls, which also keeps their answers for runs that are resumed."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import BigIntegerField, Case, Count, JSONField, Q, Sum, Value, When
from django.db.models.functions import Coalesce, Now

from accounts.models import ModelCall
from manticscore.clients.llm import Tokens

OK = "ok"
PAID = Q(settled_at=None) | Q(outcome=OK) | Q(micro_usd__gt=0) | Q(tokens_in__gt=0) | Q(tokens_out__gt=0)
# In the month of the database's clock, as credits are. A row that is there already is not touched.
RESERVE = """
    INSERT INTO accounts_modelcall
        (owner_id, stream_id, stage, fingerprint, model, own_key, outcome,
         tokens_in, tokens_out, micro_usd, duration_ms, period)
    VALUES (%s, %s, %s, %s, %s, %s, '', %s, %s, %s, 0, to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM'))
    ON CONFLICT (stream_id, stage, fingerprint) WHERE NOT fingerprint = '' DO NOTHING
    RETURNING id
"""


@dataclass(frozen=True, slots=True)
class Spent:
    """Sums over calls."""

    calls: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    micro_usd: int = 0
    duration_ms: int = 0

    @property
    def tokens(self) -> int:
        return self.tokens_in + self.tokens_out


def find(stream_id: UUID, stage: str, fingerprint: str) -> ModelCall | None:
    return ModelCall.objects.filter(stream_id=stream_id, stage=stage, fingerprint=fingerprint).first()


def reserve(
    owner_id: str,
    stream_id: UUID,
    stage: str,
    fingerprint: str,
    *,
    model: str,
    own_key: bool,
    at_most: Tokens,
    micro_usd: int,
) -> int | None:
    """Write down a call that is about to be made; None when somebody else has already."""
    amounts = [at_most.read, at_most.written, micro_usd]
    with connection.cursor() as cursor:
        cursor.execute(RESERVE, [owner_id, stream_id, stage, fingerprint, model, own_key, *amounts])
        row = cursor.fetchone()
    return row[0] if row else None


def settle(
    call_id: int,
    *,
    outcome: str,
    duration_ms: int,
    used: tuple[Tokens, int] | None,
    reply: dict[str, Any] | None = None,
) -> None:
    """Write down how a call ended. `used` is tokens and cost; None leaves the most it can have been.

    The reply to a call that was forgotten meanwhile is not kept.
    """
    amounts: dict[str, int] = {}
    if used is not None:
        tokens, micro_usd = used
        amounts = {"tokens_in": tokens.read, "tokens_out": tokens.written, "micro_usd": micro_usd}
    ModelCall.objects.filter(pk=call_id).update(
        outcome=outcome, duration_ms=duration_ms, reply=unless_forgotten(reply), settled_at=Now(), **amounts
    )


def unless_forgotten(reply: dict[str, Any] | None) -> Case | None:
    if reply is None:
        return None
    return Case(When(~Q(fingerprint=""), then=Value(reply, JSONField())), output_field=JSONField())


def withdraw(call_id: int) -> None:
    """Let an equal call be made anew, of a call that cost nothing; its row, and its time, stay the run's."""
    ModelCall.objects.filter(pk=call_id).update(fingerprint=f"withdrawn {call_id}")


def forget(stream_id: UUID, stages: Sequence[str] | None = None) -> None:
    """Drop the answers of a run, or of these stages of it, that needs them no more. What they cost stays."""
    calls = ModelCall.objects.filter(stream_id=stream_id)
    if stages is not None:
        calls = calls.filter(stage__in=stages)
    calls.update(reply=None, fingerprint="")


def forget_all(stream_ids: Iterable[UUID]) -> None:
    """The same for whole runs that will not go on."""
    ModelCall.objects.filter(stream_id__in=stream_ids).update(reply=None, fingerprint="")


def asked_otherwise(stream_id: UUID, stage: str, fingerprints: Collection[str]) -> bool:
    """Whether an answer to another question was paid for, or may have been, and is kept for the stage."""
    kept = ModelCall.objects.filter(stream_id=stream_id, stage=stage).exclude(fingerprint="")
    return kept.filter(PAID).exclude(fingerprint__in=fingerprints).exists()


def of_run(stream_id: UUID) -> list[ModelCall]:
    """The calls of a run in their order."""
    return list(ModelCall.objects.filter(stream_id=stream_id).order_by("id"))


def spent_by_run(stream_id: UUID) -> Spent:
    """All that it ever used, also for parts that were made anew."""
    return _sum(Q(stream_id=stream_id))


def spent_since_reopening(stream_id: UUID) -> Spent:
    """What a run used for what it makes now. Calls that were forgotten served what it made before."""
    return _sum(Q(stream_id=stream_id) & ~Q(fingerprint=""))


def spent_ever(owner_id: str) -> Spent:
    return _sum(Q(owner_id=owner_id))


def _sum(which: Q) -> Spent:
    names = ("tokens_in", "tokens_out", "micro_usd", "duration_ms")
    sums = {name: Coalesce(Sum(name), Value(0), output_field=BigIntegerField()) for name in names}
    found = ModelCall.objects.filter(which).aggregate(calls=Count("id"), **sums)
    return Spent(**{name: int(value) for name, value in found.items()})
