"""One line of a stream or one frame of a WebSocket."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from manticscore_client.exceptions import HistoryBroken


@dataclass(frozen=True, slots=True)
class Event:
    """An event as it came over the wire, and as it reads.

    `seq` is its number in its stream. Frames of the connection itself, such as `subscribed`, have none.
    """

    raw: bytes = field(repr=False)
    type: str
    data: dict[str, Any]

    @classmethod
    def parse(cls, raw: bytes) -> Event:
        try:
            envelope = json.loads(raw)
            return cls(raw, str(envelope["event"]), dict(envelope["data"]))
        except (ValueError, KeyError, TypeError):
            raise HistoryBroken(f"not an event: {raw[:80]!r}") from None

    @property
    def seq(self) -> int | None:
        number = self.data.get("seq")
        return number if isinstance(number, int) else None

    @property
    def entity_id(self) -> str:
        return str(self.data.get("entity_id", ""))

    @property
    def ends_stream(self) -> bool:
        """Whether it is a job's last. A project's stream has the ends of its jobs in it, and goes on."""
        return self.type == "done" and self.data.get("channel") != "project"
