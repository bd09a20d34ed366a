"""accounts.metering: what is written down around a call, and what is not asked twice."""

from __future__ import annotations

import uuid
from dataclasses import replace
from typing import Any

import pytest

from accounts import spending
from accounts.metering import Ceilings, Meter
from accounts.models import ModelCall
from manticscore.clients.llm import Request, Tokens, errors
from manticscore.clients.llm.patience import Patience
from manticscore.clients.llm.scripted import Line, ScriptedModel
from tests import factories
from tests.helpers.scripted import Clock

pytestmark = pytest.mark.django_db
REQUEST = Request("Do it.", "material", {"type": "object"}, max_tokens=100)
PLENTY = Ceilings(100, 100_000, 10_000_000)


def meter(*lines: Line, ceilings: Ceilings = PLENTY, run: uuid.UUID | None = None) -> Meter:
    clock = Clock()
    return Meter(
        ScriptedModel(lines),
        factories.principal().pk,
        run or uuid.uuid4(),
        False,
        ceilings,
        Patience(clock=clock, sleep=clock.sleep),
        clock,
    )


def asked(metered: Meter) -> int:
    assert isinstance(metered.model, ScriptedModel)
    return len(metered.model.requests)


def test_a_call_is_written_down_with_what_it_cost() -> None:
    metered = meter({"a": 1})
    reply = metered.complete("judge", REQUEST)
    (row,) = spending.of_run(metered.stream_id)
    assert (row.stage, row.model, row.outcome, row.own_key) == ("judge", "scripted:model", "ok", False)
    assert (row.tokens_in, row.tokens_out) == (reply.tokens.read, reply.tokens.written)
    assert row.micro_usd == metered.model.cost(reply.tokens)
    assert row.settled_at is not None
    assert row.reply == {"data": {"a": 1}, "tokens": [reply.tokens.read, reply.tokens.written]}


def test_an_equal_call_of_the_run_is_replayed() -> None:
    metered = meter({"a": 1}, {"a": 2})
    first = metered.complete("judge", REQUEST)
    again = meter({"a": 3}, run=metered.stream_id)
    assert again.complete("judge", REQUEST) == first
    assert asked(again) == 0
    assert metered.complete("analyze", REQUEST).data == {"a": 2}, "another stage asks for itself"
    assert meter({"a": 4}).complete("judge", REQUEST).data == {"a": 4}, "another run too"


def test_it_is_written_down_before_it_is_made() -> None:
    seen: list[ModelCall] = []

    def look(request: Request) -> dict[str, Any]:
        seen.extend(ModelCall.objects.all())
        return {}

    metered = meter(look)
    metered.complete("judge", REQUEST)
    (row,) = seen
    assert (row.settled_at, row.outcome) == (None, "")
    assert (row.tokens_in, row.tokens_out) == (REQUEST.at_most.read, 100), "the most it can use"


def test_a_call_that_was_interrupted_is_not_made_again() -> None:
    metered = meter(KeyboardInterruptOnce())
    with pytest.raises(KeyboardInterrupt):
        metered.complete("judge", REQUEST)
    with pytest.raises(errors.Interrupted):
        metered.complete("judge", REQUEST)
    assert asked(metered) == 1
    assert spending.spent_by_run(metered.stream_id).micro_usd == metered.model.cost(REQUEST.at_most)


class KeyboardInterruptOnce:
    def __call__(self, request: Request) -> dict[str, Any]:
        raise KeyboardInterrupt


@pytest.mark.parametrize("error", [errors.Timeout(), errors.BadOutput(tokens=Tokens(5, 6))])
def test_a_failure_that_was_paid_for_is_replayed(error: errors.LlmError) -> None:
    metered = meter(error)
    for _ in range(2):
        with pytest.raises(type(error)):
            metered.complete("judge", REQUEST)
    assert asked(metered) == 1


def test_a_failure_that_cost_nothing_may_be_tried_by_a_resumed_run() -> None:
    metered = meter(errors.KeyRejected(), {"a": 1})
    with pytest.raises(errors.KeyRejected):
        metered.complete("judge", REQUEST)
    assert metered.complete("judge", REQUEST).data == {"a": 1}
    assert [(row.outcome, row.tokens_in > 0) for row in spending.of_run(metered.stream_id)] == [
        ("LLM_KEY_REJECTED", False),
        ("ok", True),
    ]


def test_tries_of_one_call_are_one_row() -> None:
    metered = meter(errors.Unavailable(), errors.RateLimited(retry_after=2), {"a": 1})
    assert metered.complete("judge", REQUEST).data == {"a": 1}
    (row,) = spending.of_run(metered.stream_id)
    assert row.outcome == "ok"
    assert row.duration_ms >= 2000


