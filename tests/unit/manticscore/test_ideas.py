"""What makes two wordings the same idea, and how an idea is named."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from manticscore.lib import ideas


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("A recipe box for families",), ("recipe boxes, for the FAMILY!",)),
        (("An app that tracks expenses",), ("App for tracking your expense",)),
        (("Sharing tools with neighbours",), ("share a tool with the neighbour",)),
        (("Women's health",), ("women\u2019s health",)),
        (("Self-hosted wiki",), ("self\u2011hosted  wiki.",)),
        (("Recipe box", "for families"), ("Recipe box for families", "")),
        (("Recipe box", "A recipe box for families"), ("A recipe box for families", "")),
        (("ＲＥＣＩＰＥ box",), ("recipe box",)),
        (("Cafe\u0301 finder",), ("Caf\u00e9 finder",)),
        (("🦄  🦄",), ("🦄 🦄",)),
    ],
)
def test_same_idea(one: tuple[str, ...], other: tuple[str, ...]) -> None:
    assert ideas.key(*one) == ideas.key(*other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("sellers find buyers", "buyers find sellers"),
        ("a chat with ads", "a chat without ads"),
        ("recipes for no sugar diets", "recipes for sugar diets"),
        ("organ donors", "organisation donors"),
        ("animal videos", "animation videos"),
        ("universe guide", "university guide"),
        ("train app", "training app"),
        ("car service", "care service"),
        ("plan viewer", "plane viewer"),
        ("C++ course", "C# course"),
        ("plan a", "plan b"),
        ("top 5 books", "top 6 books"),
        ("家族のレシピ", "家族の写真"),
        ("рецепты", "рисунки"),
        ("?", "!"),
    ],
)
def test_different_ideas(one: str, other: str) -> None:
    assert ideas.key(one) != ideas.key(other)


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("boxes", "box"), ("families", "family"), ("buses", "bus"), ("bus", "bus"), ("status", "status"),
        ("analysis", "analysis"), ("glass", "glass"), ("glasses", "glass"), ("tracking", "track"),
        ("tracked", "track"), ("sharing", "share"), ("shared", "share"), ("training", "training"),
        ("animals", "animal"), ("movies", "movy"), ("movie", "movy"), ("plane", "plane"), ("ai", "ai"),
    ],
)  # fmt: skip
def test_base(word: str, expected: str) -> None:
    assert ideas.base(word) == expected


@given(st.text(max_size=80), st.text(max_size=80))
def test_any_text_has_a_key(title: str, description: str) -> None:
    key = ideas.key(title, description)
    assert len(key) == 64
    assert key == ideas.key(f"  {title}\n", description)


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("  A recipe\n\tbox. ", "A recipe box"),
        ("Really?", "Really?"),
        ("...", "..."),
        ("a\u200bb\u0007c\u202ed", "abcd"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("word " * 60, "word " * 23 + "word…"),
        ("x" * 200, "x" * 119 + "…"),
    ],
)
def test_clean_title(title: str, expected: str) -> None:
    assert ideas.clean_title(title) == expected
    assert len(ideas.clean_title(title)) <= ideas.MAX_CLEAN_TITLE


@pytest.mark.parametrize(
    ("description", "expected"),
    [
        ("", "A box."),
        ("Parents plan. Kids vote.", "Parents plan."),
        ("Version 2.0 is out! Yes.", "Version 2.0 is out!"),
        ("夕食を計画。投票する。", "夕食を計画。"),
        ("y" * 300, "y" * 199 + "…"),
    ],
)
def test_one_liner(description: str, expected: str) -> None:
    assert ideas.one_liner("A box.", description) == expected
