"""Texts written to be slow to read: as long as an idea or a page may be, read in a process that can be ended.

A rule that looks back, or tries again, at every character takes minutes for some of them.
"""

from __future__ import annotations

import subprocess
import sys

import pytest
from django.conf import settings

SECONDS = 50  # for all shapes together; they take one to eight

SHAPES = """
def shapes(length):
    pumps = [
        ".", "!", "a", "a.", "a. ", "a.b.", "a.b. ", "1. ", "word.", "word. ", ". 1", '."', ".' ", "e.g. ",
        " ", ". \\t ", "- ", "1) ", "a-", "a'", "1.1", "<!--", "<a ", "<script ", "</script ", "a(", "{ ",
        "--", "https://", "www.", "than and ", "a, ", "if ", "for a ", "\\n", "\\n- a", "\\u3002", "\\u3042",
    ]
    for pump in pumps:
        yield (pump * length)[:length]
    for head in ("a", "word.word.", "x1.y2."):
        for tail in ("1. ", ". 1", "e.g. a "):
            half = length // 2
            yield (head * half)[:half] + (tail * half)[:half]
"""
SENTENCES = """
from research.analyst import text
for content in shapes({length}):
    text.sentences(content)
"""
IDEAS = """
import django
django.setup()
from manticscore.lib import ideas
from research.web import webpages
from research.analyst import interpretation, lexical
from research.analyst.documents import Corpus
from tests.unit.research.analyst_fakes import MemoryCorpus, embed
for content in shapes(8000):
    ideas.key(content), ideas.one_liner(content, content), lexical.core_phrase(content)
    try:
        interpretation.interpret(content, embed, MemoryCorpus([]))
    except (interpretation.EmptyIdea, interpretation.UnresearchableIdea):
        pass
    try:
        webpages.worth_keeping(content)
    except webpages.Junk:
        pass
"""
RIVALS = """
from dataclasses import replace
from research.analyst import players
from tests.unit.research.market_fixture import document, judgement
zed = document("zed", "Zed is a planner.", name="Zed")
for pump in ("than and Zed ", "than a and Zed and ", "unlike a and b and Zed or ", "vs Zed, "):
    sentence = "It is " + (pump * 200)[:590] + ". "
    other = document("other", sentence * 100, domain="other.example")
    players.mentions(players.merge([(each, judgement(each)) for each in (zed, other)]))
"""


@pytest.mark.parametrize(
    "program",
    [SENTENCES.format(length=8000), SENTENCES.format(length=100_000), IDEAS, RIVALS],
    ids=["sentences of an idea", "sentences of a page", "an idea", "rivals"],
)
def test_no_text_takes_long(program: str) -> None:
    command = [sys.executable, "-W", "error", "-c", SHAPES + program]
    done = subprocess.run(command, cwd=settings.BASE_DIR, timeout=SECONDS, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
