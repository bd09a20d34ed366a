"""What is asked of whoever holds the users' connections."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol


class Integrations(Protocol):
    """A toolkit is a service by its short name, as `linear`. Every method raises services.ServiceError."""

    def connected(self, user_id: str, toolkit: str) -> bool:
        """Whether the user has an account of the service connected, ready to be used."""

    def execute(
        self,
        user_id: str,
        toolkit: str,
        tool: str,
        arguments: Mapping[str, Any],
        until: float | None = None,
    ) -> Any:
        """What the tool gives. After Unavailable it may have done its work all the same.

        `until`: as in jsonapi.ask.
        """
