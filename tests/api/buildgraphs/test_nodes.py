"""GET and PATCH /build-nodes/{node_id}, assess, prerequisites and re-expand."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from buildgraphs import generation, tree
from buildgraphs.models import BuildGraph, BuildNode
from manticscore import errors
from realtime import runs
from realtime.models import Stream
from tests import factories
from tests.api.buildgraphs.conftest import worked
from tests.api.buildgraphs.test_start import artifact, feature
from tests.helpers import log
from tests.helpers.people import Person


def url(node: BuildNode, rest: str = "") -> str:
    return f"/build-nodes/{node.pk}{rest}"


@pytest.fixture
def leaf(graph: BuildGraph) -> BuildNode:
    return graph.nodes.get(node_key="shopping-list.browsing")


def test_node_comes_with_what_is_below(ada: Person, graph: BuildGraph) -> None:
    body = ada.client.get(url(graph.nodes.get(node_key="shopping-list"))).json()
    assert body["node_key"] == "shopping-list"
    assert len(body["children"]) == 3


def test_changes(ada: Person, leaf: BuildNode) -> None:
    wanted = {"user_status": "in_progress", "name": "Pages", "effort": None, "unknowns": ["How long?"]}
    body = ada.client.patch(url(leaf), wanted).json()
    assert {name: body[name] for name in wanted} == wanted
    leaf.refresh_from_db()
    assert (leaf.user_status, leaf.name, leaf.effort) == ("in_progress", "Pages", None)


@pytest.mark.parametrize(
    "change",
    [{"user_status": "lost"}, {"risk": None}, {"effort": "tiny"}, {"name": ""}, {"unknowns": "x"},
     {"depends_on": ["x"]}],
)  # fmt: skip
def test_refused_changes(ada: Person, leaf: BuildNode, change: dict[str, Any]) -> None:
    assert ada.client.patch(url(leaf), change).status_code == 422


def test_dependencies(ada: Person, mallory: Person, graph: BuildGraph, leaf: BuildNode) -> None:
    editing, model = (graph.nodes.get(node_key=f"shopping-list.{key}") for key in ("editing", "model"))
    body = ada.client.patch(url(leaf), {"depends_on": [str(editing.pk)]}).json()
    assert body["depends_on"] == [str(editing.pk)]
    circle = ada.client.patch(url(model), {"depends_on": [str(leaf.pk)]})
    assert (circle.status_code, circle.json()) == (409, {"detail": "These dependencies would go in a circle"})
    itself = ada.client.patch(url(model), {"depends_on": [str(model.pk)]})
    assert itself.status_code == 409
    foreign = factories.planned_graph(mallory.principal).nodes.first()
    assert foreign is not None
    for absent in (foreign.pk, uuid.uuid4()):
        assert ada.client.patch(url(leaf), {"depends_on": [str(absent)]}).status_code == 404
    assert ada.client.get(url(leaf)).json()["depends_on"] == [str(editing.pk)]


def test_assessment_fills_in_what_is_open(ada: Person, collapsed: BuildNode) -> None:
    body = ada.client.post(url(collapsed, "/assess")).json()
    assert (body["risk"], body["effort"], body["confidence"]) == ("yellow", "medium", "medium")
    assert {reason["about"] for reason in body["reasons"]} == {"risk", "effort", "confidence"}
    assert body["node_status"] == "collapsed"


def test_assessment_lowers_no_risk(ada: Person, leaf: BuildNode) -> None:
    ada.client.patch(url(leaf), {"risk": "red"})
    assert ada.client.post(url(leaf, "/assess")).json()["risk"] == "red"


def test_prerequisites(ada: Person, graph: BuildGraph, leaf: BuildNode) -> None:
    body = ada.client.get(url(graph.nodes.get(node_key="meal-planning.view"), "/prerequisites")).json()
    assert [each["node_key"] for each in body["needs"]] == ["meal-planning.time", "shopping-list"]
    assert body["suggested"] == []
    lonely = factories.planned_graph(ada.principal, "Stripe payments").nodes.get(parent=None)
    suggested = ada.client.get(url(lonely, "/prerequisites")).json()["suggested"]
    assert [each["archetype"] for each in suggested] == ["authentication", "records"]
    assert suggested[0]["reason"] == "Payments and billing usually stands on it"


@pytest.fixture
def expanded(ada: Person, collapsed: BuildNode) -> BuildNode:
    ada.client.post(url(collapsed, "/expand"))
    worked(collapsed.graph)
    collapsed.refresh_from_db()
    return collapsed


def research(ada: Person, graph: BuildGraph) -> Any:
    row = feature("Shopping list", in_idea=True, text="The database itself refuses rows that break rules.")
    job = factories.research_job(ada.principal, artifact=artifact(features=[row]))
    Stream.objects.filter(pk=job.pk).update(status="completed", closed_seq=1, last_seq=1)
    return ada.client.post(f"/build-graphs/{graph.pk}/research", {"research_id": str(job.pk)})


def test_nothing_new_changes_nothing(ada: Person, expanded: BuildNode) -> None:
    body = ada.client.post(url(expanded, "/re-expand"), {}).json()
    assert (body["added"], body["removed"], body["changed"], body["applied"]) == ([], [], [], False)
    assert len(body["kept"]) == 2


def test_new_research_is_shown_and_then_kept(ada: Person, graph: BuildGraph, expanded: BuildNode) -> None:
    rules = expanded.children.get(node_key="shopping-list.model.rules")
    ada.client.patch(url(rules), {"user_status": "done"})
    assert research(ada, graph).status_code == 200
    rows = BuildNode.objects.count()
    shown = ada.client.post(url(expanded, "/re-expand"), {}).json()
    (changed,) = [each for each in shown["changed"] if "acceptance_criteria" in each["changes"]]
    (line,) = changed["changes"]["acceptance_criteria"]["added"]
    assert "The database itself refuses rows that break rules." in line
    assert BuildNode.objects.count() == rows

    former = ada.client.post(url(expanded, "/re-expand"), {"keep": "former"}).json()
    assert former["applied"] is False
    before = len(log.stored(graph.pk))
    body = {"keep": "new", "revision": shown["revision"]}
    applied = ada.client.post(url(expanded, "/re-expand"), body).json()
    assert applied["applied"] is True
    child = BuildNode.objects.get(pk=changed["id"])
    assert line in child.spec["acceptance_criteria"]
    rules.refresh_from_db()
    assert rules.user_status == "done"
    told = [event for _, event, _ in log.stored(graph.pk)[before:]]
    assert told == ["expand_start", "node_updated", "expand_done", "done"]
    assert ada.client.post(url(expanded, "/re-expand"), body).status_code == 409, "that revision is over"


def test_children_that_went_come_back(ada: Person, graph: BuildGraph, expanded: BuildNode) -> None:
    expanded.children.get(node_key="shopping-list.model.rules").delete()
    extra = expanded.children.get()
    extra.pk, extra.node_key = uuid.uuid4(), "shopping-list.model.more"
    extra.save(force_insert=True)
    shown = ada.client.post(url(expanded, "/re-expand"), {}).json()
    assert [each["node_key"] for each in shown["added"]] == ["shopping-list.model.rules"]
    assert [each["node_key"] for each in shown["removed"]] == ["shopping-list.model.more"]
    ada.client.post(url(expanded, "/re-expand"), {"keep": "new", "revision": shown["revision"]})
    assert set(expanded.children.values_list("node_key", flat=True)) == {
        "shopping-list.model.rules", "shopping-list.model.schema",
    }  # fmt: skip
    told = {event: data for _, event, data in log.stored(graph.pk)}
    assert told["expand_done"]["removed"] == [str(extra.pk)]
    assert told["node_created"]["node_key"] == "shopping-list.model.rules"


def test_re_expansion_is_refused(
    ada: Person, graph: BuildGraph, expanded: BuildNode, leaf: BuildNode
) -> None:
    assert ada.client.post(url(leaf, "/re-expand"), {}).status_code == 409
    assert ada.client.post(url(expanded, "/re-expand"), {"keep": "new"}).status_code == 400
    assert ada.client.post(url(expanded, "/re-expand"), {"keep": "both"}).status_code == 422
    shown = ada.client.post(url(expanded, "/re-expand"), {}).json()
    ada.client.post(url(graph.nodes.get(node_key="shopping-list.editing"), "/expand"))
    body = {"keep": "new", "revision": shown["revision"]}
    assert ada.client.post(url(expanded, "/re-expand"), body).json() == {
        "detail": "The graph is being worked on"
    }


def test_a_spec_is_changed_and_its_prompt_follows(ada: Person, leaf: BuildNode) -> None:
    before = dict(leaf.spec)
    ada.client.patch(url(leaf), {"user_status": "in_progress"})
    spec = {"objective": " Show the list. ", "constraints": ["No scrolling"]}
    body = ada.client.patch(url(leaf), {"spec": spec}).json()
    prompt = body["spec"]["emitted_prompt"]
    assert body["spec"] == {
        **before, "objective": "Show the list.", "constraints": ["No scrolling"], "emitted_prompt": prompt,
    }  # fmt: skip
    assert "Objective\nShow the list.\n" in prompt
    assert "Constraints\n- No scrolling\n" in prompt
    unchanged = ("Task:", "Tests to write", "Before you begin", "Not part of this task")
    for start in unchanged:
        assert line(prompt, start) == line(before["emitted_prompt"], start)
    assert (body["user_status"], body["node_status"], body["risk"]) == ("in_progress", "leaf", leaf.risk)


def line(text: str, start: str) -> str:
    return next(line for line in text.splitlines() if line.startswith(start))


@pytest.mark.parametrize("key", ["shopping-list", "shopping-list.model", "shopping-list.browsing"])
def test_a_spec_that_stays_as_it_is_keeps_its_prompt(ada: Person, graph: BuildGraph, key: str) -> None:
    node = graph.nodes.get(node_key=key)
    body = ada.client.patch(url(node), {"spec": {"objective": node.spec["objective"]}}).json()
    assert body["spec"] == node.spec


def test_a_prompt_of_ones_own_stays(ada: Person, leaf: BuildNode) -> None:
    spec = {"emitted_prompt": "Do as you like.", "constraints": []}
    assert ada.client.patch(url(leaf), {"spec": spec}).json()["spec"]["emitted_prompt"] == "Do as you like."
    body = ada.client.patch(url(leaf), {"spec": {}, "name": "Pages"}).json()
    assert body["spec"]["emitted_prompt"] == "Do as you like."
    body = ada.client.patch(url(leaf), {"spec": {"test_checklist": ["It shows"]}}).json()
    assert "Tests to write\n- It shows\n" in body["spec"]["emitted_prompt"]


@pytest.mark.parametrize(
    ("spec", "place"),
    [
        ({"objective": ""}, "spec.objective"),
        ({"objective": None}, "spec.objective"),
        ({"objective": "x" * 4_001}, "spec.objective"),
        ({"constraints": "x"}, "spec.constraints"),
        ({"constraints": [1]}, "spec.constraints.0"),
        ({"constraints": [" "]}, "spec.constraints.0"),
        ({"acceptance_criteria": ["x"] * 101}, "spec.acceptance_criteria"),
        ({"test_checklist": ["x" * 4_001]}, "spec.test_checklist.0"),
        ({"emitted_prompt": "x" * 100_001}, "spec.emitted_prompt"),
        ({"emitted_prompt": None}, "spec.emitted_prompt"),
        ({"owner": "x"}, "spec.owner"),
        ([], "spec"),
        (None, "spec"),
    ],
)
def test_specs_that_are_refused(ada: Person, leaf: BuildNode, spec: Any, place: str) -> None:
    answer = ada.client.patch(url(leaf), {"spec": spec, "name": "Pages"})
    assert (answer.status_code, answer.json()["detail"].partition(":")[0]) == (422, place)
    leaf.refresh_from_db()
    assert leaf.name != "Pages"


def test_a_spec_fits_into_a_prompt(ada: Person, leaf: BuildNode) -> None:
    lines = ["x" * 4_000] * 20
    for name in ("constraints", "acceptance_criteria"):
        answer = ada.client.patch(url(leaf), {"spec": {name: lines, "emitted_prompt": "Short."}})
    assert (answer.status_code, answer.json()) == (422, {"detail": "spec: too much for one node"})
    leaf.refresh_from_db()
    assert leaf.spec["constraints"] == lines
    assert leaf.spec["acceptance_criteria"] != lines


def test_a_strangers_spec(mallory: Person, leaf: BuildNode) -> None:
    assert mallory.client.patch(url(leaf), {"spec": {"constraints": []}}).status_code == 404


def test_an_edited_spec_is_shown_and_given_up_by_a_new_expansion(ada: Person, expanded: BuildNode) -> None:
    rules, schema = expanded.children.order_by("node_key")
    ada.client.patch(url(rules), {"spec": {"objective": "Refuse what is wrong.", "constraints": ["Fast"]}})
    ada.client.patch(url(schema), {"spec": {"emitted_prompt": "Do as you like."}})
    shown = ada.client.post(url(expanded, "/re-expand"), {}).json()
    changes = {each["id"]: each["changes"] for each in shown["changed"]}
    assert set(changes[str(rules.pk)]) == {"objective", "constraints"}
    assert changes[str(rules.pk)]["objective"] == {
        "before": "Refuse what is wrong.", "after": rules.spec["objective"],
    }  # fmt: skip
    assert changes[str(schema.pk)] == {
        "emitted_prompt": {"before": "Do as you like.", "after": schema.spec["emitted_prompt"]}
    }
    ada.client.post(url(expanded, "/re-expand"), {"keep": "new", "revision": shown["revision"]})
    for child in (rules, schema):
        spec = child.spec
        child.refresh_from_db()
        assert child.spec == spec


def test_needs_that_were_taken_away_stay_away(
    ada: Person, graph: BuildGraph, leaf: BuildNode, collapsed: BuildNode
) -> None:
    ada.client.patch(url(leaf), {"depends_on": [], "name": "Pages"})
    assert ada.client.patch(url(collapsed), {"depends_on": [str(leaf.pk)]}).status_code == 200
    applied = replaced(ada, graph.nodes.get(node_key="shopping-list"))
    assert [each["node_key"] for each in applied["changed"]] == [leaf.node_key]
    needs = generation.needs_of(graph.pk)
    assert leaf.pk not in needs
    assert not tree.would_cycle(graph.nodes.all(), needs)


def replaced(ada: Person, node: BuildNode) -> dict[str, Any]:
    """What a new expansion of the node changed."""
    shown = ada.client.post(url(node, "/re-expand"), {}).json()
    answer = ada.client.post(url(node, "/re-expand"), {"keep": "new", "revision": shown["revision"]})
    assert answer.status_code == 200
    found: dict[str, Any] = answer.json()
    return found


def test_a_failed_plan_is_not_expanded_anew(ada: Person, graph: BuildGraph) -> None:
    root = graph.nodes.get(node_key="shopping-list")
    BuildGraph.objects.filter(pk=graph.pk).update(ready_at=None)
    Stream.objects.filter(pk=graph.pk).update(status="failed")
    shown = ada.client.post(url(root, "/re-expand"), {}).json()
    answer = ada.client.post(url(root, "/re-expand"), {"keep": "new", "revision": shown["revision"]})
    assert (answer.status_code, answer.json()) == (409, {"detail": "The graph is not ready yet"})
    assert ada.client.post(f"/build-graphs/{graph.pk}/retry").status_code == 202


def test_a_new_expansion_keeps_assessments_and_higher_risks(
    ada: Person, graph: BuildGraph, expanded: BuildNode, leaf: BuildNode
) -> None:
    editing = graph.nodes.get(node_key="shopping-list.editing")
    ada.client.patch(url(expanded), {"name": "Tables"})
    ada.client.patch(url(leaf), {"name": "Pages", "risk": "red"})
    ada.client.patch(url(editing), {"name": "Forms", "risk": "red"})
    replaced(ada, graph.nodes.get(node_key="shopping-list"))
    before = expanded.effort, expanded.confidence, expanded.reasons
    for node in (expanded, leaf, editing):
        node.refresh_from_db()
    assert (expanded.effort, expanded.confidence, expanded.reasons) == before
    assert expanded.effort
    assert (leaf.risk, leaf.effort, editing.risk, editing.effort) == ("red", "small", "red", None)


def test_changes_are_told(ada: Person, graph: BuildGraph, leaf: BuildNode) -> None:
    before = len(log.stored(graph.pk))
    ada.client.patch(url(leaf), {"user_status": "done", "name": "Pages"})
    ada.client.post(url(leaf, "/assess"))
    ada.client.patch(url(leaf), {})
    told = log.stored(graph.pk)[before:]
    assert [event for _, event, _ in told] == ["node_updated", "done"] * 2
    shown = ada.client.get(url(leaf)).json()
    (_, _, data) = told[-2]
    assert data == {name: shown[name] for name in data}
    assert (data["id"], data["name"], data["user_status"]) == (str(leaf.pk), "Pages", "done")
    stream = Stream.objects.get(pk=graph.pk)
    assert (stream.status, stream.is_closed, stream.attempt) == ("ready", True, 1)


def test_changes_are_told_while_a_worker_is_expected(
    ada: Person, graph: BuildGraph, leaf: BuildNode, collapsed: BuildNode
) -> None:
    ada.client.post(url(collapsed, "/expand"))
    ada.client.patch(url(leaf), {"user_status": "done"})
    assert log.types(graph.pk)[-2:] == ["expand_start", "node_updated"]
    worked(graph)
    assert log.types(graph.pk)[-1] == "done"


def test_changes_of_a_failed_plan_leave_it_as_it_is(ada: Person) -> None:
    graph = factories.build_graph(ada.principal)
    node = factories.build_node(graph)
    runs.abandon(graph.pk, errors.BudgetExceeded(stage="plan"))
    Stream.objects.filter(pk=graph.pk).update(stage="plan")
    assert ada.client.patch(url(node), {"name": "Pages"}).status_code == 200
    stream = Stream.objects.get(pk=graph.pk)
    assert (stream.status, stream.stage, stream.is_closed) == ("failed", "plan", True)
