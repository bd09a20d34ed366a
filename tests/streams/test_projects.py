"""A project's stream on a real server: what it tells, from the position of its home, until it is deleted."""

from __future__ import annotations

import httpx

from tests.helpers.visitors import IDEA, Event, Visitor


def created(visitor: Visitor, title: str = IDEA) -> str:
    answer = visitor.http.post("/projects", json={"title": title})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def home(visitor: Visitor, project_id: str) -> Event:
    answer: Event = visitor.http.get(f"/projects/{project_id}/home").raise_for_status().json()
    return answer


def test_new_project_is_told_what_is_known(visitor: Visitor) -> None:
    project_id = created(visitor)
    with visitor.socket() as socket:
        socket.subscribe(project_id, channel="project")
        told = socket.until("project.seeded")[-1]["data"]
    assert (told["seq"], told["entity_id"], told["channel"]) == (1, project_id, "project")
    assert told["project_id"] == project_id
    assert told["suggested_competitors"]
    assert told["suggested_features"]


def test_following_from_home_tells_everything_once(visitor: Visitor) -> None:
    project_id = created(visitor)
    with visitor.socket() as socket:
        socket.subscribe(project_id, channel="project")
        socket.until("project.seeded")
    cursor = home(visitor, project_id)["ws"]["last_event_seq"]
    assert cursor == 1
    answer = visitor.http.post("/research", json={"idea": IDEA, "project_id": project_id})
    job_id = answer.raise_for_status().json()["job_id"]
    own = visitor.events(job_id)[1:]  # after stream_start
    with visitor.socket() as socket:
        socket.subscribe(project_id, cursor, channel="project")
        frames = [frame for frame in socket.until("subscribed") if "seq" in frame["data"]]
    assert [frame["data"]["seq"] for frame in frames] == list(range(cursor + 1, cursor + 1 + len(own)))
    assert [frame["event"] for frame in frames] == [event["event"] for event in own]
    screen = home(visitor, project_id)
    assert screen["ws"]["last_event_seq"] == cursor + len(own)
    assert screen["research"]["job_id"] == job_id
    assert (screen["project"]["state"], screen["in_flight"]) == ("ready", [])


def test_deletion_ends_what_is_followed(visitor: Visitor) -> None:
    project_id = created(visitor, "A dog walking app")
    answer = visitor.http.post("/research", json={"idea": IDEA, "project_id": project_id})
    job_id = answer.raise_for_status().json()["job_id"]
    with visitor.stream(job_id) as stream:
        lines = stream.iter_lines()
        assert "stream_start" in next(lines)
        assert visitor.http.delete(f"/projects/{project_id}").status_code == 204
        for _ in lines:
            """Until the server ends it."""
    gone = [f"/projects/{project_id}", f"/research/{job_id}", f"/research/{job_id}/events"]
    assert [visitor.http.get(path).status_code for path in gone] == [404] * 3
    with visitor.socket() as socket:
        socket.subscribe(project_id, channel="project")
        refused = socket.until("error")[-1]["data"]
    assert (refused["code"], refused["entity_id"]) == ("NOT_FOUND", project_id)


def test_strangers_follow_nothing(visitor: Visitor, stranger: Visitor) -> None:
    project_id = created(visitor)
    with stranger.socket() as socket:
        socket.subscribe(project_id, channel="project")
        assert socket.until("error")[-1]["data"]["code"] == "NOT_FOUND"
    assert stranger.http.get(f"/projects/{project_id}/home").status_code == httpx.codes.NOT_FOUND
