"""A graph as a PDF."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from buildgraphs.models import BuildNode
from buildgraphs.reading import Reading
from manticscore.typesetting import documents

TEMPLATE = "buildgraphs/plan.typ"


def pdf(reading: Reading, nodes: Sequence[BuildNode]) -> bytes:
    """Raises as `documents.pdf` does."""
    return documents.pdf(TEMPLATE, content(reading, nodes))


def content(reading: Reading, nodes: Sequence[BuildNode]) -> dict[str, Any]:
    return {
        "title": one_line(reading.graph.stream.title),
        "nodes": [
            {
                "depth": node.depth,
                "name": one_line(node.name),
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


def one_line(text: str) -> str:
    return " ".join(text.split())
