"""A page with the whole tree, under a page of Notion. A lost one is known again by its title."""

from __future__ import annotations

from typing import Any

from buildgraphs import summaries
from buildgraphs.models import ShippedItem
from buildgraphs.trackers.interface import Load, Made
from buildgraphs.trackers.toolkit import Toolkit

CREATE = "NOTION_CREATE_NOTION_PAGE"
LIST = "NOTION_FETCH_BLOCK_CONTENTS"
PAGE = 100
MAX_PAGES = 20
MAX_TITLE = 200


class Notion(Toolkit):
    name = "Notion"
    whole = True

    def lost(self, item: ShippedItem, load: Load) -> Made | None:
        mark, place = marker(item), {"block_id": self.destination, "page_size": PAGE}
        cursor: dict[str, str] = {}
        for _ in range(MAX_PAGES):
            pages, following = self.ask(LIST, {**place, **cursor}, children)
            if found := next((page for title, page in pages if title.endswith(mark)), None):
                return found
            if not following:
                break
            cursor = {"start_cursor": following}
        return None

    def create(self, item: ShippedItem, load: Load, until: float) -> Made:
        name = " ".join(load.reading.graph.stream.title.split())[:MAX_TITLE]
        arguments = {
            "parent_id": self.destination,
            "title": f"{name} {marker(item)}",
            "markdown": summaries.page(load.chosen, load.reading.roll_up, load.reading.progress),
        }
        return self.ask(CREATE, arguments, made, until)


def marker(item: ShippedItem) -> str:
    """Part of the shipment's id: the title before it may be changed meanwhile."""
    return f"({str(item.subject_id)[:8]})"


def children(answer: Any) -> tuple[list[tuple[str, Made]], str | None]:
    """Pages with their titles, and where the list goes on. The tool may have put it into another object."""
    found = answer.get("block_child_data") or answer
    pages = [
        (str(block["child_page"]["title"]), made(block))
        for block in found["results"]
        if "child_page" in block
    ]
    return pages, found.get("next_cursor")


def made(page: Any) -> Made:
    return Made(str(page["id"]), str(page.get("url") or ""))
