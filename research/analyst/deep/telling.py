"""The result in a few sentences, filled from counted facts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from research.schemas import Sentence
from research.schemas_features import Blueprint, FeatureStudy


def summary(studies: Sequence[FeatureStudy], blueprint: Blueprint) -> list[Sentence]:
    return [*map(about, studies), *conclusion(studies, blueprint)]


def about(study: FeatureStudy) -> Sentence:
    """What was seen of one feature, on the first quotes."""
    if not study.implementations:
        return Sentence(text=f"{study.name}: {study.note}", evidence_ids=[])
    first = study.implementations[:2]
    names = " and ".join(row.product for row in first)
    count = len(study.implementations)
    seen = f"{count} implementations seen, among them {names}" if count > 1 else f"one is seen, {names}"
    text = f"{study.name}: {seen}."
    if study.patterns:
        text += f" Most common: {study.patterns[0].label}."
    return Sentence(text=text, evidence_ids=[row.evidence[0].evidence_id for row in first])


def conclusion(studies: Sequence[FeatureStudy], blueprint: Blueprint) -> Iterator[Sentence]:
    mvp = blueprint.mvp
    first = blueprint.build_order[0].name
    text = (
        f"A first version has {len(mvp.feature_ids)} of {len(studies)} features, begins with {first}, and"
        f" takes {mvp.min:.0f} to {mvp.max:.0f} days, most likely {mvp.likely:.0f}."
    )
    yield Sentence(text=text, evidence_ids=[])
    worst = max(
        ((row, study) for study in studies for row in study.risk_matrix),
        key=lambda item: item[0].severity,
        default=None,
    )
    if worst is not None:
        row, study = worst
        ids = [quote.evidence_id for quote in row.evidence]
        yield Sentence(text=f"The greatest risk is with {study.name}: {row.text}.", evidence_ids=ids)
