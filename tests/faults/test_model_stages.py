"""Workers that die while a language model works for them: nothing is paid for twice."""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.faults.story import check_finished
from tests.helpers.installation import Installation
from tests.helpers.llm_analyst import stage, work
from tests.helpers.llm_server import LlmServer, llm_server
from tests.helpers.visitors import Visitor

pytestmark = pytest.mark.faults
STAGES = ["interpret", "judge", "analyze", "synthesize"]
KEPT = [f"{name}:{moment}" for name in STAGES for moment in ("settled", "computed")]
# Whether a call was made, or what it answered, is known to nobody: it is not made again.
LOST = [("judge:reserved", 0), ("analyze:answered", 1), ("synthesize:answered", 1)]


@pytest.fixture
def model() -> Iterator[LlmServer]:
    with llm_server(work) as server:
        yield server


def finished(
    installation: Installation, visitor: Visitor, model: LlmServer, point: str, mercy: Path
) -> dict[str, Any]:
    """The artifact of a run whose first worker dies at `point`."""
    configured = {"ANTHROPIC_API_KEY": "sk-ant-of-the-installation-000", "ANTHROPIC_BASE_URL": model.url}
    crash = {"CRASH_AT": point, "CRASH_ONCE": str(mercy), **configured}
    with installation.work(**crash) as one, installation.work(**crash) as other:
        job_id = visitor.start()
        check_finished(installation, visitor, job_id)
        dead = [worker for worker in (one, other) if not worker.is_running]
        assert [worker.wait() for worker in dead] == [-signal.SIGKILL]
    artifact: dict[str, Any] = visitor.http.get(f"/research/{job_id}").json()["artifact"]
    return artifact


@pytest.mark.parametrize("point", KEPT)
def test_a_resumed_run_does_not_pay_again(
    installation: Installation, visitor: Visitor, model: LlmServer, tmp_path: Path, point: str
) -> None:
    artifact = finished(installation, visitor, model, point, tmp_path / "crashed")
    assert Counter(stage(asked.material) for asked in model.asked) == Counter(STAGES)
    assert artifact["refinement"]["failures"] == []
    assert [call["outcome"] for call in artifact["refinement"]["calls"]] == ["ok"] * 4
    used = visitor.http.get("/v1/usage").json()["language_models"]
    assert used == {"calls": 4, "tokens_in": 4000, "tokens_out": 400, "cost_micro_usd": 12_000}


@pytest.mark.parametrize(("point", "made"), LOST)
def test_a_call_whose_end_nobody_knows_is_not_made_again(
    installation: Installation, visitor: Visitor, model: LlmServer, tmp_path: Path, point: str, made: int
) -> None:
    artifact = finished(installation, visitor, model, point, tmp_path / "crashed")
    lost = point.partition(":")[0]
    assert Counter(stage(asked.material) for asked in model.asked)[lost] == made
    (failure,) = artifact["refinement"]["failures"]
    assert (failure["stage"], failure["code"]) == (lost, "LLM_INTERRUPTED")
    assert artifact["refinement"]["degraded"] is True
    (open_call,) = [call for call in artifact["refinement"]["calls"] if not call["settled"]]
    assert open_call["stage"] == lost
    assert open_call["cost_micro_usd"] > 0
