"""The order to build in, and what of it makes a first usable version."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from research.analyst.deep import effort
from research.analyst.deep.dependencies import Edge, as_rows, between
from research.analyst.deep.wording import covers
from research.analyst.text import stems
from research.schemas_features import Blueprint, BuildStep, Dependency, FeatureStudy

# What this share of the market has is missed where it is not.
EXPECTED = 0.5
WITHOUT_SIGNS = 0.5  # share of the features in phase 1 where neither idea nor market names any

UNTOLD = "Neither idea nor market tells what comes first; it is among those seen most often."


def plan(studies: Sequence[FeatureStudy], idea: str) -> Blueprint:
    needs, aside = between(studies, idea)
    reasons = first_phase(studies, idea, needs)
    order = ordered(studies, needs, reasons)
    steps = [
        step(position, studies[number], as_rows(needs[number], studies), reasons.get(number))
        for position, number in enumerate(order, 1)
    ]
    mvp = effort.mvp([studies[number] for number in order if number in reasons])
    return Blueprint(build_order=steps, set_aside=aside, mvp=mvp)


def step(position: int, study: FeatureStudy, depends_on: list[Dependency], reason: str | None) -> BuildStep:
    return BuildStep(
        position=position,
        phase=1 if reason else 2,
        feature_id=study.id,
        name=study.name,
        depends_on=depends_on,
        reason=reason or "The idea does not name it, and most of the market goes without.",
    )


def first_phase(
    studies: Sequence[FeatureStudy], idea: str, needs: Mapping[int, Sequence[Edge]]
) -> dict[int, str]:
    """The features of the MVP with the reason: named by the idea, expected, or needed by one of these."""
    reasons = {}
    for number, study in enumerate(studies):
        if covers(stems(study.name), stems(idea)):
            reasons[number] = "The idea names it."
        elif study.prevalence >= EXPECTED:
            reasons[number] = f"{study.prevalence:.0%} of the market's products have it."
    if not reasons:
        best = sorted(
            range(len(studies)), key=lambda n: (-studies[n].prevalence, -len(studies[n].implementations), n)
        )
        for number in best[: math.ceil(WITHOUT_SIGNS * len(studies))]:
            reasons[number] = UNTOLD
    waiting = list(reasons)
    while waiting:
        number = waiting.pop()
        for edge in needs[number]:
            if edge.on not in reasons:
                reasons[edge.on] = f"{studies[number].name} needs it."
                waiting.append(edge.on)
    return reasons


def ordered(
    studies: Sequence[FeatureStudy], needs: Mapping[int, Sequence[Edge]], mvp: Mapping[int, str]
) -> list[int]:
    """Topological: of what is possible next, the MVP first, then what most have, then the cheapest."""

    def key(number: int) -> tuple[bool, float, float, int]:
        return number not in mvp, -studies[number].prevalence, studies[number].effort.likely, number

    order: list[int] = []
    waiting = set(range(len(studies)))
    while waiting:
        possible = [n for n in waiting if all(edge.on not in waiting for edge in needs[n])]
        order.append(min(possible, key=key))
        waiting.remove(order[-1])
    return order
