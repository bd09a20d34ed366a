"""robots.txt (RFC 9309): which paths a site lets us visit.

Patterns are matched piece by piece from the left, never as regular expressions: both the pattern and the
path are chosen by strangers, who could make a regular expression run for hours.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from dataclasses import dataclass
from urllib.parse import quote

TOKEN = "manticscore"  # what a site calls us in its robots.txt
MAX_BYTES = 500 * 1024
MAX_RULES = 5000
MAX_DELAY = 10.0  # seconds; a longer crawl delay is taken for this one
SAFE = "/%?&=+,;:@!$'()*~-._[]"


@dataclass(frozen=True, slots=True)
class Robots:
    """The rules that apply to us, longest first, and the seconds a site wants between visits."""

    rules: tuple[tuple[str, bool], ...] = ()
    delay: float = 0.0

    def allows(self, path: str) -> bool:
        """The longest rule that matches decides; of two equally long ones the permission."""
        plain = normal(path)
        return next((allowed for pattern, allowed in self.rules if matches(pattern, plain)), True)


EVERYTHING = Robots()
NOTHING = Robots(rules=(("/", False),))


def normal(path: str) -> str:
    return quote(path, safe=SAFE)


def matches(pattern: str, path: str) -> bool:
    """`*` stands for anything, a final `$` for the end; otherwise a beginning is enough."""
    anchored = pattern.endswith("$")
    first, *rest = pattern.removesuffix("$").split("*")
    if not path.startswith(first):
        return False
    if not rest:
        return not anchored or path == first
    at = len(first)
    *middle, last = rest
    for piece in middle:
        found = path.find(piece, at)
        if found < 0:
            return False
        at = found + len(piece)
    if anchored:
        return path.endswith(last) and len(path) - len(last) >= at
    return path.find(last, at) >= 0


@dataclass(slots=True)
class Group:
    """Rules for the agents named before them."""

    agents: list[str]
    rules: list[tuple[str, bool]]
    delay: float = 0.0


def parse(text: str, token: str = TOKEN) -> Robots:
    """What a robots.txt says to us: the groups that name us, else those for everybody."""
    groups = read_groups(text)
    own = [group for group in groups if token in group.agents]
    applying = own or [group for group in groups if "*" in group.agents]
    rules = [rule for group in applying for rule in group.rules][:MAX_RULES]
    rules.sort(key=lambda rule: (-len(rule[0]), not rule[1]))
    delay = max((group.delay for group in applying), default=0.0)
    return Robots(tuple(rules), min(delay, MAX_DELAY))


def read_groups(text: str) -> list[Group]:
    groups: list[Group] = []
    for line in text.splitlines():
        name, colon, value = line.partition("#")[0].partition(":")
        if colon:
            add_line(groups, name.strip().lower(), value.strip())
    return groups


def add_line(groups: list[Group], name: str, value: str) -> None:
    if name == "user-agent":
        if not groups or groups[-1].rules or groups[-1].delay:
            groups.append(Group([], []))
        groups[-1].agents.append(value.lower().partition("/")[0].strip())
    elif not groups:
        return
    elif name in ("allow", "disallow"):
        if value:
            groups[-1].rules.append((normal(value) if "$" not in value else with_end(value), name == "allow"))
        elif not groups[-1].rules:
            groups[-1].rules.append(("/", True))  # "Disallow:" permits everything, and ends the agents
    elif name == "crawl-delay":
        groups[-1].delay = seconds(value)


def with_end(value: str) -> str:
    """A `$` means the end only as the last character."""
    return normal(value.removesuffix("$")) + ("$" if value.endswith("$") else "")


def seconds(value: str) -> float:
    try:
        delay = float(value)
    except ValueError:
        return 0.0
    return delay if 0 <= delay < float("inf") else 0.0


class Memory:
    """robots.txt files by origin, for as long as they may be believed. Shared by all threads."""

    def __init__(self, size: int = 2000) -> None:
        self._size = size
        self._known: OrderedDict[str, tuple[float, Robots]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, origin: str) -> Robots | None:
        with self._lock:
            entry = self._known.get(origin)
            return entry[1] if entry and entry[0] > time.monotonic() else None

    def put(self, origin: str, robots: Robots, seconds: float) -> None:
        with self._lock:
            self._known[origin] = (time.monotonic() + seconds, robots)
            self._known.move_to_end(origin)
            while len(self._known) > self._size:
                self._known.popitem(last=False)

    def clear(self) -> None:
        with self._lock:
            self._known.clear()
