"""What must be true of a run's history whatever happened to its workers."""

from __future__ import annotations

from tests.helpers.installation import Installation
from tests.helpers.visitors import Event, Visitor

STAGES = ["interpret", "search", "judge", "analyze", "synthesize", "persist"]


def stages(events: list[Event], status: str) -> list[str]:
    told = [event["data"] for event in events if event["event"] == "stage"]
    return [data["name"] for data in told if data["status"] == status]


def check_finished(installation: Installation | None, visitor: Visitor, job_id: str) -> list[Event]:
    """The events of a run that must have ended well, after everything that can be said of it was checked.

    Without `installation` its rows are not looked at.
    """
    events = visitor.events(job_id)[1:]
    assert [event["data"]["seq"] for event in events] == list(range(1, len(events) + 1))
    assert stages(events, "completed") == STAGES
    assert list(dict.fromkeys(stages(events, "started"))) == STAGES
    assert stages(events, "failed") == []
    kinds = [event["event"] for event in events]
    assert kinds[-2:] == ["result", "done"]
    assert (kinds.count("result"), kinds.count("error"), kinds.count("done")) == (1, 0, 1)
    kept = visitor.http.get(f"/research/{job_id}").json()
    assert kept["status"] == "completed"
    assert kept["artifact"]["features"]
    assert kept["artifact_hash"] == events[-2]["data"]["artifact_hash"]
    if installation is not None:
        check_rows(installation, job_id, len(events), kept["artifact"]["provenance"]["evidence_count"])
    return events


def check_rows(installation: Installation, job_id: str, event_count: int, evidence_count: int) -> None:
    rows = "SELECT count(*), count(DISTINCT key) FROM research_evidence WHERE job_id = %s"
    ((evidence, distinct),) = installation.query(rows, job_id)
    assert evidence == distinct == evidence_count > 0
    checkpoints = "SELECT count(*) FROM realtime_stageresult WHERE stream_id = %s"
    assert installation.query(checkpoints, job_id) == [(len(STAGES),)]
    stored = "SELECT count(*), max(seq) FROM realtime_event WHERE stream_id = %s"
    assert installation.query(stored, job_id) == [(event_count, event_count)]
