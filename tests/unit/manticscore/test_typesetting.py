"""Documents are made by a process of its own, within limits."""

from __future__ import annotations

from pathlib import Path

import psutil
import pytest

from manticscore import errors
from manticscore.typesetting import documents

ENDLESS = "#for i in range(9000) { for j in range(9000) { for k in range(9000) { } } }"
GREEDY = '#let text = "x" * 100000000\n' + "#let all = (" + "text + text, " * 20 + ")"


def children() -> set[int]:
    return {child.pid for child in psutil.Process().children() if child.status() != psutil.STATUS_ZOMBIE}


def compiled(directory: Path, text: str) -> bytes:
    template = directory / "document.typ"
    template.write_text(text)
    return documents.compiled(template, directory, b"{}")


def test_one_document_waits_for_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "TURN_SECONDS", 0.1)
    with documents.turn, pytest.raises(errors.Unavailable) as refused:
        documents.pdf("buildgraphs/plan.typ", {"title": "Plan", "nodes": []})
    assert refused.value.retry_after
    assert documents.pdf("buildgraphs/plan.typ", {"title": "Plan", "nodes": []}).startswith(b"%PDF-")


def test_what_takes_too_long_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    before = children()
    monkeypatch.setattr(documents, "SECONDS", 2.0)
    with pytest.raises(errors.Unprocessable, match="too large"):
        compiled(tmp_path, ENDLESS)
    assert children() <= before


def test_what_takes_too_much_memory_is_refused(tmp_path: Path) -> None:
    with pytest.raises(errors.Unprocessable, match="too large"):
        compiled(tmp_path, GREEDY)


def test_nothing_outside_the_templates_is_read(tmp_path: Path) -> None:
    with pytest.raises(Exception, match="non-zero exit status"):
        compiled(tmp_path, '#read("/etc/passwd")')


def test_only_a_few_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(1 + documents.MAX_WAITING):
        assert documents.places.acquire(blocking=False)
    try:
        with pytest.raises(errors.Unavailable):
            documents.pdf("buildgraphs/plan.typ", {"title": "Plan", "nodes": []})
    finally:
        documents.places.release(1 + documents.MAX_WAITING)
    assert documents.TURN_SECONDS <= 5
