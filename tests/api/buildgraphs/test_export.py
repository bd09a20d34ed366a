"""GET /build-graphs/{graph_id}/export"""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pytest

from buildgraphs.models import BuildGraph
from tests import factories
from tests.helpers.people import Person


def export(who: Person, graph: BuildGraph, query: str) -> Any:
    return who.client.get(f"/build-graphs/{graph.pk}/export?{query}")


def rows(answer: Any) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))


def test_markdown(ada: Person, graph: BuildGraph) -> None:
    answer = export(ada, graph, "")
    assert answer["Content-Type"] == "text/markdown; charset=utf-8"
    assert answer["Content-Disposition"] == f'attachment; filename="build-graph-{graph.pk}.md"'
    text = answer.content.decode()
    assert "\n## Shopping list\n" in text
    assert "\n### What shopping list keeps\n" in text
    assert "after `shopping-list.model`" in text
    assert text.count("- [ ] ") > 40


@pytest.mark.parametrize(
    ("name", "key", "parent"),
    [("csv", "key", "parent"), ("linear", "Title", "Parent issue"), ("jira", "Issue Id", "Parent Id")],
)
def test_tables_have_every_node_and_its_parent(
    ada: Person, graph: BuildGraph, name: str, key: str, parent: str
) -> None:
    found = rows(export(ada, graph, f"format={name}"))
    assert len(found) == graph.nodes.count()
    names = {row[key] for row in found}
    assert len(names) == len(found)
    assert {row[parent] for row in found} - {""} < names
    assert [row[parent] for row in found].count("") == 3
    assert len(rows(export(ada, graph, f"format={name}&top_level_only=true"))) == 3


def test_trackers_words(ada: Person, graph: BuildGraph) -> None:
    graph.nodes.filter(parent=None).update(user_status="done", risk="red")
    linear = rows(export(ada, graph, "format=linear"))[0]
    assert (linear["Status"], linear["Priority"]) == ("Done", "Urgent")
    jira = rows(export(ada, graph, "format=jira"))
    assert (jira[0]["Status"], jira[0]["Priority"], jira[0]["Issue Type"]) == ("Done", "Highest", "Epic")
    assert jira[1]["Issue Type"] == "Story"


def test_json_is_the_tree(ada: Person, graph: BuildGraph) -> None:
    assert (
        json.loads(export(ada, graph, "format=json").content)
        == ada.client.get(f"/build-graphs/{graph.pk}").json()
    )
    top = json.loads(export(ada, graph, "format=json&top_level_only=true").content)
    assert [node["children"] for node in top["nodes"]] == [[]] * 3


def test_pdf(ada: Person, graph: BuildGraph) -> None:
    answer = export(ada, graph, "format=pdf")
    assert answer["Content-Type"] == "application/pdf"
    assert answer.content.startswith(b"%PDF-")


@pytest.mark.parametrize("name", ["=HYPERLINK(1)", "+1", "-1", "@x"])
def test_no_cell_is_a_formula(ada: Person, name: str) -> None:
    graph = factories.planned_graph(ada.principal, f"{name} list")
    cells = [cell for row in rows(export(ada, graph, "format=csv")) for cell in row.values()]
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@"))]


def test_unknown_format(ada: Person, graph: BuildGraph) -> None:
    assert export(ada, graph, "format=docx").status_code == 422
