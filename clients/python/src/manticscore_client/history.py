"""What was received of one stream: where to go on, and whether anything is missing."""

from __future__ import annotations

import hashlib

from manticscore_client.events import Event
from manticscore_client.exceptions import HistoryBroken, Unverifiable


class History:
    """The position in one stream. `cursor` is the number of the last event received.

    Every event must carry the number after the one before. With `verify` the `done` at the end must
    also agree with all that came: its count and a digest of every line, which proves that nothing was
    lost or altered from the first event of the run on.
    """

    def __init__(self, cursor: int = 0, *, verify: bool = False) -> None:
        self.cursor = cursor
        self.ended = False
        self._verify = verify
        self._expects_any = False
        self._first: int | None = None
        self._begin_run()

    def take(self, event: Event) -> bool:
        """Note an event; True when it belongs to the stream's story. Raises HistoryBroken."""
        if event.seq is not None:
            self._numbered(event, event.seq)
            return True
        if event.type == "reset":
            self._restart()
            return True
        # Without a number it is the answer to a cursor that had nothing left to read.
        self.ended = self.ended or event.ends_stream
        return event.ends_stream

    def _numbered(self, event: Event, seq: int) -> None:
        if seq != self.cursor + 1 and not self._expects_any:
            raise HistoryBroken(f"event {seq} came after event {self.cursor}", event.entity_id)
        self._expects_any = False
        if self._first is None:
            self._first = seq
        if event.ends_stream and self._verify:
            self._prove(event, seq)
        self.cursor, self.ended = seq, event.ends_stream
        if event.ends_stream:
            self._begin_run()  # a job that is tried again goes on after its `done`
        elif self._verify:
            self._digest.update(event.raw + b"\n")

    def _restart(self) -> None:
        """The server begins anew, with the oldest event it still has."""
        self.cursor, self.ended, self._expects_any = 0, False, True
        self._begin_run()

    def _begin_run(self) -> None:
        self._first = None
        self._digest = hashlib.sha256()

    def _prove(self, done: Event, seq: int) -> None:
        first = done.data.get("first_seq")
        if "digest" not in done.data:
            raise Unverifiable(f"the end of the stream, event {seq}, carries no digest", done.entity_id)
        if self._first is None or self._first != first:
            what = f"the stream begins with event {first}, this history with {self._first}"
            raise Unverifiable(what, done.entity_id)
        received = {"last_seq": seq - 1, "count": seq - self._first, "digest": self._digest.hexdigest()}
        for name, value in received.items():
            if done.data.get(name) != value:
                what = f"the stream's {name} is {done.data.get(name)}, received was {value}"
                raise HistoryBroken(what, done.entity_id)
