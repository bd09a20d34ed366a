"""What would be different if a node were taken apart anew."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from buildgraphs import drafting, refining, storing
from buildgraphs.models import BuildGraph, BuildNode, NodeStatus
from buildgraphs.schemas import LISTS, Draft
from manticscore import errors

COMPARED = ("name", "description", "spec")


@dataclass(frozen=True, slots=True)
class Revision:
    """New children against those that are there, matched by key."""

    id: str
    added: list[Draft]
    removed: list[BuildNode]
    changed: list[tuple[BuildNode, Draft]]
    kept: list[BuildNode]


def revision(graph: BuildGraph, node: BuildNode) -> Revision:
    """Raises Conflict for a node that was not taken apart, or cannot be any more."""
    if node.node_status != NodeStatus.EXPANDED:
        raise errors.Conflict("Only an expanded node can be expanded anew")
    there = {child.node_key: child for child in node.children.order_by("sort_order", "node_key")}
    notes = {key: child.notes for key, child in there.items()}
    with drafting.gone_as_conflict():
        made = drafting.below(graph, node)
    drafts = [refining.again(draft, notes.get(draft.key)) for draft in made]
    wanted = {draft.key: draft for draft in drafts}
    both = [(there[key], draft) for key, draft in wanted.items() if key in there]
    return Revision(
        id=digest(list(there.values()), drafts),
        added=[draft for key, draft in wanted.items() if key not in there],
        removed=[child for key, child in there.items() if key not in wanted],
        changed=[(child, draft) for child, draft in both if differs(child, draft)],
        kept=[child for child, draft in both if not differs(child, draft)],
    )


def told(thing: Any) -> dict[str, Any]:
    return {name: getattr(thing, name) for name in COMPARED}


def differs(child: BuildNode, draft: Draft) -> bool:
    return told(child) != told(storing.row(child.graph_id, draft))


def digest(there: list[BuildNode], drafts: list[Draft]) -> str:
    """The same as long as neither side changes."""
    sides = [
        [[child.node_key, told(child)] for child in there],
        [[draft.key, draft.name, draft.description, draft.spec.model_dump()] for draft in drafts],
    ]
    return hashlib.sha256(json.dumps(sides, sort_keys=True).encode()).hexdigest()[:32]


def changes(child: BuildNode, draft: Draft) -> dict[str, Any]:
    """Per list of the spec what comes and what goes; other fields before and after.

    The prompt follows the rest of the spec, so it is shown only where nothing else of the spec differs.
    """
    now = draft.spec.model_dump()
    found: dict[str, Any] = {
        name: {
            "added": [line for line in now[name] if line not in child.spec[name]],
            "removed": [line for line in child.spec[name] if line not in now[name]],
        }
        for name in LISTS
        if now[name] != child.spec[name]
    }
    texts = ["objective"] if found or child.spec["objective"] != now["objective"] else ["emitted_prompt"]
    pairs = [(name, child.spec[name], now[name]) for name in texts]
    pairs += [("name", child.name, draft.name), ("description", child.description, draft.description)]
    found |= {name: {"before": before, "after": after} for name, before, after in pairs if before != after}
    return found
