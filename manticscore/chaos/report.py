"""What a run has shown: for people a table, for programs JSON."""

from __future__ import annotations

from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from manticscore.chaos.history import INVARIANTS
from manticscore.chaos.run import Outcome

SHOWN = 20  # violations


def as_json(outcome: Outcome) -> dict[str, Any]:
    return {
        "seconds": outcome.plan.seconds,
        "seed": outcome.plan.seed,
        "faults": dict(sorted(outcome.faults.items())),
        "totals": outcome.totals,
        "verdicts": {
            name: {"means": means, "violations": count(outcome, name)} for name, means in INVARIANTS.items()
        },
        "violations": [
            {"invariant": one.invariant, "where": one.where, "what": one.what} for one in outcome.violations
        ],
    }


def as_tables(outcome: Outcome) -> RenderableType:
    return Group(faults(outcome), verdicts(outcome), totals(outcome), *violations(outcome))


def faults(outcome: Outcome) -> Table:
    table = Table("fault", "times", title=f"Faults in {outcome.plan.seconds:.0f} s, seed {outcome.plan.seed}")
    for name, times in sorted(outcome.faults.items()):
        table.add_row(name, f"{times}")
    return table


def verdicts(outcome: Outcome) -> Table:
    table = Table("", "invariant", "violations", "verdict", title="Verdicts")
    for name, means in INVARIANTS.items():
        found = count(outcome, name)
        verdict = Text("broken", "bold red") if found else Text("holds", "green")
        table.add_row(name, means, f"{found}", verdict)
    return table


def totals(outcome: Outcome) -> Table:
    table = Table("total", "count")
    for name, number in {**outcome.totals, "violations": len(outcome.violations)}.items():
        table.add_row(name, f"{number:,}")
    return table


def violations(outcome: Outcome) -> list[Text]:
    lines = [Text(f"{one.invariant}  {one.where}: {one.what}") for one in outcome.violations[:SHOWN]]
    more = len(outcome.violations) - SHOWN
    return [*lines, Text(f"... and {more} more")] if more > 0 else lines


def count(outcome: Outcome, invariant: str) -> int:
    return len([one for one in outcome.violations if one.invariant == invariant])
