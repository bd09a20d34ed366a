"""Nodes as issues, without a tracker."""

from __future__ import annotations

import pytest

from buildgraphs import issues


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[a](https://evil.example)", r"\[a\](https://evil.example)"),
        (r"\[a](https://evil.example)", r"\\\[a\](https://evil.example)"),
        ("`rm`", r"\`rm\`"),
        ("<b>&amp;", "&lt;b>&amp;amp;"),
        ("@ada and #12", "@\u200bada and #\u200b12"),
        ("two\n\nlines", "two lines"),
    ],
)
def test_text_means_nothing_but_itself(text: str, expected: str) -> None:
    assert issues.plain(text) == expected
