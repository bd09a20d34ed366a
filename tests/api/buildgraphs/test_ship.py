"""GET and POST /build-graphs/{graph_id}/ship, with GitHub's API played on this machine."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import LazySettings
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob

from accounts import vault
from buildgraphs import shipping
from buildgraphs.models import BuildGraph, Shipment, ShippedItem
from manticscore import errors
from manticscore.clients import services
from manticscore.pipeline import Patience, Superseded
from realtime import cancellation, runs
from realtime.models import Event
from tests import factories
from tests.api.buildgraphs.conftest import worked
from tests.helpers.github_server import REPOSITORY, TOKEN, GitHubServer, github_server
from tests.helpers.json_server import refusal
from tests.helpers.people import Person

BODY = {"target": "github", "repo": REPOSITORY}


@pytest.fixture(autouse=True)
def github(settings: LazySettings, monkeypatch: pytest.MonkeyPatch) -> Iterator[GitHubServer]:
    monkeypatch.setattr(shipping, "PATIENCE", Patience(first_wait=0.001))
    settings.GITHUB_WRITE_PAUSE = 0.0001
    with github_server() as server:
        settings.GITHUB_API_URL = server.url
        yield server


@pytest.fixture
def connected(ada: Person) -> Person:
    vault.put(ada.principal.pk, {"github_pat": TOKEN})
    return ada


def ship(who: Person, graph: BuildGraph, **changes: Any) -> Any:
    return who.client.post(f"/build-graphs/{graph.pk}/ship", {**BODY, **changes})


def shipped(who: Person, graph: BuildGraph) -> Any:
    return who.client.get(f"/build-graphs/{graph.pk}/ship").json()


def told(graph: BuildGraph, name: str) -> list[dict[str, Any]]:
    rows = Event.objects.filter(stream_id=graph.pk, type=name).order_by("seq")
    return [row.data for row in rows]


def assert_one_each(graph: BuildGraph, github: GitHubServer) -> None:
    """Every node has one issue, and one event that says so."""
    made = [re.findall(r"\A<!-- build-node: (\S+) -->", issue["body"]) for issue in github.issues]
    assert sorted(made) == sorted([str(pk)] for pk in graph.nodes.values_list("pk", flat=True))
    names = {data["node_id"]: data["reference"] for data in told(graph, "issue_created")}
    assert names == {found[0]: f"#{place}" for place, found in enumerate(made, 1)}
    assert len(told(graph, "issue_created")) == len(made)


def test_an_issue_for_every_node(connected: Person, graph: BuildGraph, github: GitHubServer) -> None:
    answer = ship(connected, graph, repo="Ada/Recipe-Box")
    assert answer.status_code == 202
    assert (answer.json()["status"], answer.json()["destination"]) == ("waiting", REPOSITORY)
    worked(graph)
    assert_one_each(graph, github)
    body = shipped(connected, graph)
    assert [(each["status"], each["error_code"]) for each in body["ships"]] == [("done", None)]
    assert [each["reference"] for each in body["items"]] == [f"#{n + 1}" for n in range(graph.nodes.count())]
    assert body["items"][0]["url"] == github.issues[0]["html_url"]
    assert body["items"][0]["target"] == "github"
    assert [len(told(graph, name)) for name in ("ship_start", "ship_done", "error")] == [1, 1, 0]
    assert told(graph, "ship_done")[0]["item_count"] == graph.nodes.count()
    assert connected.client.get(f"/build-graphs/{graph.pk}").json()["status"] == "ready"


def test_what_an_issue_says(connected: Person, graph: BuildGraph, github: GitHubServer) -> None:
    ship(connected, graph)
    worked(graph)
    places = {data["node_key"]: int(data["reference"][1:]) for data in told(graph, "issue_created")}
    for node in graph.nodes.all():
        issue = github.issues[places[node.node_key] - 1]
        assert issue["title"] == node.name
        assert f"risk: {node.risk}" in issue["labels"]
        assert issue["body"].count("\n- [ ] ") == len(
            node.spec["acceptance_criteria"] + node.spec["test_checklist"]
        )
        assert f"```text\n{node.spec['emitted_prompt']}\n```\n\n</details>" in issue["body"]
        if node.parent is not None:
            assert f"\nPart of #{places[node.parent.node_key]}\n" in issue["body"]
            assert places[node.parent.node_key] < places[node.node_key]
        for need in node.needs.all():
            assert re.search(rf"^After .*#{places[need.node_key]}\b", issue["body"], re.MULTILINE)
    assert set(github.labels) == {label for issue in github.issues for label in issue["labels"]}
    assert any(label.startswith("effort: ") for label in github.labels)


def test_top_level_only_then_all(connected: Person, graph: BuildGraph, github: GitHubServer) -> None:
    ship(connected, graph, top_level_only=True)
    worked(graph)
    assert len(github.issues) == 3
    ship(connected, graph)
    worked(graph)
    assert_one_each(graph, github)
    ship(connected, graph)
    worked(graph)
    assert len(github.issues) == graph.nodes.count()
    assert [each["status"] for each in shipped(connected, graph)["ships"]] == ["done"] * 3


def test_not_connected(ada: Person, graph: BuildGraph, github: GitHubServer) -> None:
    answer = ship(ada, graph)
    assert answer.status_code == 403
    assert answer.json()["detail"].startswith("GitHub is not connected")
    assert github.asked == []


def test_a_token_that_github_rejects(ada: Person, graph: BuildGraph) -> None:
    vault.put(ada.principal.pk, {"github_pat": TOKEN[:-1] + "x"})
    assert ship(ada, graph).status_code == 403
    assert not Shipment.objects.exists()


def test_a_strangers_graph_is_as_absent_as_none(
    graph: BuildGraph, mallory: Person, github: GitHubServer
) -> None:
    vault.put(mallory.principal.pk, {"github_pat": TOKEN})
    answers = [
        ship(mallory, graph),
        mallory.client.post(f"/build-graphs/{free_id(graph)}/ship", BODY),
        mallory.client.get(f"/build-graphs/{graph.pk}/ship"),
    ]
    assert {(answer.status_code, answer.content) for answer in answers} == {(404, answers[0].content)}
    assert github.asked == []


def free_id(graph: BuildGraph) -> str:
    """An id that nobody has."""
    return str(graph.pk)[:-4] + "0000"


@pytest.mark.parametrize(
    "repo", ["recipe-box", "ada/", "ada/..", "../user", "ada/x/y", "ada/x y", "ada/x?y", "äda/x", "-a/b"]
)
def test_repositories_that_cannot_be(
    connected: Person, graph: BuildGraph, github: GitHubServer, repo: str
) -> None:
    assert ship(connected, graph, repo=repo).status_code == 422
    assert github.asked == []


def test_repositories_that_do_not_resolve(connected: Person, graph: BuildGraph, github: GitHubServer) -> None:
    answer = ship(connected, graph, repo="ada/other")
    assert (answer.status_code, answer.json()["detail"].partition(":")[0]) == (422, "repo")
    github.repository["archived"] = True
    assert ship(connected, graph).status_code == 422
    assert connected.client.post(f"/build-graphs/{graph.pk}/ship", {"target": "github"}).status_code == 400


def test_github_is_down_when_asked(
    connected: Person, graph: BuildGraph, github: GitHubServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shipping, "CHECK_SECONDS", 0.2)
    github.fail("GET", REPOSITORY, refusal(500), refusal(403, Retry_After="9"), github.hang)
    answers = [ship(connected, graph) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [502] * 3
    assert answers[1]["Retry-After"] == "9"
    assert not Shipment.objects.exists()


def test_one_at_a_time_and_only_what_is_ready(connected: Person, graph: BuildGraph) -> None:
    assert ship(connected, graph).status_code == 202
    assert ship(connected, graph).status_code == 409
    assert ship(connected, factories.build_graph(connected.principal, "Notes")).status_code == 409


def test_failures_that_pass(connected: Person, graph: BuildGraph, github: GitHubServer) -> None:
    limit = refusal(403, Retry_After="0")
    github.fail("POST", "/labels", limit)
    github.fail("POST", "/issues", limit, refusal(500), lambda: None, limit)
    ship(connected, graph)
    worked(graph)
    assert_one_each(graph, github)


def test_an_answer_that_is_lost(connected: Person, graph: BuildGraph, github: GitHubServer) -> None:
    """The issue is there, although its maker says that it failed."""
    github.after = [refusal(502), lambda: (200, b"{", {}), refusal(403, Retry_After="0")]
    ship(connected, graph)
    worked(graph)
    assert_one_each(graph, github)
    assert github.count("GET", "/issues") == 3


def test_a_limit_that_is_too_long_ends_it_and_again_goes_on(
    connected: Person, graph: BuildGraph, github: GitHubServer
) -> None:
    ship(connected, graph)
    github.fail("POST", "/issues", lambda: None, lambda: None, refusal(429, Retry_After="3600"))
    worked(graph)
    assert len(github.issues) == 2
    last = told(graph, "error")[-1]
    assert (last["code"], last["retryable"]) == ("GITHUB_RATE_LIMITED", True)
    assert shipped(connected, graph)["ships"][0]["error_code"] == "GITHUB_RATE_LIMITED"
    assert connected.client.get(f"/build-graphs/{graph.pk}").json()["status"] == "ready"
    assert ship(connected, graph).status_code == 202
    worked(graph)
    assert_one_each(graph, github)


def test_refused_for_good(connected: Person, graph: BuildGraph, github: GitHubServer) -> None:
    ship(connected, graph)
    github.fail("POST", "/issues", refusal(422))
    worked(graph)
    assert github.count("POST", "/issues") == 1, "a refusal is not asked for again"
    assert told(graph, "error")[-1]["code"] == "GITHUB_REQUEST_REJECTED"


def test_disconnected_meanwhile(connected: Person, graph: BuildGraph, github: GitHubServer) -> None:
    ship(connected, graph)
    vault.put(connected.principal.pk, {"github_pat": None})
    worked(graph)
    assert github.issues == []
    assert told(graph, "error")[-1]["code"] == "GITHUB_NOT_CONNECTED"


def test_without_the_right_to_make_labels(connected: Person, graph: BuildGraph, github: GitHubServer) -> None:
    github.fail("POST", "/labels", refusal(403))
    ship(connected, graph)
    worked(graph)
    assert_one_each(graph, github)


def test_overtaken_before_it_is_recorded(
    connected: Person, graph: BuildGraph, github: GitHubServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker that froze with an issue made writes no more; who took over finds the issue."""
    ship(connected, graph)
    journal = runs.claim(graph.pk)
    assert journal is not None
    with monkeypatch.context() as patch:
        freezing = {"ship:created": lambda: runs.claim(graph.pk)}
        patch.setattr(shipping, "crash_point", lambda name: freezing.get(name, str)())
        with pytest.raises(Superseded):
            list(shipping.carry(graph, journal))
    assert (len(github.issues), told(graph, "issue_created")) == (1, [])
    worked(graph)
    assert_one_each(graph, github)


