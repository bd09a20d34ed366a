"""A language model adds to what the offline planner made: lines, questions, and higher risks.

It adds nothing else: no nodes go or come, and what the rules say of a risk is the least that is kept. What
it added to a node is stored with the node, so that the node can be drafted anew without asking again.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings

from accounts import language_models
from accounts.metering import Meter
from buildgraphs import prompts, rules
from buildgraphs.schemas import LISTS, Draft, Risk
from manticscore.clients.llm import Request, errors
from manticscore.lib.ideas import clean
from research.model import answers
from research.model.answers import Answer, Text

INSTRUCTIONS = Path(__file__).resolve().parent / "instructions" / "refine.v1.md"
MAX_LINES = 3
MAX_UNKNOWNS = 2
MAX_TOKENS = 4_000

logger = logging.getLogger(__name__)


class NodeNotes(Answer):
    """What is added to one node."""

    key: Text
    constraints: list[Text] = []
    acceptance_criteria: list[Text] = []
    test_checklist: list[Text] = []
    unknowns: list[Text] = []
    risk: Risk = "green"
    risk_reason: Text = ""


class Notes(Answer):
    nodes: list[NodeNotes] = []


@dataclass(frozen=True, slots=True)
class Refiner:
    """A metered language model at work on one graph."""

    meter: Meter

    def refine(self, stage: str, drafts: Sequence[Draft], tell: Callable[[str], object]) -> list[Draft]:
        """The drafts with what the model adds to them.

        Raises errors.Timeout, after which the run can be tried again. Whatever else goes wrong with the
        model is told, and the drafts stay as they are.
        """
        try:
            reply = self.meter.complete(stage, request(drafts))
            notes, _ = answers.read(Notes, reply.data)
        except errors.Timeout:
            raise
        except errors.LlmError as error:
            tell(f"The plan of {drafts[0].name} stands as it is: {error.message}")
            return list(drafts)
        by_key = {each.key: each for each in notes.nodes}
        return [applied(draft, by_key.get(draft.key)) for draft in drafts]


def for_graph(owner_id: str, graph_id: UUID) -> Refiner | None:
    """None where no language model is configured."""
    choice = language_models.choose(owner_id)
    return None if choice is None else Refiner(Meter(choice.model, owner_id, graph_id, choice.own_key))


def request(drafts: Sequence[Draft]) -> Request:
    material = {
        "idea": drafts[0].briefing.idea,
        "feature": drafts[0].briefing.path[0],
        "nodes": [shown(draft) for draft in drafts],
    }
    return Request(
        system=INSTRUCTIONS.read_text(encoding="utf-8"),
        user=json.dumps(material, ensure_ascii=False),
        schema=Notes.model_json_schema(),
        name="notes",
        max_tokens=MAX_TOKENS,
        timeout=settings.LLM_TIMEOUT,
    )


def shown(draft: Draft) -> dict[str, Any]:
    lists = {name: getattr(draft.spec, name) for name in LISTS}
    told = {"key": draft.key, "name": draft.name, "objective": draft.spec.objective}
    return {**told, **lists, "risk": draft.assessment.risk}


def applied(draft: Draft, notes: NodeNotes | None) -> Draft:
    """The draft with the notes in its spec, its assessment and its prompt."""
    if notes is None:
        return draft
    lists = {name: with_lines(getattr(draft.spec, name), getattr(notes, name), MAX_LINES) for name in LISTS}
    unknowns = with_lines(draft.assessment.unknowns, notes.unknowns, MAX_UNKNOWNS)
    assessment = rules.raised(draft.assessment, notes.risk, clean(notes.risk_reason))
    return prompts.completed(
        replace(
            draft,
            spec=draft.spec.model_copy(update=lists),
            assessment=assessment.model_copy(update={"unknowns": unknowns}),
            notes=notes.model_dump(),
        )
    )


def again(draft: Draft, stored: Mapping[str, Any] | None) -> Draft:
    """The draft with notes that were stored with its node."""
    return applied(draft, NodeNotes.model_validate(stored) if stored else None)


def with_lines(there: Sequence[str], added: Sequence[str], most: int) -> list[str]:
    known = {line.casefold() for line in there}
    fresh = [line for line in dict.fromkeys(map(clean, added)) if line and line.casefold() not in known]
    return [*there, *fresh[:most]]
