"""GET /projects/{project_id}/home"""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from projects import home
from projects.models import Project
from realtime import publish, runs
from realtime.events import ProgressEvent
from realtime.models import Stream
from realtime.topics import Channel
from tests import factories
from tests.helpers.people import Person

LISTS = {"researches", "feature_researches", "graphs", "briefs", "runs", "chats", "implementations"}
EVENT = ProgressEvent(stage="search", message="on its way")


def get(person: Person, project: Project) -> dict[str, Any]:
    response = person.client.get(f"/projects/{project.pk}/home")
    assert response.status_code == 200
    body: dict[str, Any] = response.json()
    return body


def finish(stream: Stream) -> None:
    runs.StreamJournal(stream.pk, 1, stream.channel).finish("completed", "result", {})


def test_fresh_project(ada: Person) -> None:
    project = factories.project(ada.principal)
    body = get(ada, project)
    assert body["project"] == ada.client.get(f"/projects/{project.pk}").json()
    assert {name for name in body if body[name] == []} == LISTS | {"in_flight"}
    assert body["ws"] == {"entity_id": str(project.pk), "channel": "project", "last_event_seq": 0}


def test_work_of_the_project_by_channel(ada: Person) -> None:
    project = factories.project(ada.principal)
    streams = {
        channel: factories.stream(ada.principal, channel=channel, project_id=project.pk, title=f"a {channel}")
        for channel in home.LISTS.values()
    }
    factories.stream(ada.principal)  # of no project
    body = get(ada, project)
    for key, channel in home.LISTS.items():
        (listed,) = body[key]
        assert (listed["entity_id"], listed["title"]) == (str(streams[channel].pk), f"a {channel}")
    assert {work["entity_id"] for work in body["in_flight"]} == {str(s.pk) for s in streams.values()}
    assert set(body["in_flight"][0]) == {
        "entity_id", "channel", "status", "stage", "last_event_seq", "project_id", "title",
    }  # fmt: skip


def test_finished_work_is_not_in_flight(ada: Person) -> None:
    project = factories.project(ada.principal)
    stream = factories.stream(ada.principal, project_id=project.pk)
    finish(stream)
    body = get(ada, project)
    assert (body["researches"][0]["status"], body["in_flight"]) == ("completed", [])


def test_newest_ten_and_whatever_is_unfinished(ada: Person) -> None:
    project = factories.project(ada.principal)
    old = factories.stream(ada.principal, project_id=project.pk)
    for _ in range(home.SHOWN + 2):
        stream = factories.stream(ada.principal, project_id=project.pk)
        finish(stream)
    body = get(ada, project)
    assert len(body["researches"]) == home.SHOWN
    assert str(old.pk) not in {listed["entity_id"] for listed in body["researches"]}
    assert [work["entity_id"] for work in body["in_flight"]] == [str(old.pk)]


def test_position_counts_the_events_of_all_jobs(ada: Person) -> None:
    project = factories.project(ada.principal)
    for _ in range(3):
        stream = factories.stream(ada.principal, project_id=project.pk)
        publish.append(stream.pk, 1, [EVENT, EVENT])
    assert get(ada, project)["ws"]["last_event_seq"] == 6


def test_event_that_comes_while_home_is_read_is_not_lost(
    ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The cursor is older than the state: following from it tells the event that the state may not show."""
    project = factories.project(ada.principal)
    stream = factories.stream(ada.principal, project_id=project.pk)

    def section(project: Project) -> str:
        publish.append(stream.pk, 1, [EVENT])
        return "read after an event"

    monkeypatch.setitem(home.sections, "late", section)
    body = get(ada, project)
    assert body["late"] == "read after an event"
    assert body["ws"]["last_event_seq"] == 0


def test_sections_of_other_apps(ada: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    project = factories.project(ada.principal)
    monkeypatch.setitem(home.sections, "latest", lambda project: {"about": str(project.pk)})
    assert get(ada, project)["latest"] == {"about": str(project.pk)}


def test_somebody_elses_is_as_absent_as_none(ada: Person, mallory: Person) -> None:
    project = factories.project(ada.principal)
    answers = [mallory.client.get(f"/projects/{key}/home") for key in (project.pk, uuid.uuid4())]
    assert [(a.status_code, a.json()) for a in answers] == [(404, {"detail": "Not found"})] * 2


def test_number_of_queries_does_not_grow(ada: Person) -> None:
    small, large = (factories.project(ada.principal, title=title) for title in ("small", "large"))
    for channel in home.LISTS.values():
        for _ in range(12):
            stream = factories.stream(ada.principal, channel=channel, project_id=large.pk)
            publish.append(stream.pk, 1, [EVENT] * 5)
    counts = []
    for project in (small, large):
        with CaptureQueriesContext(connection) as queries:
            get(ada, project)
        counts.append(len(queries))
    assert counts[0] == counts[1]


def test_a_run_is_in_flight_until_it_ends(ada: Person) -> None:
    project = factories.project(ada.principal)
    stream = factories.stream(ada.principal, project_id=project.pk, attempt=0, status="queued")
    journal = runs.claim(stream.pk)
    assert journal is not None
    journal.emit("stage", {"name": "search", "status": "started"})
    (work,) = get(ada, project)["in_flight"]
    assert (work["channel"], work["status"], work["stage"], work["last_event_seq"]) == (
        Channel.RESEARCH, "running", "search", 1,
    )  # fmt: skip
