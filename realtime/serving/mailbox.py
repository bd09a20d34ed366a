"""Messages on their way to an application."""

from __future__ import annotations

from typing import Any

from realtime.bell import Bell

Message = dict[str, Any]


class Mailbox:
    """A queue for one reader, as far as daphne uses one: a tenth of the size of asyncio's."""

    __slots__ = ("_bell", "_messages")

    def __init__(self) -> None:
        self._bell = Bell()
        self._messages: list[Message] = []

    def put_nowait(self, item: Message) -> None:
        self._messages.append(item)
        self._bell.ring()

    async def get(self) -> Message:
        """The oldest message, when there is one."""
        while not self._messages:
            await self._bell.sleep()
        return self._messages.pop(0)
