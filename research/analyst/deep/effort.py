"""Estimates of working days. Each is the sum of its reasons, so that every day can be argued about."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from research.analyst.deep.archetypes import Archetype
from research.analyst.deep.findings import Findings
from research.schemas_features import DaysReason, Effort, FeatureStudy, MvpEstimate, Risk

SECOND_KIND = 0.5  # share of the days of a feature's second kind
LIMITS_COUNTED = 4
PER_LIMIT = (0.25, 0.5, 1.0)
UNSEEN = (0.0, 1.0, 3.0)
PER_HIGH_RISK = (0.0, 0.5, 1.5)
# What active open-source code saves of a kind's days.
REUSED = (0.3, 0.15, 0.0)

GROUND = (3.0, 5.0, 8.0)
JOINING = (0.05, 0.1, 0.2)

Days = tuple[float, float, float]


def estimate(found: Findings, kinds: Sequence[Archetype], risks: Sequence[Risk]) -> Effort:
    return Effort(**total(reasons := list(_reasons(found, kinds, risks))), reasons=reasons)


def _reasons(found: Findings, kinds: Sequence[Archetype], risks: Sequence[Risk]) -> Iterator[DaysReason]:
    first, *others = kinds
    yield reason(f"Features of the kind “{first.title}” take this long.", first.days)
    for kind in others:
        yield reason(f"It is “{kind.title}” as well.", scaled(kind.days, SECOND_KIND))
    limits = min(LIMITS_COUNTED, len(found.limits))
    if limits:
        yield reason(f"Edge cases seen in products ({limits}) are to be handled.", scaled(PER_LIMIT, limits))
    if not found.implementations:
        yield reason("No implementation was seen that one could learn from.", UNSEEN)
    high = sum(row.level == "high" for row in risks)
    if high:
        yield reason(f"High risks ({high}) ask for more care and tests.", scaled(PER_HIGH_RISK, high))
    usable = [row.name for row in found.open_source if row.activity == "active" and row.is_repository]
    if usable:
        saved = tuple(-days * share for days, share in zip(first.days, REUSED, strict=True))
        yield reason(f"{usable[0]} is open source and active; parts of it may be of use.", saved)


def mvp(studies: Sequence[FeatureStudy]) -> MvpEstimate:
    """Days for these features together, with what belongs to none of them."""
    reasons = [reason("Ground work: project, deployment, data model, first screens.", GROUND)]
    for study in studies:
        reasons.append(reason(study.name, (study.effort.min, study.effort.likely, study.effort.max)))
    if len(studies) > 1:
        days = [sum(values) for values in zip(*map(_days, studies), strict=True)]
        joining = tuple(total * share for total, share in zip(days, JOINING, strict=True))
        reasons.append(reason("Making the features work together, and trying them.", joining))
    return MvpEstimate(**total(reasons), reasons=reasons, feature_ids=[study.id for study in studies])


def _days(study: FeatureStudy) -> Days:
    return study.effort.min, study.effort.likely, study.effort.max


def reason(text: str, days: Sequence[float]) -> DaysReason:
    least, likely, most = (round(day, 2) for day in days)
    return DaysReason(text=text, min=least, likely=likely, max=most)


def scaled(days: Sequence[float], by: float) -> Days:
    least, likely, most = (day * by for day in days)
    return least, likely, most


def total(reasons: Sequence[DaysReason]) -> dict[str, float]:
    return {part: round(sum(getattr(row, part) for row in reasons), 2) for part in ("min", "likely", "max")}
