"""Following what was pruned, with a real server."""

from __future__ import annotations

import pytest

from tests.helpers.installation import Installation
from tests.helpers.visitors import Visitor


@pytest.fixture
def pruned(installation: Installation, visitor: Visitor) -> str:
    """The visitor's job, of which the outcome is left."""
    job_id = visitor.finish()
    aged = "UPDATE realtime_stream SET closed_at = now() - interval '2 days' WHERE id = %s"
    installation.query(aged, job_id)
    assert "of 1 streams deleted." in installation.manage("prune_events", "--older-than", "1d")
    return job_id


def test_what_is_left_comes_after_a_reset(visitor: Visitor, pruned: str) -> None:
    _, reset, result, done = visitor.events(pruned)
    assert (reset["event"], reset["data"]["entity_id"]) == ("reset", pruned)
    assert "pruned" in reset["data"]["reason"]
    assert (result["event"], done["event"]) == ("result", "done")
    assert done["data"]["seq"] == result["data"]["seq"] + 1
    last = done["data"]["seq"]
    assert [event["event"] for event in visitor.events(pruned, last - 2)[1:]] == ["result", "done"]
    assert [event["event"] for event in visitor.events(pruned, last - 1)[1:]] == ["done"]
    assert [event["event"] for event in visitor.events(pruned, last)[1:]] == ["done"]
    with visitor.socket() as socket:
        socket.subscribe(pruned)
        assert [frame["event"] for frame in socket.until("subscribed")] == [
            "reset", "result", "done", "subscribed",
        ]  # fmt: skip
    assert visitor.http.get(f"/research/{pruned}").json()["artifact"]["features"]
