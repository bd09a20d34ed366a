"""A message to a Slack channel. A lost one is known again by the shipment's id in its last line."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Any

from buildgraphs import summaries
from buildgraphs.models import ShippedItem
from buildgraphs.trackers.interface import Load, Made
from buildgraphs.trackers.toolkit import Toolkit

SEND = "SLACK_SEND_MESSAGE"
HISTORY = "SLACK_FETCH_CONVERSATION_HISTORY"
CLOCKS_APART = timedelta(minutes=1)
MESSAGES = 200  # that are looked through


class Slack(Toolkit):
    name = "Slack"
    whole = True

    def lost(self, item: ShippedItem, load: Load) -> Made | None:
        since = (item.asked_at - CLOCKS_APART).timestamp()
        arguments = {"channel": self.destination, "oldest": f"{since:.6f}", "limit": MESSAGES}
        return self.ask(HISTORY, arguments, partial(found, marker(item)))

    def create(self, item: ShippedItem, load: Load, until: float) -> Made:
        graph = load.reading
        text = summaries.message(
            graph.graph.stream.title, graph.roots, graph.roll_up, len(graph.nodes), graph.progress
        )
        last = f"Build graph {load.shipment.graph_id}, {marker(item)}"
        arguments = {"channel": self.destination, "markdown_text": f"{text}\n\n{last}"}
        return self.ask(SEND, arguments, made, until)


def marker(item: ShippedItem) -> str:
    return f"shipment {item.subject_id}"


def found(mark: str, answer: Any) -> Made | None:
    return next((made(each) for each in answer["messages"] if mark in str(each.get("text"))), None)


def made(message: Any) -> Made:
    return Made(str(message["ts"]))