def test_overtaken_right_before_the_request(
    connected: Person, graph: BuildGraph, github: GitHubServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker that was frozen between looking and sending does not send when it wakes."""
    ship(connected, graph)
    journal = runs.claim(graph.pk)
    assert journal is not None
    monkeypatch.setattr(shipping, "sending_seconds", lambda: 0.0)  # over, as after a long sleep
    freezing = {"ship:sending": lambda: runs.claim(graph.pk)}
    with monkeypatch.context() as patch:
        patch.setattr(shipping, "crash_point", lambda name: freezing.get(name, str)())
        with pytest.raises(Superseded):
            list(shipping.carry(graph, journal))
    assert github.count("POST", "/issues") == 0


def test_a_request_is_over_before_its_worker_counts_as_dead(settings: LazySettings) -> None:
    settings.JOB_STALLED_AFTER, settings.JOB_HEARTBEAT = 10.0, 2.0
    assert shipping.sending_seconds() == 8
    settings.JOB_STALLED_AFTER = 600.0
    assert shipping.sending_seconds() == services.SECONDS


def test_a_run_that_is_given_up_can_be_asked_for_again(connected: Person, graph: BuildGraph) -> None:
    ship(connected, graph)
    runs.abandon(graph.pk, errors.WorkerCrashed())
    assert shipped(connected, graph)["ships"][0]["error_code"] == "WORKER_CRASHED"
    assert ship(connected, graph).status_code == 202


def test_an_expansion_need_not_wait(connected: Person, graph: BuildGraph, github: GitHubServer) -> None:
    collapsed = graph.nodes.get(node_key="shopping-list.model")
    ship(connected, graph)
    connected.client.post(f"/build-nodes/{collapsed.pk}/expand")
    worked(graph)
    assert told(graph, "expand_done")
    assert told(graph, "ship_done")


def test_the_token_is_nowhere(connected: Person, graph: BuildGraph, github: GitHubServer) -> None:
    answer = ship(connected, graph)
    github.fail("POST", "/issues", refusal(422))
    worked(graph)
    texts = [json.dumps(row.data) for row in Event.objects.all()]
    texts += [answer.content.decode(), json.dumps(shipped(connected, graph))]
    texts += [str(vars(row)) for row in (*Shipment.objects.all(), *ShippedItem.objects.all())]
    assert not [text for text in texts if TOKEN in text]


def jobs_of(graph: BuildGraph) -> list[ProcrastinateJob]:
    """Those that wait for a worker."""
    return list(ProcrastinateJob.objects.filter(lock=str(graph.pk), status="todo").order_by("id"))


def taken(graph: BuildGraph) -> BuildGraph:
    """The graph after a worker took its jobs out of the queue and did them."""
    ProcrastinateJob.objects.filter(lock=str(graph.pk))._raw_delete("default")
    return worked(graph)


def test_shipping_lets_others_go_first(
    connected: Person, graph: BuildGraph, github: GitHubServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shipping, "TURN_SECONDS", 0.0)
    ship(connected, graph)
    for turn in range(1, graph.nodes.count() + 1):
        assert not taken(graph).stream.is_closed
        assert [(job.priority, job.scheduled_at) for job in jobs_of(graph)] == [(-1, None)]
        assert len(github.issues) == turn
    assert taken(graph).stream.is_closed
    assert jobs_of(graph) == []
    assert_one_each(graph, github)
    assert github.count("POST", "/labels") == len(github.labels), "made once for all turns"


def test_one_job_that_waits_is_enough(
    connected: Person, graph: BuildGraph, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shipping, "TURN_SECONDS", 0.0)
    ship(connected, graph)
    taken(graph)
    worked(graph)
    assert len(jobs_of(graph)) == 1


def test_a_long_wait_keeps_no_worker(connected: Person, graph: BuildGraph, github: GitHubServer) -> None:
    collapsed = graph.nodes.get(node_key="shopping-list.model")
    ship(connected, graph)
    github.fail("POST", "/issues", lambda: None, refusal(429, Retry_After="30"))
    taken(graph)
    (waiting,) = jobs_of(graph)
    assert waiting.scheduled_at is not None
    asked = len(github.asked)
    connected.client.post(f"/build-nodes/{collapsed.pk}/expand")
    worked(graph)
    assert told(graph, "expand_done"), "nobody waits for a shipment that waits"
    assert len(github.asked) == asked
    Shipment.objects.update(not_before=timezone.now())
    assert worked(graph).stream.is_closed
    assert_one_each(graph, github)


def test_a_tracker_that_always_wants_to_wait(
    connected: Person, graph: BuildGraph, github: GitHubServer
) -> None:
    ship(connected, graph)
    github.fail("POST", "/issues", *[refusal(429, Retry_After="30")] * 3)
    for _ in range(3):
        assert told(graph, "error") == []
        worked(graph)
        Shipment.objects.update(not_before=timezone.now())
    assert told(graph, "error")[-1]["code"] == "GITHUB_RATE_LIMITED"


def test_a_shipment_that_is_cancelled(
    connected: Person, graph: BuildGraph, github: GitHubServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    ship(connected, graph)

    def cancelled(name: str) -> None:
        if name == "ship:recorded":
            cancellation.request(connected.principal.pk, "build", graph.pk)

    with monkeypatch.context() as patch:
        patch.setattr(shipping, "crash_point", cancelled)
        graph = worked(graph)
    assert len(github.issues) == 1
    assert told(graph, "error")[-1]["code"] == "CANCELLED"
    assert shipped(connected, graph)["ships"][0]["error_code"] == "CANCELLED"
    assert (graph.status, graph.stream.status, graph.stream.is_closed) == ("ready", "ready", True)
    assert ship(connected, graph).status_code == 202
    worked(graph)
    assert_one_each(graph, github)
