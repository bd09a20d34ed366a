"""Which addresses mean one page, and what lives there."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from manticscore.lib import storable
from research.web import weburls


@pytest.mark.parametrize(
    ("url", "canonical"),
    [
        ("https://Mealie.Example", "https://mealie.example/"),
        (" https://mealie.example:443/a#b ", "https://mealie.example/a"),
        ("http://mealie.example.:80/?utm_source=x&gclid=1&q=a%20b", "http://mealie.example/?q=a+b"),
        ("http://mealie.example:8080/x/", "http://mealie.example:8080/x/"),
        ("http://[::1]:8080/", "http://[::1]:8080/"),
        ("https://mealie.example/brochure.PDF", None),
        ("ftp://mealie.example/", None),
        ("mealie.example", None),
        ("https://", None),
        ("https://[", None),
        ("https://mealie.example:x/", None),
        ("https://mealie.example/?q=\ud800", None),
        ("https://mealie.example/\ud800", None),
        ("https://mealie.example/a\x00b", None),
        ("", None),
    ],
)
def test_canonical(url: str, canonical: str | None) -> None:
    assert weburls.canonical(url) == canonical


@given(st.text(st.one_of(st.characters(), st.sampled_from("/?#&=%:@[]\x00\ud800\udfff")), max_size=100))
def test_any_text_is_a_page_or_none(text: str) -> None:
    for url in (text, f"https://{text}", f"https://a.example/{text}"):
        found = weburls.canonical(url)
        assert found is None or weburls.canonical(found) == found
        assert found is None or storable.objection(found) == ""


def test_pages_that_are_one() -> None:
    same = ["http://www.mealie.example/docs/", "https://mealie.example/docs", "https://mealie.example/docs/"]
    assert {weburls.key(url) for url in same} == {"mealie.example/docs"}
    assert weburls.key("https://mealie.example/docs?page=2") == "mealie.example/docs?page=2"


@pytest.mark.parametrize(
    ("url", "title", "kind"),
    [
        ("https://mealie.example/", "Mealie", "product page"),
        ("https://github.com/mealie/mealie", "mealie", "repository"),
        ("https://en.wikipedia.org/wiki/Mealie", "Mealie", "encyclopedia"),
        ("https://old.reddit.com/r/selfhosted", "Mealie is great", "forum"),
        ("https://news.ycombinator.com/item?id=1", "Show HN: Mealie", "forum"),
        ("https://www.techcrunch.com/2026/05/mealie", "Mealie raises money", "news"),
        ("https://blog.mealie.example/a", "Release", "news"),
        ("https://mealie.example/2026/05/a", "Release", "news"),
        ("https://docs.mealie.example/", "Install", "documentation"),
        ("https://mealie.example/docs/install", "Install", "documentation"),
        ("https://example.org/a", "10 best recipe managers", "listicle"),
        ("https://example.org/a", "Best recipe apps of the year", "listicle"),
        ("https://example.org/a", "Mealie vs Paprika", "listicle"),
        ("https://alternativeto.net/software/mealie", "Mealie", "listicle"),
        ("https://pypi.org/project/mealie", "mealie", "registry"),
        ("https://crates.io/crates/mealie", "mealie", "registry"),
        ("https://sourceforge.net/projects/mealie", "mealie", "listicle"),
    ],
)
def test_kinds(url: str, title: str, kind: str) -> None:
    assert weburls.kind(url, title) == kind


def test_pages_that_need_a_browser() -> None:
    assert not weburls.is_readable("https://m.youtube.com/watch?v=1")
    assert weburls.is_readable("https://mealie.example/")
