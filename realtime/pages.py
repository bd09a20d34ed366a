"""Runs of events as bytes, encoded once for everybody who follows their stream, over either transport."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from realtime.framing import text_frames

TURN_BYTES = 64 * 1024  # about what a follower is given at a time, so that others have their turn


class Page:
    """The events `first` to `last` of one stream, none missing; `data` has a line for each, with its end.

    `age` is that of the oldest when they were read, in seconds.
    """

    def __init__(self, first: int, last: int, data: bytes, age: float = 0.0) -> None:
        self.first = first
        self.last = last
        self.data = data
        self.age = age

    def __len__(self) -> int:
        return self.last - self.first + 1

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.lines)

    @property
    def lines(self) -> list[bytes]:
        """The events without line ends, which JSON text cannot contain."""
        return self.data.split(b"\n")[:-1]

    @property
    def frames(self) -> bytes:
        """The same events as WebSocket frames."""
        return text_frames(self.lines)

    def between(self, cursor: int, until: int) -> Page:
        """The events after `cursor` up to and including `until`, of which the page has some."""
        if cursor < self.first and until >= self.last:
            return self
        first, last = max(self.first, cursor + 1), min(self.last, until)
        lines = self.lines[first - self.first : last - self.first + 1]
        return Page(first, last, b"".join(line + b"\n" for line in lines))


def joined(pages: Iterable[Page]) -> Page:
    """Consecutive pages as one."""
    parts = list(pages)
    if len(parts) == 1:
        return parts[0]
    return Page(parts[0].first, parts[-1].last, b"".join(page.data for page in parts))


class Tail:
    """The newest events of a stream, up to a number of bytes that may change."""

    def __init__(self) -> None:
        self.size = 0
        self._pages: list[Page] = []

    def extend(self, page: Page) -> None:
        self._pages.append(page)
        self.size += len(page.data)

    def trim(self, limit: int) -> None:
        """Let the oldest events go; the newest page stays, however large."""
        gone = 0
        while self.size > limit and gone < len(self._pages) - 1:
            self.size -= len(self._pages[gone].data)
            gone += 1
        del self._pages[:gone]

    def clear(self) -> None:
        self._pages.clear()
        self.size = 0

    def after(self, cursor: int) -> Page | None:
        """A turn of events after `cursor`; None when the tail does not reach back so far."""
        if not self._pages or cursor + 1 < self._pages[0].first:
            return None
        following: list[Page] = []
        for page in reversed(self._pages):
            if page.last <= cursor:
                break
            following.append(page)
        return joined(turn(reversed(following))).between(cursor, self._pages[-1].last)


def turn(pages: Iterable[Page]) -> Iterator[Page]:
    """The first pages, until they are enough for a turn."""
    size = 0
    for page in pages:
        yield page
        size += len(page.data)
        if size >= TURN_BYTES:
            return
