"""Graphs at the moments that matter."""

from __future__ import annotations

import pytest

from buildgraphs import shipping, tasks
from buildgraphs.models import BuildGraph, BuildNode
from projects.models import Project
from tests import factories
from tests.helpers.people import Person


@pytest.fixture(autouse=True)
def long_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    """A slow machine takes no more turns than a quick one."""
    monkeypatch.setattr(shipping, "TURN_SECONDS", 600.0)


@pytest.fixture
def project(ada: Person) -> Project:
    return factories.project(ada.principal, "A recipe box")


@pytest.fixture
def graph(ada: Person, project: Project) -> BuildGraph:
    """Ada's graph of three features, planned."""
    made = factories.build_graph(
        ada.principal, "Shopping list", "OAuth sign-in", "Meal planning", project_id=project.pk
    )
    return worked(made)


@pytest.fixture
def collapsed(graph: BuildGraph) -> BuildNode:
    return graph.nodes.get(node_key="shopping-list.model")


def worked(graph: BuildGraph) -> BuildGraph:
    """The graph after a worker did all there was to do."""
    tasks.work.func(str(graph.pk))
    return BuildGraph.objects.select_related("stream").get(pk=graph.pk)
