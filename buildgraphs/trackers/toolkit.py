"""What the trackers have in common that are reached with connected accounts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar
from uuid import UUID

from django.conf import settings

from buildgraphs.models import BuildGraph, BuildNode
from manticscore import errors
from manticscore.clients import integrations, services

NO_KEY = "{name} cannot be connected here: COMPOSIO_API_KEY is not set. Export the graph as a file instead."
NOT_CONNECTED = "{name} is not connected. Connect it, or export the graph as a file instead."

T = TypeVar("T")


class Toolkit:
    """`name` is the service's, from which its toolkit's follows."""

    name: str
    whole = False

    def __init__(self, graph_id: UUID, destination: str, seconds: float) -> None:
        self.graph_id = graph_id
        self.destination = destination
        self.seconds = seconds
        self.pause = settings.COMPOSIO_WRITE_PAUSE

    def check(self) -> str:
        found = integrations.configured(self.seconds)
        if found is None:
            raise errors.BadRequest(NO_KEY.format(name=self.name))
        if not found.connected(self.owner_id(), self.name.lower()):
            raise errors.BadRequest(NOT_CONNECTED.format(name=self.name))
        return self.destination

    def prepare(self, nodes: Sequence[BuildNode]) -> None:
        """Nothing must be there before."""

    def owner_id(self) -> str:
        """Raises NotConnected when the graph is gone."""
        owner = BuildGraph.objects.values_list("owner_id", flat=True).filter(pk=self.graph_id).first()
        if owner is None:
            raise services.NotConnected(self.name)
        return owner

    def ask(
        self,
        tool: str,
        arguments: Mapping[str, Any],
        read: Callable[[Any], T],
        until: float | None = None,
    ) -> T:
        """What `read` takes from the tool's answer."""
        found = integrations.configured(self.seconds)
        if found is None:
            raise services.NotConnected(self.name)
        answer = found.execute(self.owner_id(), self.name.lower(), tool, arguments, until)
        return services.understood(self.name, read, answer)
