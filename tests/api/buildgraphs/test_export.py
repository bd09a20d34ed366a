"""GET /build-graphs/{graph_id}/export"""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pytest
from django.conf import LazySettings

from accounts import ratelimits
from buildgraphs import plansheet, reading
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


HOSTILE = "x\n# Injected heading\n<script>alert(1)</script> [a](javascript:b) \\[c](d) `e` @f"
ESCAPED = (
    "x # Injected heading &lt;script>alert(1)&lt;/script>"
    " \\[a\\](javascript:b) \\\\\\[c\\](d) \\`e\\` @\u200bf"
)


def test_markdown_holds_no_markup_of_strangers(ada: Person) -> None:
    graph = factories.planned_graph(ada.principal, "<img src=x onerror=alert(1)>", "Shopping list")
    node = graph.nodes.get(node_key="shopping-list.model")
    spec = {
        **node.spec,
        "constraints": [HOSTILE],
        "acceptance_criteria": ["# Not a heading", "1. Not a list"],
    }
    graph.nodes.filter(pk=node.pk).update(
        name=HOSTILE, description="> Not a quote", unknowns=["- [ ] Not a task"], spec=spec
    )
    ada.client.patch(f"/build-graphs/{graph.pk}", {"title": "T <b>"})
    lines = export(ada, graph, "").content.decode().splitlines()
    assert lines[0] == "# T &lt;b>"
    assert f"### {ESCAPED}" in lines
    assert f"- {ESCAPED}" in lines
    assert "\\> Not a quote" in lines
    assert {"- [ ] \\# Not a heading", "- [ ] 1\\. Not a list", "- \\- \\[ \\] Not a task"} <= set(lines)
    assert not any("<" in line for line in lines)
    assert "# Injected heading" not in [line.strip() for line in lines]


@pytest.mark.parametrize(("name", "column"), [("csv", "name"), ("linear", "Title"), ("jira", "Summary")])
def test_names_are_one_line(ada: Person, graph: BuildGraph, name: str, column: str) -> None:
    graph.nodes.filter(node_key__in=["shopping-list", "shopping-list.model"]).update(name="a\n b\r\n c")
    found = [row for row in rows(export(ada, graph, f"format={name}")) if row[column] == "a b c"]
    assert len(found) == 2
    assert found[1].get("Parent issue", "a b c") == "a b c"


def test_headings_of_a_pdf_are_one_line(ada: Person, graph: BuildGraph) -> None:
    graph.nodes.update(name="a\nb")
    told = plansheet.content(reading.read(graph), list(graph.nodes.all()))
    assert {node["name"] for node in told["nodes"]} == {"a b"}


@pytest.mark.parametrize("sign", ["=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20", " =", "\t"])
@pytest.mark.parametrize("name", ["csv", "linear", "jira"])
def test_no_line_of_a_cell_is_a_formula(ada: Person, graph: BuildGraph, name: str, sign: str) -> None:
    node = graph.nodes.get(node_key="shopping-list.browsing")
    spec = {**node.spec, "acceptance_criteria": ["fine", f"{sign}1+1"]}
    told = f"{sign}1+1\n{sign}2+2\r{sign}3+3"
    graph.nodes.filter(pk=node.pk).update(name=f"{sign}1+1", description=told, spec=spec)
    cells = [cell for row in rows(export(ada, graph, f"format={name}")) for cell in row.values()]
    begun = [line.strip()[:1] for cell in cells for line in cell.splitlines() or [""]]
    assert not {"=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20"} & set(begun)
    assert sum("1+1" in cell for cell in cells) >= 2, "nothing is lost"


@pytest.mark.parametrize("name", ["=HYPERLINK(1)", "+1", "-1", "@x"])
def test_no_cell_is_a_formula(ada: Person, name: str) -> None:
    graph = factories.planned_graph(ada.principal, f"{name} list")
    cells = [cell for row in rows(export(ada, graph, "format=csv")) for cell in row.values()]
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@"))]


def test_unknown_format(ada: Person, graph: BuildGraph) -> None:
    assert export(ada, graph, "format=docx").status_code == 422


def test_pdfs_are_limited_as_those_of_research_are(
    ada: Person, graph: BuildGraph, settings: LazySettings
) -> None:
    settings.RATELIMIT_ENABLE = True
    for _ in range(ratelimits.PDF.count):
        ratelimits.check_all([(ratelimits.PDF, ada.principal.pk)])
    refused = export(ada, graph, "format=pdf")
    assert refused.status_code == 429
    assert int(refused["Retry-After"]) >= 1
    assert export(ada, graph, "format=markdown").status_code == 200
