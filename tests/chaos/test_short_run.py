"""A whole chaos run, shortened: every part of it is real, and every fault strikes at least once."""

from __future__ import annotations

import json

import pytest

from manticscore.chaos.faults import Faults
from manticscore.chaos.history import INVARIANTS
from tests.faults.conftest import IMPATIENT
from tests.helpers import environment
from tests.helpers.installation import Installation

SECONDS = 15


@pytest.mark.faults
@pytest.mark.timeout(300)
def test_nothing_is_lost_whatever_breaks() -> None:
    installation = Installation(environment.DIRECTORY / "chaos", None, **IMPATIENT)
    told = installation.start("chaos", "--minutes", str(SECONDS / 60), "--seed", "7", "--json")
    with told:
        assert told.wait(240) == 0, told.output
    outcome = json.loads(told.output[told.output.index("{\n") :])
    assert outcome["violations"] == []
    assert outcome["verdicts"].keys() == INVARIANTS.keys()
    assert outcome["faults"].keys() == Faults.KINDS.keys(), "every kind has struck"
    assert outcome["totals"]["events"] > 200
    assert outcome["totals"]["deliveries"] > outcome["totals"]["events"]
    assert outcome["totals"]["reconnects"] > 0
    assert outcome["totals"]["simultaneous connects"] == 5
    assert not list((installation.directory / "chaos").iterdir()), "nothing is left behind"
