"""What a tracker is to shipping."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol
from uuid import UUID

from buildgraphs.models import BuildNode, Shipment, ShippedItem
from buildgraphs.reading import Reading


@dataclass(frozen=True, slots=True)
class Made:
    """An item that is there; `reference` is its name as people write it, as #12 or ENG-12."""

    reference: str
    url: str = ""


@dataclass(frozen=True)
class Load:
    """What a shipment carries, and what of it is there already, by subject."""

    shipment: Shipment
    reading: Reading
    items: dict[UUID, ShippedItem]

    @cached_property
    def nodes(self) -> dict[UUID, BuildNode]:
        return {node.pk: node for node in self.reading.nodes}

    @property
    def references(self) -> dict[UUID, str]:
        return {subject_id: item.reference for subject_id, item in self.items.items()}

    @property
    def chosen(self) -> list[BuildNode]:
        """The nodes that go, parents before their children."""
        return self.reading.chosen(top_level_only=self.shipment.top_level_only)


class Tracker(Protocol):
    """One destination, in the name of whoever owns the graph at the moment of a request.

    `whole`: it takes the graph as one item rather than one per node. `pause` is seconds between items.
    Methods raise services.ServiceError.
    """

    whole: bool
    pause: float

    def check(self) -> str:
        """The destination's name as the tracker spells it.

        Raises BadRequest, Forbidden or Unprocessable for what the caller can mend.
        """

    def prepare(self, nodes: Sequence[BuildNode]) -> None:
        """What must be there before items of these nodes are."""

    def lost(self, item: ShippedItem, load: Load) -> Made | None:
        """The item, if an earlier request for it was heard whose answer nobody got."""

    def create(self, item: ShippedItem, load: Load, until: float) -> Made:
        """After Unavailable it may be there all the same. Nothing is sent after `until`: see jsonapi.ask."""
