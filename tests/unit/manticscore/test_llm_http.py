"""manticscore.clients.llm.providers against a server that speaks each provider's protocol."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from manticscore.clients.llm import Request, Tokens, errors, providers, transport
from manticscore.clients.llm.http import ANTHROPIC, OPENAI, HttpModel
from manticscore.clients.llm.prices import Rates
from tests.helpers.llm_server import Answer, Asked, LlmServer, llm_server, saying

SCHEMA = {
    "type": "object",
    "properties": {"names": {"type": "array", "items": {"type": "string"}}},
    "required": ["names"],
    "additionalProperties": False,
}
REQUEST = Request("Name the products.", '{"text": "Mealie plans meals."}', SCHEMA, timeout=20)
GOOD = {"names": ["Mealie"]}
KEY = "sk-of-a-test-1234567890"
RATES = Rates(2.0, 10.0)
PATHS = {ANTHROPIC: "/v1/messages", OPENAI: "/v1/chat/completions"}
MODELS = {ANTHROPIC: "claude-sonnet-5-5", OPENAI: "gpt-5.6-terra"}


@pytest.fixture(params=[ANTHROPIC, OPENAI])
def provider(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(autouse=True)
def nothing_learnt() -> Iterator[None]:
    yield
    providers._without_schemas.clear()


def model(server: LlmServer, provider: str, name: str = "") -> HttpModel:
    url = server.url if provider == ANTHROPIC else server.openai_url
    return HttpModel(provider, name or MODELS[provider], url, lambda: KEY, RATES)


def failing(answer: Answer, provider: str, request: Request = REQUEST) -> errors.LlmError:
    with llm_server(saying(answer)) as server:
        with pytest.raises(errors.LlmError) as caught:
            model(server, provider).complete(request)
        assert len(server.asked) == 1, "neither we nor the provider's client asks twice"
    told = f"{caught.value.message} {caught.value!r}"
    assert KEY not in told
    assert "scripted" not in told
    return caught.value


def test_an_answer(provider: str) -> None:
    with llm_server(saying(GOOD)) as server:
        reply = model(server, provider).complete(REQUEST)
    assert reply.data == GOOD
    assert reply.tokens == Tokens(1000, 100)
    assert reply.model == f"{provider}:{MODELS[provider]}"
    (asked,) = server.asked
    assert asked.path.partition("?")[0] == PATHS[provider]
    assert asked.key == KEY
    assert "Name the products." in asked.system
    assert asked.user == REQUEST.user
    assert "stream" not in asked.body or asked.body["stream"] is False
    assert "names" in json.dumps(asked.body.get("response_format") or asked.body["output_config"])


@pytest.mark.parametrize(
    "text",
    [
        'Certainly! Here it is:\n```json\n{"names": ["Mealie"]}\n```\nAnything else?',
        '<think>{"names": ["no"]} hmm, longer than the answer itself</think>{"names": ["Mealie"]}',
        'I weigh {"names": []}.</think>\n{"names": ["Mealie"]}',
        '  {"names":\n["Mealie"]}  ',
    ],
)
def test_prose_fences_and_thoughts_are_taken_away(provider: str, text: str) -> None:
    with llm_server(saying(text)) as server:
        assert model(server, provider).complete(REQUEST).data == GOOD


@pytest.mark.parametrize(
    ("answer", "kind", "retryable"),
    [
        (Answer(status=401), errors.KeyRejected, False),
        (Answer(status=403), errors.KeyRejected, False),
        (Answer(status=404), errors.RequestRejected, False),
        (Answer(status=402), errors.QuotaExceeded, False),
        (Answer(status=429), errors.RateLimited, True),
        (Answer(status=500), errors.Unavailable, True),
        (Answer(status=502), errors.Unavailable, True),
        (Answer(status=503), errors.Unavailable, True),
        (Answer(status=529), errors.Unavailable, True),
        (Answer(status=307, headers={"location": "http://127.0.0.1:1/"}), errors.LlmError, None),
        (Answer(drop=True), errors.BrokenOff, True),
        (Answer(text='{"names": ["Mea'), errors.BadOutput, False),
        (Answer(text="I cannot help with that."), errors.BadOutput, False),
        (Answer(text=""), errors.BadOutput, False),
        (Answer(text='{"names": ["Mealie"]}', stop="length"), errors.BadOutput, False),
        (Answer(raw=b"<html>it works</html>"), errors.LlmError, None),
        (Answer(raw=b"{}"), errors.LlmError, None),
        (Answer(raw=b"[1, 2"), errors.LlmError, None),
    ],
)
def test_failures_have_codes(
    provider: str, answer: Answer, kind: type[errors.LlmError], retryable: bool | None
) -> None:
    error = failing(answer, provider)
    assert isinstance(error, kind)
    assert retryable is None or error.retryable is retryable


def test_a_slow_answer_ends_at_the_deadline(provider: str) -> None:
    error = failing(Answer(hang=True), provider, replace(REQUEST, timeout=0.3))
    assert (error.code, error.retryable, error.tokens) == ("LLM_TIMEOUT", True, None)


def test_retry_after_is_passed_on(provider: str) -> None:
    error = failing(Answer(status=429, headers={"retry-after": "7"}), provider)
    assert isinstance(error, errors.RateLimited)
    assert error.retry_after == 7


def test_a_bad_answer_is_paid_for(provider: str) -> None:
    assert failing(Answer("no JSON", tokens=(11, 22)), provider).tokens == Tokens(11, 22)


def test_nobody_there(provider: str) -> None:
    with llm_server(saying(GOOD)) as server:
        gone = model(server, provider)
    with pytest.raises(errors.Unavailable) as caught:
        gone.complete(REQUEST)
    assert caught.value.tokens == Tokens(), "nothing was sent"


def test_a_huge_answer_is_not_read_to_its_end(provider: str) -> None:
    huge = Answer(text="x" * (transport.MAX_BYTES + 1))
    error = failing(huge, provider)
    assert (error.code, error.message) == ("LLM_BAD_OUTPUT", "The language model's answer is too large.")


def test_a_compressed_answer_is_refused(provider: str) -> None:
    error = failing(Answer(raw=b"\x1f\x8b", headers={"content-encoding": "gzip"}), provider)
    assert error.code == "LLM_BAD_OUTPUT"


def without_schemas(asked: Asked) -> Answer:
    if "response_format" in asked.body:
        return Answer(status=400, text="response_format is not supported")
    return Answer(json.dumps(GOOD))


def test_a_server_without_schemas_is_asked_in_words() -> None:
    with llm_server(without_schemas) as server:
        local = model(server, OPENAI, "some-model")
        assert local.complete(REQUEST).data == GOOD
        assert local.complete(REQUEST).data == GOOD
    assert [("response_format" in asked.body) for asked in server.asked] == [True, False, False]
    assert '"names"' in server.asked[-1].system, "the schema is in the instructions"


def test_a_request_that_is_refused_in_either_form_is_refused() -> None:
    with llm_server(saying(Answer(status=400))) as server, pytest.raises(errors.RequestRejected):
        model(server, OPENAI).complete(REQUEST)
    assert len(server.asked) == 2


def test_a_server_that_counts_nothing_is_estimated() -> None:
    with llm_server(saying(Answer(json.dumps(GOOD), tokens=(0, 0)))) as server:
        tokens = model(server, OPENAI).complete(REQUEST).tokens
    assert tokens.read > 0
    assert tokens.written > 0


def test_the_key_is_asked_for_at_the_call_and_shown_nowhere() -> None:
    asked: list[str] = []

    def key() -> str:
        asked.append("key")
        return KEY

    with llm_server(saying(GOOD)) as server:
        made = HttpModel(OPENAI, "gpt-5.6-terra", server.openai_url, key, RATES)
        assert not asked
        assert KEY not in repr(made)
        made.complete(REQUEST)
    assert asked == ["key"]


def test_a_key_that_cannot_be_had_is_an_error_of_ours() -> None:
    def key() -> str:
        raise errors.KeyRejected("The stored key cannot be read.")

    with pytest.raises(errors.KeyRejected, match="cannot be read"):
        HttpModel(OPENAI, "gpt-5.6-terra", "http://127.0.0.1:1", key, RATES).complete(REQUEST)


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        ({"provider": ANTHROPIC, "model": "claude-sonnet-5-5"}, 12_000),
        ({"provider": OPENAI, "model": "nobody-knows-it"}, 2_000 + 10_000),
        ({"provider": OPENAI, "model": "gpt-5.6-terra", "fixed": True}, 2_000 + 10_000),
    ],
)
def test_costs(made: dict[str, Any], expected: int) -> None:
    known = HttpModel(url="http://127.0.0.1:1", key=lambda: KEY, rates=RATES, **made)
    assert known.cost(Tokens(1000, 1000)) == expected
    assert known.cost(Tokens()) == 0
