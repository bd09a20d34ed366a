"""What a WebSocket is subscribed to, without I/O."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from manticscore_client.events import Event
from manticscore_client.history import History

BATCH = 100  # subscriptions in one frame
# Frames without a number that are of interest to the caller. Everything else of that kind is the
# connection's own affair, or of a kind that did not exist when this was written.
# Errors after which the server does not serve a subscription; others are about something else.
REFUSED = frozenset(
    {"NOT_FOUND", "UNKNOWN_CHANNEL", "INVALID_ENTITY", "INVALID_CURSOR", "TOO_MANY_SUBSCRIPTIONS"}
)
SHOWN = frozenset({"catchup", "subscribed", "reset", "lagging", "error", "done"})


@dataclass(slots=True)
class Subscription:
    """One stream to follow, from a position."""

    entity_id: str
    channel: str
    history: History

    def wire(self) -> dict[str, Any]:
        return {"entity_id": self.entity_id, "channel": self.channel, "cursor": self.history.cursor}


class Subscriptions:
    """All of them, with where each has got to."""

    def __init__(self) -> None:
        self._by_entity: dict[str, Subscription] = {}

    def add(self, subscription: Subscription) -> None:
        self._by_entity[subscription.entity_id] = subscription

    def remove(self, entity_id: str) -> None:
        self._by_entity.pop(entity_id, None)

    def history(self, entity_id: str) -> History:
        return self._by_entity[entity_id].history

    def open(self) -> list[Subscription]:
        """Those that have not ended, which a new connection has to ask for again."""
        return [one for one in self._by_entity.values() if not one.history.ended]

    def take(self, event: Event) -> bool:
        """Note an event; True when the caller should see it. Raises HistoryBroken."""
        subscription = self._by_entity.get(event.entity_id)
        if event.seq is not None or event.type == "reset":
            return subscription is not None and subscription.history.take(event)
        if subscription is not None and event.type == "error" and event.data.get("code") in REFUSED:
            self.remove(event.entity_id)
        elif subscription is not None:
            subscription.history.take(event)
        return event.type in SHOWN


def messages(subscriptions: Iterable[Subscription]) -> list[dict[str, Any]]:
    """The frames that ask for these streams: normally one."""
    wanted = [one.wire() for one in subscriptions]
    batches = [wanted[start : start + BATCH] for start in range(0, len(wanted), BATCH)]
    return [{"action": "subscribe", **asked(batch)} for batch in batches]


def asked(batch: list[dict[str, Any]]) -> dict[str, Any]:
    """One alone takes the form that every server knows."""
    return batch[0] if len(batch) == 1 else {"subscriptions": batch}
