"""manticscore.clients.llm: reading answers, waiting, prices, the scripted model."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from manticscore.clients.llm import Reply, Request, Tokens, errors
from manticscore.clients.llm.patience import LONGEST_WAIT, Patience, wait_before
from manticscore.clients.llm.prices import Rates, micro_usd
from manticscore.clients.llm.reading import MAX_DEPTH, read_object, without_thoughts
from manticscore.clients.llm.scripted import ScriptedModel
from tests.helpers.scripted import Clock

REQUEST = Request("Do it.", "material", {"type": "object"})


# --- Reading -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"a": 1}', {"a": 1}),
        ('```json\n{"a": 1}\n```', {"a": 1}),
        ('Here {is} it: {"a": {"b": [1]}} and {"c": 2}.', {"a": {"b": [1]}}),
        ('<think>{"no": 1}</think>{"a": 1}', {"a": 1}),
        ('<THINKING>x</THINKING> {"a": 1}', {"a": 1}),
        ('{"no": "longer than the rest"}</think>{"a": 1}', {"a": 1}),
        ('{"a": 1}<think>was that right?', {"a": 1}),
        ('{"a": "a } brace {"}', {"a": "a } brace {"}),
        ("{}", {}),
    ],
)
def test_the_object_is_found(text: str, expected: dict[str, object]) -> None:
    assert read_object(text) == expected


@pytest.mark.parametrize("text", ["", "  \n", "<think>only thoughts</think>", "<think>without end"])
def test_nothing_said(text: str) -> None:
    with pytest.raises(errors.EmptyReply):
        read_object(text)


@pytest.mark.parametrize(
    "text",
    [
        "no object",
        "[1, 2]",
        '{"a": 1',
        '{"a": NaN}',
        "{'a': 1}",
        '{"a": "\\u0000"}',
        '{"a": "\\ud800"}',
        '{"a":' * (MAX_DEPTH + 1) + "1" + "}" * (MAX_DEPTH + 1),
        '{"a":' * 100_000,
        "{" * 100_000,
    ],
)
def test_what_is_no_object_or_cannot_be_stored(text: str) -> None:
    with pytest.raises(errors.BadOutput) as caught:
        read_object(text)
    assert type(caught.value) is errors.BadOutput


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(st.characters(codec="utf-8", exclude_characters="\x00<>")),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", max_size=3), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(st.dictionaries(st.text("abc", min_size=1), JSON, min_size=1, max_size=4))
def test_any_object_survives_what_models_put_around_it(value: dict[str, object]) -> None:
    text = f"<think>Let me see.</think>Here you go:\n```json\n{json.dumps(value)}\n```\nDone."
    assert read_object(text) == value


@given(st.text("<>/think {}\n", max_size=60))
def test_reading_ends_with_an_answer_or_an_error_of_ours(text: str) -> None:
    with suppress(errors.BadOutput):
        assert isinstance(read_object(text), dict)
    assert "<think>" not in without_thoughts(text)


# --- Waiting -------------------------------------------------------------------------------------


class Flaky:
    """Raises its errors one by one, then answers; keeps how many seconds each call was given."""

    def __init__(self, *failures: errors.LlmError) -> None:
        self.failures = list(failures)
        self.given: list[float] = []

    def __call__(self, seconds: float) -> str:
        self.given.append(seconds)
        if self.failures:
            raise self.failures.pop(0)
        return "answer"


def patience(clock: Clock) -> Patience:
    return Patience(clock=clock, sleep=clock.sleep)


def test_retry_after_is_waited_for() -> None:
    clock, call = Clock(), Flaky(errors.RateLimited(retry_after=7))
    assert patience(clock).run(call, 60) == "answer"
    assert clock.slept == [7]
    assert call.given == [60, 53]


def test_an_unavailable_server_gets_three_tries() -> None:
    clock, call = Clock(), Flaky(*[errors.Unavailable() for _ in range(3)])
    with pytest.raises(errors.Unavailable):
        patience(clock).run(call, 60)
    assert len(call.given) == 3
    assert clock.slept[0] == pytest.approx(0.5, rel=0.21)
    assert clock.slept[1] == pytest.approx(1.0, rel=0.21)


@pytest.mark.parametrize(
    "error",
    [
        errors.Timeout(), errors.BrokenOff(), errors.BadOutput(), errors.KeyRejected(),
        errors.QuotaExceeded(), errors.RequestRejected(), errors.Interrupted(), errors.CeilingReached(),
        errors.RateLimited(retry_after=LONGEST_WAIT + 1),
    ],
)  # fmt: skip
def test_what_was_paid_for_or_will_not_pass_is_not_tried_again(error: errors.LlmError) -> None:
    clock, call = Clock(), Flaky(error)
    with pytest.raises(type(error)):
        patience(clock).run(call, 600)
    assert (len(call.given), clock.slept) == (1, [])


def test_nobody_waits_beyond_the_time_that_is_left() -> None:
    clock, call = Clock(), Flaky(errors.RateLimited(retry_after=7))
    with pytest.raises(errors.RateLimited):
        patience(clock).run(call, 7)
    assert clock.slept == []


def test_a_rate_limit_without_a_time_is_waited_out_like_an_outage() -> None:
    assert wait_before(errors.RateLimited(), 1) == pytest.approx(0.5, rel=0.21)


# --- Codes, prices, requests ---------------------------------------------------------------------


def test_codes_lead_back_to_their_errors() -> None:
    for kind in errors.CODES:
        assert type(errors.of_code(kind.code)) is kind
        assert errors.of_code(kind.code).retryable is kind.retryable
    assert len({kind.code for kind in errors.CODES}) == len(errors.CODES)
    assert type(errors.of_code("LLM_OF_TOMORROW")) is errors.LlmError


def test_prices() -> None:
    assert micro_usd("anthropic", "claude-haiku-5-5", Tokens(1_000_000, 0), Rates(99, 99)) == 500_000
    assert micro_usd("anthropic", "unheard-of", Tokens(10, 10), Rates(2, 3)) == 50
    assert Rates(0.15, 0).micro_usd(Tokens(1, 0)) == 1, "a part of a millionth is one"


def test_the_fingerprint_is_of_the_question_not_of_the_patience() -> None:
    assert REQUEST.fingerprint("a") == replace(REQUEST, timeout=1.0).fingerprint("a")
    others = [replace(REQUEST, user="other"), replace(REQUEST, system="x"), replace(REQUEST, max_tokens=1)]
    prints = {one.fingerprint("a") for one in [REQUEST, *others]} | {REQUEST.fingerprint("b")}
    assert len(prints) == 5


def test_the_estimate_is_not_too_low_for_any_script() -> None:
    cyrillic = replace(REQUEST, user="рецепты " * 100)
    assert cyrillic.at_most.read > 100 * 4
    assert cyrillic.at_most.written == REQUEST.max_tokens


def test_the_scripted_model_keeps_to_its_script() -> None:
    model = ScriptedModel(['{"a": 1}', {"b": 2}, errors.Timeout(), lambda request: {"c": request.user}])
    assert model.complete(REQUEST) == Reply({"a": 1}, Tokens(3, 2), "scripted:model")
    assert model.complete(REQUEST).data == {"b": 2}
    with pytest.raises(errors.Timeout):
        model.complete(REQUEST)
    assert [model.complete(REQUEST).data for _ in range(2)] == [{"c": "material"}] * 2
    assert len(model.requests) == 5
