"""Drafts of nodes that are stored, from their graph's material."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from buildgraphs import planner, refining
from buildgraphs.models import BuildGraph, BuildNode
from buildgraphs.schemas import Draft, Material
from manticscore import errors


class TemplateGone(errors.PipelineError):
    """The library does not have the part any more that this node was made from."""

    code = "TEMPLATE_GONE"


def below(graph: BuildGraph, node: BuildNode) -> list[Draft]:
    """The children that the node would get now. Raises TemplateGone."""
    with templates_of(node):
        return planner.expansion(material(graph), *place(node))


def again(graph: BuildGraph, node: BuildNode) -> Draft:
    """The node as it would be made now, with what a language model added to it. Raises TemplateGone."""
    with templates_of(node):
        return refining.again(planner.redraft(material(graph), *place(node)), node.notes)


def material(graph: BuildGraph) -> Material:
    return Material.model_validate(graph.material)


def place(node: BuildNode) -> tuple[str, str, str, str]:
    return node.feature_id, node.archetype, node.node_key, node.part


@contextmanager
def templates_of(node: BuildNode) -> Iterator[None]:
    try:
        yield
    except (LookupError, StopIteration):
        raise TemplateGone(node_key=node.node_key) from None


@contextmanager
def gone_as_conflict() -> Iterator[None]:
    """For requests. Raises Conflict where a template is gone."""
    try:
        yield
    except TemplateGone as error:
        raise errors.Conflict(error.message) from None
