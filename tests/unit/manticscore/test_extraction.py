"""Taking the text out of pages, in a real process that may die."""

from __future__ import annotations

import io
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from manticscore.clients import extraction
from manticscore.clients.extraction import Extractor, framing

PAGE = """
<html lang="en-GB"><head><title>Mealie - Recipes</title><meta property="og:site_name" content="Mealie">
<meta property="article:published_time" content="2026-05-04T10:00:00Z"></head><body>
<nav><a href="/">Home</a> <a href="/docs">Docs</a></nav>
<main><h1>Mealie</h1><p>Mealie is a self-hosted recipe manager for families that plans meals.</p>
<p>It imports recipes from any website &amp; writes the shopping list for you.</p></main>
<script>alert("never")</script><footer>All rights reserved</footer></body></html>
"""
URL = "https://mealie.example/"


@pytest.fixture
def extractor() -> Iterator[Extractor]:
    with Extractor() as made:
        yield made


def test_main_text_and_what_the_page_tells_of_itself(extractor: Extractor) -> None:
    found = extractor.extract(PAGE, URL)
    assert found is not None
    assert (
        "It imports recipes from any website & writes the shopping list for you." in found.text.splitlines()
    )
    assert (found.title, found.site, found.published_on) == ("Mealie", "Mealie", "2026-05-04")
    assert found.language == "en-gb"
    assert "Docs" not in found.text
    assert "Docs" in found.everything
    assert "never" not in found.text + found.everything


HOSTILE = {
    "nothing": "",
    "NUL": "\0" * 100,
    "one letter": "x",
    "200,000 elements deep": "<div>" * 200_000 + "x",
    "100,000 links": "<a href=/x>l</a>" * 100_000,
    "2 million characters in a word": "a" * 2_000_000,
    "3 million characters": "<p>many words in here</p>" * 150_000,
    "attributes": f"<p {'a=1 ' * 100_000}>x</p>",
    "entities": '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]><p>&b;</p>',
    "slow date patterns": f"<meta name=date content='{'2026-' * 50_000}'><p>{'1/' * 50_000}</p>",
    "half a tag": "<p" * 100_000,
    "comments": "<!--" * 100_000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_pages_cost_no_more_than_their_time(name: str) -> None:
    with Extractor(seconds=2) as extractor:
        extractor.extract(HOSTILE[name], URL)
        after = extractor.extract(PAGE, URL)
    assert after is not None
    assert after.title == "Mealie"


@pytest.mark.parametrize(
    "script",
    [
        "import time; time.sleep(600)",
        "raise SystemExit(3)",
        "import sys; sys.stdout.buffer.write(bytes([255]) * 4)",
        "import sys; sys.stdout.buffer.write(bytes([0, 0, 0, 9]) + b'{')",
        "import sys; sys.stdout.buffer.write(bytes([0, 0, 0, 2]) + b'[]')",
    ],
)
def test_a_process_that_hangs_dies_or_lies_is_replaced(monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    real, started = subprocess.Popen, []

    def start(command: list[str], **options: Any) -> Any:
        started.append(real([command[0], "-c", script] if not started else command, **options))
        return started[-1]

    monkeypatch.setattr(extraction, "START_SECONDS", 0.3)
    monkeypatch.setattr(subprocess, "Popen", start)
    with Extractor() as extractor:
        assert extractor.extract(PAGE, URL) is None
        monkeypatch.setattr(extraction, "START_SECONDS", 30)
        found = extractor.extract(PAGE, URL)
        assert found is not None
        assert found.title == "Mealie"
    assert len(started) == 2
    assert all(process.poll() is not None for process in started), "none is left behind"


def test_the_process_knows_no_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    told: dict[str, Any] = {}
    real = subprocess.Popen

    def start(command: list[str], **options: Any) -> Any:
        told.update(options)
        return real(command, **options)

    monkeypatch.setenv("SECRET_KEY", "hidden")
    monkeypatch.setattr(subprocess, "Popen", start)
    with Extractor() as extractor:
        assert extractor.extract(PAGE, URL) is not None
    assert set(told["env"]) == {"PYTHONPATH", "LC_ALL"}


def test_messages_over_a_pipe() -> None:
    pipe = io.BytesIO()
    framing.write(pipe, b"hello")
    framing.write(pipe, b"")
    pipe.seek(0)
    assert [framing.read(pipe), framing.read(pipe), framing.read(pipe)] == [b"hello", b"", None]
    assert framing.read(io.BytesIO(b"\0\0\0\x05hell")) is None
    assert framing.read(io.BytesIO(b"\xff\xff\xff\xff")) is None
