"""The stages of a run one after another, as the runner takes them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, TypeVar

from manticscore.pipeline import Report, Stage

C = TypeVar("C")


def through(context: C, stages: Sequence[type[Stage[C]]], last: type[Any]) -> dict[str, Any]:
    """Run the stages up to `last`; their counts by name."""
    counts = {}
    for stage in stages:
        step = stage()
        output = step.run(context, Report(step.name, lambda event, data: None))
        # What is stored between two stages is JSON: nothing may get lost in it.
        step.resume(context, json.loads(json.dumps(output.data)))
        counts[step.name] = dict(output.counts)
        if stage is last:
            break
    return counts
