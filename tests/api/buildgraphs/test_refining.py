"""A language model at work on a plan: what it may add, what it may not, and what its failures do."""

from __future__ import annotations

from typing import Any

import pytest

from accounts import language_models
from accounts.language_models import Choice
from accounts.models import ModelCall
from buildgraphs.models import BuildGraph
from manticscore.clients.llm import errors
from manticscore.clients.llm.scripted import ScriptedModel
from tests import factories
from tests.api.buildgraphs.conftest import worked
from tests.helpers import log
from tests.helpers.people import Person

BROWSING = "shopping-list.browsing"
LINE = "The shopping list groups entries by the aisle of the shop."


def note(key: str = BROWSING, **values: Any) -> dict[str, Any]:
    return {"nodes": [{"key": key, **values}]}


def planned(monkeypatch: pytest.MonkeyPatch, ada: Person, *lines: Any) -> tuple[BuildGraph, ScriptedModel]:
    model = ScriptedModel(lines)
    monkeypatch.setattr(language_models, "choose", lambda owner_id: Choice(model, own_key=False))
    return worked(factories.build_graph(ada.principal, "Shopping list")), model


def test_lines_and_risk_are_added(ada: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = note(
        acceptance_criteria=[LINE, LINE, ""],
        unknowns=["Which shops?"],
        risk="red",
        risk_reason="Shops differ.",
    )
    graph, model = planned(monkeypatch, ada, answer)
    node = graph.nodes.get(node_key=BROWSING)
    assert node.spec["acceptance_criteria"].count(LINE) == 1
    assert len(node.spec["acceptance_criteria"]) == 3
    assert LINE in node.spec["emitted_prompt"]
    assert (node.risk, node.unknowns) == ("red", ["Which shops?"])
    assert {"about": "risk", "text": "Shops differ."} in node.reasons
    assert len(model.requests) == 1
    assert ModelCall.objects.get().reply is None, "answers are not kept longer than they are needed"


@pytest.mark.parametrize(
    "answer",
    [
        note(risk="green"),
        note("somewhere.else", acceptance_criteria=[LINE]),
        note(risk="none", acceptance_criteria=LINE),
        {"nodes": "none"},
        {},
        {"nodes": [{"key": "new", "name": "Another node"}]},
    ],
)
def test_nothing_else_is_taken(ada: Person, monkeypatch: pytest.MonkeyPatch, answer: Any) -> None:
    graph, _ = planned(monkeypatch, ada, answer)
    assert graph.status == "ready"
    plain = {node.node_key: (node.spec, node.risk) for node in graph.nodes.all()}
    monkeypatch.setattr(language_models, "choose", lambda owner_id: None)
    offline = worked(factories.build_graph(ada.principal, "Shopping list"))
    assert plain == {node.node_key: (node.spec, node.risk) for node in offline.nodes.all()}


def test_rules_are_the_least(ada: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    graph, _ = planned(monkeypatch, ada, note("shopping-list.model", risk="green"))
    assert graph.nodes.get(node_key="shopping-list.model").risk == "yellow"


def test_no_more_than_a_few_lines(ada: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    graph, _ = planned(monkeypatch, ada, note(constraints=[f"Line {number}." for number in range(9)]))
    assert graph.nodes.get(node_key=BROWSING).spec["constraints"] == ["Line 0.", "Line 1.", "Line 2."]


def test_timeout_can_be_retried(ada: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    graph, model = planned(monkeypatch, ada, errors.Timeout())
    told = log.stored(graph.pk)
    assert [event for _, event, _ in told][-2:] == ["error", "done"]
    assert (told[-2][2]["code"], told[-2][2]["retryable"]) == ("LLM_TIMEOUT", True)
    assert (graph.status, graph.nodes.count()) == ("failed", 0)
    model._lines = [note(acceptance_criteria=[LINE])]
    assert ada.client.post(f"/build-graphs/{graph.pk}/retry").status_code == 202
    graph = worked(graph)
    assert (graph.status, graph.nodes.count()) == ("ready", 4)
    assert log.types(graph.pk).count("node_created") == 4
    assert LINE in graph.nodes.get(node_key=BROWSING).spec["acceptance_criteria"]


@pytest.mark.parametrize("failure", [errors.KeyRejected(), errors.QuotaExceeded(), "no JSON"])
def test_other_failures_leave_the_offline_plan(
    ada: Person, monkeypatch: pytest.MonkeyPatch, failure: Any
) -> None:
    graph, _ = planned(monkeypatch, ada, failure)
    assert graph.status == "ready"
    (told,) = [data for _, event, data in log.stored(graph.pk) if event == "progress"]
    assert told["message"].startswith("The plan of Shopping list stands as it is: ")


def test_expansion_is_refined_and_its_notes_survive_a_new_one(
    ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    rules = "shopping-list.model.rules"
    graph, model = planned(monkeypatch, ada, {}, note(rules, test_checklist=[LINE], risk="yellow"))
    node = graph.nodes.get(node_key="shopping-list.model")
    assert ada.client.post(f"/build-nodes/{node.pk}/expand").status_code == 202
    worked(graph)
    assert LINE in graph.nodes.get(node_key=rules).spec["test_checklist"]
    shown = ada.client.post(f"/build-nodes/{node.pk}/re-expand", {}).json()
    assert (shown["changed"], len(model.requests)) == ([], 2), "nothing is asked to look at a revision"
    child = graph.nodes.get(node_key=rules)
    assert ada.client.post(f"/build-nodes/{child.pk}/assess").json()["risk"] == "yellow"


def test_timeout_of_an_expansion(ada: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    graph, model = planned(monkeypatch, ada, {}, errors.Timeout())
    node = graph.nodes.get(node_key="shopping-list.model")
    for _ in range(2):
        assert ada.client.post(f"/build-nodes/{node.pk}/expand").status_code == 202
        graph = worked(graph)
        model._lines = [{}]
    codes = [data["code"] for _, event, data in log.stored(graph.pk) if event == "error"]
    assert codes == ["LLM_TIMEOUT"]
    node.refresh_from_db()
    assert (node.node_status, node.children.count()) == ("expanded", 2)


def test_an_expansion_without_the_model_says_so(ada: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    graph, _ = planned(monkeypatch, ada, {}, errors.CeilingReached())
    node = graph.nodes.get(node_key="shopping-list.model")
    ada.client.post(f"/build-nodes/{node.pk}/expand")
    worked(graph)
    told = [(event, data) for _, event, data in log.stored(graph.pk)]
    ((_, progress),) = [each for each in told if each[0] == "progress"]
    assert progress["stage"] == "expand"
    assert progress["message"].endswith(errors.CeilingReached().message)
    assert told[-2][0] == "expand_done"


def test_what_is_changed_while_the_model_thinks_stays(ada: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = {"risk": "red", "name": "Tables", "effort": "very_large", "unknowns": ["How many?"]}

    def patched(request: Any) -> dict[str, Any]:
        assert ada.client.patch(f"/build-nodes/{node.pk}", wanted).status_code == 200
        return {}

    graph, _ = planned(monkeypatch, ada, {}, patched)
    node = graph.nodes.get(node_key="shopping-list.model")
    ada.client.post(f"/build-nodes/{node.pk}/expand")
    worked(graph)
    node.refresh_from_db()
    assert {name: getattr(node, name) for name in wanted} == wanted
    assert (node.node_status, node.confidence) == ("expanded", "medium")
