"""A graph as a PDF, set by typst."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import typst
from django.template.loader import get_template

from buildgraphs.models import BuildNode
from buildgraphs.reading import Reading

TEMPLATE = "buildgraphs/plan.typ"


def pdf(reading: Reading, nodes: Sequence[BuildNode]) -> bytes:
    """Everything in it is handed over as data: no text of an idea or a source is read as markup."""
    made = typst.compile(source(), sys_inputs={"data": json.dumps(content(reading, nodes))})
    assert isinstance(made, bytes)
    return made


@cache
def source() -> bytes:
    template: Any = get_template(TEMPLATE)
    return Path(template.origin.name).read_bytes()


def content(reading: Reading, nodes: Sequence[BuildNode]) -> dict[str, Any]:
    return {
        "title": " ".join(reading.graph.stream.title.split()),
        "nodes": [
            {
                "depth": node.depth,
                "name": node.name,
                "key": node.node_key,
                "description": node.description,
                "risk": node.risk,
                "effort": (node.effort or "open").replace("_", " "),
                "criteria": node.spec["acceptance_criteria"],
                "tests": node.spec["test_checklist"],
            }
            for node in nodes
        ],
    }