@pytest.mark.parametrize(
    "ceilings",
    [
        Ceilings(0.01, 100_000, 10_000_000),
        Ceilings(100, REQUEST.at_most.total - 1, 10_000_000, reserve=0),
        Ceilings(100, 100_000, 10, reserve=0),
    ],
)
def test_nothing_is_asked_that_may_not_be_paid(ceilings: Ceilings) -> None:
    metered = meter({}, ceilings=ceilings)
    with pytest.raises(errors.CeilingReached):
        metered.complete("judge", REQUEST, reserved=True)
    assert asked(metered) == 0
    assert spending.of_run(metered.stream_id) == []


def test_the_reserve_is_for_reserved_calls() -> None:
    metered = meter({}, ceilings=Ceilings(100, REQUEST.at_most.total + 10, 10_000_000))
    with pytest.raises(errors.CeilingReached):
        metered.complete("judge", REQUEST)
    assert metered.complete("synthesize", REQUEST, reserved=True).data == {}


def test_a_call_gets_no_more_time_than_the_run_has() -> None:
    metered = meter({}, ceilings=Ceilings(8, 100_000, 10_000_000))
    metered.complete("judge", REQUEST)
    assert isinstance(metered.model, ScriptedModel)
    assert metered.model.requests[0].timeout == 6


def test_what_was_forgotten_costs_still() -> None:
    metered = meter({"a": 1})
    metered.complete("judge", REQUEST)
    spent = spending.spent_by_run(metered.stream_id)
    spending.forget(metered.stream_id)
    assert spending.spent_by_run(metered.stream_id) == spent
    assert metered.complete("judge", REQUEST).data == {"a": 1}
    assert asked(metered) == 2, "asked anew, after all was over"


def test_sums_are_of_one_owner() -> None:
    owner = factories.principal()
    for number in range(3):
        factories.model_call(owner, tokens_in=10**number, tokens_out=1, micro_usd=5)
    factories.model_call(tokens_in=999_999)
    spent = spending.spent_ever(owner.pk)
    assert (spent.calls, spent.tokens_in, spent.tokens_out, spent.micro_usd) == (3, 111, 3, 15)
    assert spending.spent_ever(factories.principal().pk) == spending.Spent()


def test_ceilings_are_of_what_is_made_now() -> None:
    """A part that is made anew later has as much as the run had."""
    ceilings = Ceilings(100, REQUEST.at_most.total, 10_000_000, reserve=0)
    metered = meter({"a": 1}, {"a": 2}, ceilings=ceilings)
    metered.complete("judge", REQUEST)
    with pytest.raises(errors.CeilingReached):
        metered.complete("analyze", REQUEST)
    spending.forget(metered.stream_id, ["judge"])
    assert metered.complete("judge", REQUEST).data == {"a": 2}
    assert spending.spent_by_run(metered.stream_id).calls == 2


def test_time_of_a_call_that_may_be_made_again_counts() -> None:
    metered = meter(errors.Unavailable(), {"a": 1}, ceilings=Ceilings(8, 100_000, 10_000_000, reserve=0))
    factories.model_call(
        stream_id=metered.stream_id, outcome="LLM_UNAVAILABLE", duration_ms=7960, micro_usd=0, tokens_in=0,
        tokens_out=0, stage="judge", fingerprint=REQUEST.fingerprint(metered.model.name),
    )  # fmt: skip
    with pytest.raises(errors.CeilingReached):
        metered.complete("judge", REQUEST)


def test_once_means_about_one_material() -> None:
    """An execution that finds other material than the one before it, which paid, does not pay again."""
    other = replace(REQUEST, user="other material")
    metered = meter({"a": 1}, {"a": 2})
    metered.complete("judge", REQUEST, once=True)
    assert metered.complete("judge", other, once=True).data == {"a": 2}, "the strict repetition, say"
    resumed = meter({"a": 3}, run=metered.stream_id)
    with pytest.raises(errors.Interrupted, match="material changed"):
        resumed.complete("judge", replace(REQUEST, user="newer material"), once=True)
    assert asked(resumed) == 0
    assert meter({"a": 4}, run=metered.stream_id).complete("judge", other, once=True).data == {"a": 2}
    assert resumed.complete("plan", other).data == {"a": 3}
    assert meter({"a": 5}, run=metered.stream_id).complete("plan", REQUEST).data == {"a": 5}, "not once"


def test_once_counts_no_call_that_cost_nothing() -> None:
    metered = meter(errors.KeyRejected())
    with pytest.raises(errors.KeyRejected):
        metered.complete("judge", REQUEST, once=True)
    resumed = meter({"a": 1}, run=metered.stream_id)
    assert resumed.complete("judge", replace(REQUEST, user="other"), once=True).data == {"a": 1}


def test_reply_to_a_call_that_was_forgotten_meanwhile_is_not_kept() -> None:
    def deleted(request: Request) -> dict[str, Any]:
        spending.forget_all([metered.stream_id])
        return {"a": 1}

    metered = meter(deleted)
    assert metered.complete("judge", REQUEST).data == {"a": 1}
    (row,) = spending.of_run(metered.stream_id)
    assert (row.reply, row.fingerprint, row.outcome) == (None, "", "ok")
    assert row.micro_usd > 0
