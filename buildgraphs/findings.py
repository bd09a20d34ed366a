"""What research found out about chosen features: from artifacts to a plan's material. No input, no output."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from itertools import count
from typing import Any

from buildgraphs import wording
from buildgraphs.schemas import Feature, Material, Statement
from manticscore.lib import ideas
from manticscore.lib.stemvectors import vector
from manticscore.lib.words import content_words, stems

MAX_LABEL = 120
MAX_STATEMENTS = 8  # kept of each kind for one feature
MAX_CAUTIONS = 4
ALIKE = 0.5  # from which nearness of two labels a finding is about a feature

Row = Mapping[str, Any]
Artifacts = Sequence[tuple[str, Row]]  # id of a piece of research and its artifact


def material(idea: str, chosen: Iterable[Row], markets: Artifacts, studies: Artifacts) -> Material:
    """Every chosen feature once, with what all the research says of it."""
    features = [feature(row, markets, studies) for row in distinct(chosen)]
    return Material(idea=ideas.clean(idea), audience=audience(markets), features=features)


def distinct(chosen: Iterable[Row]) -> list[Row]:
    """The first of those that mean the same, each with an id of its own."""
    first: dict[str, Row] = {}
    for row in chosen:
        first.setdefault(ideas.key(row["label"]), row)
    given = {row["id"] for row in first.values()}
    by_id: dict[str, Row] = {}
    for row in first.values():
        own = row["id"] if row["id"] and row["id"] not in by_id else fresh(row["id"], {*given, *by_id})
        by_id[own] = {**row, "id": own}
    return list(by_id.values())


def fresh(base: str, taken: Set[str]) -> str:
    return next(name for name in (f"{base}#{number}" for number in count(2)) if name not in taken)


def audience(markets: Artifacts) -> str:
    """Whom the idea is for, in its own words."""
    facets = (facet for _, artifact in markets for facet in artifact["interpretation"]["facets"])
    return next((ideas.clean(facet["text"]) for facet in facets if facet["type"] == "audience"), "users")


def feature(row: Row, markets: Artifacts, studies: Artifacts) -> Feature:
    label = ideas.shortened(ideas.clean(row["label"]), MAX_LABEL)
    studied = [
        (origin, found) for origin, artifact in studies for found in alike(row, artifact["features"], "name")
    ]
    return Feature(
        id=row["id"],
        label=label,
        source=row.get("source", ""),
        statements=unique([*from_studies(studied), *from_markets(row, markets)]),
        complaints=unique(complaints(row, markets)),
        cautions=[
            text
            for _, study in studied
            for case in study["edge_cases"]
            if (text := ideas.clean(case["text"]))
        ][:MAX_CAUTIONS],
        needs=[
            needed["on"]
            for _, artifact in studies
            for step in artifact["blueprint"]["build_order"]
            if step["feature_id"] == row["id"]
            for needed in step["depends_on"]
        ],
    )


def unique(statements: Iterable[Statement]) -> list[Statement]:
    return list({each.evidence_id: each for each in reversed(list(statements))}.values())[::-1][
        :MAX_STATEMENTS
    ]


def alike(row: Row, found: Sequence[Row], name: str) -> list[Row]:
    """The finding with the feature's id; otherwise those whose label is near, nearest first."""
    same = [each for each in found if each["id"] == row["id"]]
    if same or not stems(row["label"]):
        return same
    wanted = vector(row["label"])
    ranked = [(float(wanted @ vector(each[name])), place) for place, each in enumerate(found)]
    return [found[place] for near, place in sorted(ranked, key=lambda each: -each[0]) if near >= ALIKE]


def from_studies(studied: Sequence[tuple[str, Row]]) -> Iterator[Statement]:
    for origin, study in studied:
        for implementation in study["implementations"]:
            yield from (statement(quote, origin) for quote in implementation["evidence"])


def from_markets(row: Row, markets: Artifacts) -> Iterator[Statement]:
    for origin, artifact in markets:
        for found in alike(row, artifact["features"], "label"):
            cells = [cell["quote"] for cell in found["cells"] if cell["state"] == "present" and cell["quote"]]
            quotes = [quote for quote in [*found["evidence"], *cells] if quote["role"] == "support"]
            yield from (statement(quote, origin) for quote in quotes)


def complaints(row: Row, markets: Artifacts) -> Iterator[Statement]:
    """What is said against others about this feature, or about the gap that it fills."""
    for origin, artifact in markets:
        for gap in alike(row, artifact["gaps"], "label"):
            yield from (
                statement(q, origin) for q in gap["evidence"] if q["role"] in ("complaint", "absence")
            )
        for signal in artifact["signals"]:
            if signal["kind"] == "complaint" and speaks_of(signal["text"], row["label"]):
                yield from (statement(quote, origin) for quote in signal["evidence"])


def speaks_of(text: str, label: str) -> bool:
    """Whether a text has all the words of a label. Where that is one word only, a stem would be too little:
    what is said of books is not said of bookings.
    """
    told = content_words(label)
    if len(told) == 1:
        return wording.singular(told[0]) in map(wording.singular, content_words(text))
    return bool(told) and set(stems(label)) <= set(stems(text))


def statement(quote: Row, origin: str) -> Statement:
    return Statement(
        evidence_id=quote["evidence_id"],
        source=ideas.clean(quote["source_name"]),
        text=ideas.clean(quote["text"]),
        research_id=origin,
    )
