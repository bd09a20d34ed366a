"""The order of the faults, and what a run's figures come to."""

from __future__ import annotations

import io
import random
from itertools import islice

import pytest
from rich.console import Console

from manticscore.chaos.faults import Faults, deck
from manticscore.chaos.history import Violation
from manticscore.chaos.report import as_json, as_tables
from manticscore.chaos.run import FULL, Outcome, Plan

KINDS = list(Faults.KINDS)


def test_every_fault_strikes_before_any_comes_again() -> None:
    order = list(islice(deck(random.Random(1), KINDS), 3 * len(KINDS)))
    for start in range(0, len(order), len(KINDS)):
        assert sorted(order[start : start + len(KINDS)]) == sorted(KINDS)


def test_a_seed_gives_one_order() -> None:
    orders = [list(islice(deck(random.Random(seed), KINDS), 30)) for seed in (1, 1, 2)]
    assert orders[0] == orders[1] != orders[2]


@pytest.mark.parametrize(("seconds", "rounds", "pause"), [(FULL, 200, 4.0), (20.0, 7, 1.0), (3.0, 5, 0.6)])
def test_a_short_run_is_a_small_one(seconds: float, rounds: int, pause: float) -> None:
    plan = Plan(seconds, 1)
    assert (plan.rounds, plan.pause) == (rounds, pause)


def test_a_violation_is_in_both_reports() -> None:
    outcome = Outcome(Plan(1.0, 7), violations=[Violation("I5", "a reader", "1 lost: [3]")])
    told = as_json(outcome)
    assert told["verdicts"]["I5"]["violations"] == 1
    assert told["violations"] == [{"invariant": "I5", "where": "a reader", "what": "1 lost: [3]"}]
    console = Console(width=120, file=io.StringIO(), record=True)
    console.print(as_tables(outcome))
    text = console.export_text()
    assert "a reader: 1 lost: [3]" in text
    assert "broken" in text
