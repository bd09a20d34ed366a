"""robots.txt (RFC 9309), as text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from manticscore.clients.fetch import robots

US = "User-agent: manticscore\n"


@pytest.mark.parametrize(
    ("rules", "path", "allowed"),
    [
        ("", "/", True),
        ("Disallow:", "/a", True),
        ("Disallow: /", "/", False),
        ("Disallow: /a", "/b", True),
        ("Disallow: /a", "/a", False),
        ("Disallow: /a", "/abc?d", False),
        ("Disallow: /a/", "/a", True),
        ("Disallow: /\nAllow: /open", "/open/x", True),
        ("Allow: /open\nDisallow: /", "/closed", False),
        ("Disallow: /a\nAllow: /a", "/a", True),
        ("Disallow: /a/b\nAllow: /a", "/a/b/c", False),
        ("Disallow: /*.php", "/x/y.php?z", False),
        ("Disallow: /*.php$", "/x/y.php?z", True),
        ("Disallow: /*.php$", "/x/y.php", False),
        ("Disallow: /a*b*c", "/a-b-c", False),
        ("Disallow: /a*b*c", "/a-c-b", True),
        ("Disallow: /a$", "/ab", True),
        ("Disallow: /a$", "/a", False),
        ("Disallow: /*a$", "/a", False),
        ("Disallow: /ab*ba$", "/aba", True),
        ("Disallow: *", "/x", False),
        ("Disallow: /é", "/%C3%A9", False),
        ("Disallow: /%C3%A9", "/%C3%A9t%C3%A9", False),
        ("disallow : /a # why", "/a", False),
        ("Disallow /a", "/a", True),
        ("Crawl-delay: 3\nDisallow: /a", "/a", False),
    ],
)
def test_rules(rules: str, path: str, allowed: bool) -> None:
    assert robots.parse(US + rules).allows(path) is allowed


def test_our_own_group_comes_before_that_for_everybody() -> None:
    text = "User-agent: *\nDisallow: /\n\nUser-agent: other\nUser-agent: ManticScore/2\nDisallow: /private\n"
    assert robots.parse(text).allows("/")
    assert not robots.parse(text).allows("/private")
    assert not robots.parse(text, "somebody").allows("/")


def test_groups_that_name_us_twice_are_one() -> None:
    text = f"{US}Disallow: /a\n\nUser-agent: x\nDisallow: /x\n\n{US}Disallow: /b\n"
    found = robots.parse(text)
    assert [found.allows(path) for path in ("/a", "/b", "/x")] == [False, False, True]


@pytest.mark.parametrize(
    ("told", "delay"), [("2.5", 2.5), ("99999", 10.0), ("-1", 0.0), ("nan", 0.0), ("soon", 0.0)]
)
def test_a_crawl_delay_is_kept_within_reason(told: str, delay: float) -> None:
    assert robots.parse(f"{US}Crawl-delay: {told}\n").delay == delay


def test_patterns_made_to_take_for_ever_do_not() -> None:
    hostile = robots.parse(US + f"Disallow: /{'*a' * 500}b$\n" * 2000)
    assert hostile.allows("/" + "a" * 2000)


@given(st.text(max_size=300), st.text(max_size=50))
def test_any_text_is_read(text: str, path: str) -> None:
    robots.parse(f"{US}{text}").allows(f"/{path}")


def test_memory_forgets_in_time_and_is_bounded() -> None:
    memory = robots.Memory(size=2)
    memory.put("a", robots.NOTHING, 60)
    memory.put("b", robots.NOTHING, -1)
    assert (memory.get("a"), memory.get("b"), memory.get("c")) == (robots.NOTHING, None, None)
    memory.put("c", robots.NOTHING, 60)
    assert memory.get("a") is None
