"""manage.py reembed"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import LazySettings
from django.core.management import CommandError, call_command

from projects import embedding, indexing
from projects.models import IndexedIdea, Project
from tests import factories
from tests.helpers.embedding_server import Answer, EmbeddingServer, embedding_server, embeddings
from tests.helpers.people import Person

pytestmark = pytest.mark.django_db


@pytest.fixture
def service(settings: LazySettings) -> Iterator[EmbeddingServer]:
    with embedding_server() as server:
        settings.EMBEDDINGS_URL, settings.EMBEDDINGS_MODEL = server.url, "words-1"
        yield server
    embedding.service.cache_clear()


@pytest.fixture
def five(ada: Person, monkeypatch: pytest.MonkeyPatch) -> list[Project]:
    """Five ideas, two in a batch."""
    monkeypatch.setattr(indexing, "BATCH", 2)
    return [factories.project(ada.principal, title=f"box {number}") for number in range(5)]


def models() -> list[str]:
    return sorted(IndexedIdea.objects.values_list("vector_model", flat=True))


def test_it_embeds_what_has_no_vector_of_the_model(five: list[Project]) -> None:
    assert call_command("reembed") == "5 ideas embedded with stems-1, 0 left."
    assert call_command("reembed") == "0 ideas embedded with stems-1, 0 left."
    assert models() == ["stems-1"] * 5


def test_dry_run_counts(five: list[Project]) -> None:
    assert call_command("reembed", dry_run=True) == "5 ideas would be embedded with stems-1."
    assert models() == [""] * 5


def test_new_model(five: list[Project], settings: LazySettings, service: EmbeddingServer) -> None:
    settings.EMBEDDINGS_URL = ""
    call_command("reembed")
    settings.EMBEDDINGS_URL = service.url
    assert call_command("reembed") == "5 ideas embedded with service:words-1, 0 left."
    assert [len(asked["input"]) for asked in service.told] == [2, 2, 1]


def test_it_says_how_far_it_is(five: list[Project], capsys: pytest.CaptureFixture[str]) -> None:
    call_command("reembed")
    assert capsys.readouterr().err.splitlines() == ["2 of 5", "4 of 5", "5 of 5"]


def test_service_that_fails_loses_nothing_and_the_next_call_goes_on(
    five: list[Project], service: EmbeddingServer
) -> None:
    service.script = failing_at(2)
    with pytest.raises(CommandError, match="2 of 5 ideas embedded, then the service answered 500"):
        call_command("reembed")
    assert models() == ["", "", "", "service:words-1", "service:words-1"]
    service.script = embeddings
    assert call_command("reembed") == "3 ideas embedded with service:words-1, 0 left."


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_ends_it_after_the_batch_at_hand(
    five: list[Project], service: EmbeddingServer, number: signal.Signals
) -> None:
    def interrupted(body: dict[str, Any]) -> Answer:
        if len(service.told) == 2:
            os.kill(os.getpid(), number)
        return embeddings(body)

    before = signal.getsignal(number)
    service.script = interrupted
    assert call_command("reembed") == "4 ideas embedded with service:words-1, 1 left."
    assert signal.getsignal(number) == before
    assert call_command("reembed") == "1 ideas embedded with service:words-1, 0 left."


def test_text_that_changes_meanwhile_keeps_no_old_vector(
    five: list[Project], service: EmbeddingServer
) -> None:
    """It has a task of its own, and the command does not go round in circles."""
    ideas = list(IndexedIdea.objects.order_by("pk"))
    IndexedIdea.objects.filter(pk=ideas[0].pk).update(text="changed after it was read")
    assert indexing.embed(ideas, embedding.current()) == 4
    assert models().count("") == 1


def failing_at(call: int) -> Any:
    calls: list[int] = []

    def script(body: dict[str, Any]) -> Answer:
        calls.append(1)
        return (500, b"") if len(calls) == call else embeddings(body)

    return script


def refusing(*words: str, status: int = 400) -> Any:
    """A service that takes no request with one of these words in it."""

    def script(body: dict[str, Any]) -> Answer:
        bad = any(word in text for text in body["input"] for word in words)
        return (status, b"") if bad else embeddings(body)

    return script


def test_text_that_is_refused_keeps_back_no_other(five: list[Project], service: EmbeddingServer) -> None:
    service.script = refusing("box 1", "box 3")
    told = "3 ideas embedded with service:words-1, 2 left. 2 texts are refused by the service."
    assert call_command("reembed") == told
    assert models() == ["", "", *["service:words-1"] * 3]
    again = "0 ideas embedded with service:words-1, 2 left. 2 texts are refused by the service."
    assert call_command("reembed") == again, "the service takes other texts"


@pytest.mark.parametrize("status", [401, 404])
def test_service_that_refuses_everything_is_told(
    five: list[Project], service: EmbeddingServer, status: int
) -> None:
    service.script = refusing("", status=status)
    with pytest.raises(CommandError, match=f"0 of 5 ideas embedded, then the service answered {status}"):
        call_command("reembed")
    assert len(service.asked) == 4, "two texts together, each alone, and one that nobody refuses"


def test_failure_that_passes_is_not_taken_for_a_refusal(
    five: list[Project], service: EmbeddingServer
) -> None:
    calls: list[int] = []

    def script(body: dict[str, Any]) -> Answer:
        calls.append(1)
        return ([400, 503][len(calls) - 1], b"") if len(calls) < 3 else embeddings(body)

    service.script = script
    with pytest.raises(CommandError, match="0 of 5 ideas embedded, then the service answered 503"):
        call_command("reembed")
