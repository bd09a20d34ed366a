"""The summary: sentences filled from counted facts, each with the evidence it stands on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

from research.analyst import quotes
from research.analyst.gaps import MADE_FOR
from research.schemas import (
    Competitor,
    CounterArgument,
    Feature,
    Gap,
    Interpretation,
    Page,
    Quote,
    Section,
    Sentence,
    Signal,
)

Key = Literal["market", "incumbents", "emerging", "features", "gaps", "signals"]

MAX_NAMED = 3
MIN_FITTING = 3
ARTICLED = {
    "incumbent": "an incumbent",
    "emerging": "an emerging product",
    "established niche": "an established niche product",
}
MAX_SENTENCES = 2
MAX_PROOFS = 4
MAX_STATEMENTS = 3


def summary(
    competitors: Sequence[Competitor],
    features: Sequence[Feature],
    gaps: Sequence[Gap],
    signals: Sequence[Signal],
) -> list[Section]:
    """One section per part of the landscape that has something to say."""
    drafts: list[tuple[Key, str, Iterable[Sentence]]] = [
        ("market", "The market", _market(competitors)),
        ("incumbents", "Incumbents", _incumbents(competitors)),
        ("emerging", "Emerging products", _emerging(competitors)),
        ("features", "What products offer", _features(features, competitors)),
        ("gaps", "White space", _gaps(gaps)),
        ("signals", "What is changing", _signals(signals)),
    ]
    sections = []
    for key, title, sentences in drafts:
        proved = [sentence for sentence in sentences if sentence.evidence_ids][:MAX_SENTENCES]
        if proved:
            sections.append(Section(key=key, title=title, sentences=proved))
    return sections


def _market(competitors: Sequence[Competitor]) -> Iterable[Sentence]:
    if not competitors:
        return
    stages = [
        (_count(competitors, "incumbent"), "incumbent", "incumbents"),
        (_count(competitors, "emerging"), "emerging product", "emerging products"),
        (_count(competitors, "established niche"), "established niche product", "established niche products"),
    ]
    parts = [_counted(number, one, many) for number, one, many in stages if number]
    yield _sentence(
        f"The landscape lists {_counted(len(competitors), 'product', 'products')}: {_joined(parts)}.",
        competitors,
    )
    fitting = [row for row in competitors if not row.why["adjacent"]]
    nearest = max(fitting or competitors, key=lambda row: (row.relevance, row.threat, row.id))
    if len(fitting) >= min(MIN_FITTING, len(competitors)):
        yield _sentence(
            f"{nearest.name} matches the idea most, with a relevance of {nearest.relevance:.2f}.", [nearest]
        )
    elif fitting:
        verb = _verb(fitting, "has", "have")
        yield _sentence(f"Only {_named(fitting)} {verb} the core of the idea; the rest is related.", fitting)
    else:
        yield _sentence(
            f"None of them has the core of the idea: they are the nearest products known here, {nearest.name}"
            f" first with a relevance of {nearest.relevance:.2f}.",
            [nearest],
        )


def _incumbents(competitors: Sequence[Competitor]) -> Iterable[Sentence]:
    rows = [row for row in competitors if row.stage == "incumbent"]
    if not rows:
        return
    lead = rows[:MAX_NAMED]
    yield _sentence(f"{_named(lead)} {_verb(lead, 'weighs', 'weigh')} most by relevance and size.", lead)
    dated = [row for row in rows if row.founded is not None]
    if dated:
        oldest = min(dated, key=lambda row: (row.founded or 0, row.name, row.id))
        yield _sentence(
            f"The oldest of them with a known year is {oldest.name}, founded in {oldest.founded}.", [oldest]
        )


def _emerging(competitors: Sequence[Competitor]) -> Iterable[Sentence]:
    rows = [row for row in competitors if row.stage == "emerging"][:MAX_NAMED]
    if rows:
        verb = _verb(rows, "is", "are")
        yield _sentence(f"{_named(rows)} {verb} young or gaining, below the scale of the incumbents.", rows)


def _features(features: Sequence[Feature], competitors: Sequence[Competitor]) -> Iterable[Sentence]:
    others = [row for row in features if not row.in_idea]
    if others and competitors:
        common = sorted(others, key=lambda row: (-row.prevalence, row.label))[:MAX_NAMED]
        parts = [f"{row.label} ({_stated(row)} of {len(row.cells)})" for row in common]
        yield _sentence(f"Stated most often: {_joined(parts)}.", common)
    asked = sorted((row for row in features if row.in_idea), key=lambda row: (row.prevalence, row.label))
    if asked:
        rare, share = asked[0], f"{_stated(asked[0])} of {len(asked[0].cells)}"
        if len(asked) > 1:
            yield _sentence(f'Of what the idea asks for, "{rare.label}" is stated least: by {share}.', [rare])
        else:
            yield _sentence(f'"{rare.label}" is stated by {share}.', [rare])


def _gaps(gaps: Sequence[Gap]) -> Iterable[Sentence]:
    sure = [gap for gap in gaps if gap.status == "gap"]
    if sure:
        best, following = sure[0], sure[1:MAX_NAMED]
        size = f"with an opportunity of {best.opportunity:.2f}"
        yield _sentence(f'The largest gap is "{best.label}", {size}: {_lower(best.reasons[0])}', [best])
        if following:
            labels = _joined([_quoted(gap.label) for gap in following])
            yield _sentence(f"Next {_verb(following, 'comes', 'come')} {labels}.", following)
    elif gaps:
        text = f'"{gaps[0].label}" may be a gap, but confidence is only {gaps[0].confidence:.2f}.'
        yield _sentence(text, [gaps[0]])


def _signals(signals: Sequence[Signal]) -> Iterable[Sentence]:
    changes = [signal for signal in signals if signal.kind != "complaint"]
    complaints = [signal for signal in signals if signal.kind == "complaint"]
    if changes:
        yield _sentence(changes[0].text, [changes[0]])
    if complaints:
        yield _sentence(complaints[0].text, [complaints[0]])


# --- The case against --------------------------------------------------------------------------


def against(
    interpretation: Interpretation,
    competitors: Sequence[Competitor],
    features: Sequence[Feature],
    gaps: Sequence[Gap],
) -> CounterArgument | None:
    """The most crowded facet of the idea and the product nearest to all of it; None without proof."""
    if not competitors:
        return None
    asked = [row for row in features if row.in_idea]
    crowded = _most_crowded(asked, interpretation)
    nearest = _nearest(competitors, asked)
    evidence = quotes.distinct(_proofs(crowded, nearest, asked), MAX_PROOFS)
    if not evidence:
        return None
    return CounterArgument(
        text=" ".join(_case(crowded, nearest, asked, competitors)),
        nearest=Page(name=nearest.name, url=nearest.url),
        what_would_change_this=_what_would_change(crowded, nearest, asked, gaps),
        evidence=evidence,
    )


def _most_crowded(asked: Sequence[Feature], interpretation: Interpretation) -> Feature | None:
    core = {facet.text for facet in interpretation.facets if facet.type == "core"}
    rows = [row for row in asked if row.label in core] or list(asked)
    return max(rows, key=lambda row: (row.prevalence, row.label), default=None)


def _nearest(competitors: Sequence[Competitor], asked: Sequence[Feature]) -> Competitor:
    """The product that has most of what the idea asks for; one that lacks its core comes last."""
    return max(
        competitors,
        key=lambda row: (
            not row.why["adjacent"],
            len(_covered(row, asked)),
            row.relevance if row.why["adjacent"] else row.threat,
            row.relevance,
            row.id,
        ),
    )


def _covered(competitor: Competitor, asked: Sequence[Feature]) -> list[tuple[Feature, Quote]]:
    return [
        (row, cell.quote)
        for row in asked
        for cell in row.cells
        if cell.competitor_id == competitor.id and cell.state == "present" and cell.quote
    ]


def _proofs(crowded: Feature | None, nearest: Competitor, asked: Sequence[Feature]) -> Iterable[Quote]:
    yield from nearest.evidence[:1]
    yield from (quote for _, quote in _covered(nearest, asked)[:2])
    if crowded:
        yield from crowded.evidence


def _case(
    crowded: Feature | None,
    nearest: Competitor,
    asked: Sequence[Feature],
    competitors: Sequence[Competitor],
) -> Iterable[str]:
    if crowded:
        yield f'{_stated(crowded)} of {len(competitors)} listed products already state "{crowded.label}".'
    covered = [_quoted(row.label) for row, _ in _covered(nearest, asked)]
    if len(asked) > 1 and covered:
        share = f"all {len(asked)}" if len(covered) == len(asked) else f"{len(covered)} of the {len(asked)}"
        yield (
            f"{nearest.name} comes nearest and states {share} points of the idea that the market knows:"
            f" {_joined(covered)}."
        )
    else:
        yield f"{nearest.name} comes nearest, with a relevance of {nearest.relevance:.2f}."
    yield f"It is {ARTICLED[nearest.stage]} here, with a scale of {nearest.scale:.2f}."


def _what_would_change(
    crowded: Feature | None, nearest: Competitor, asked: Sequence[Feature], gaps: Sequence[Gap]
) -> list[str]:
    statements = []
    if gaps:
        statements.append(f"Buyers who would switch or pay for {_wanted(gaps[0])} ({_supply(gaps[0])}).")
    covered = {row.label for row, _ in _covered(nearest, asked)}
    missing = [_quoted(row.label) for row in asked if row.label not in covered][:2]
    if missing:
        statements.append(
            f"Proof that {nearest.name}, whose sources do not state it, lacks {_joined(missing)}."
        )
    if crowded:
        statements.append(f'Users of {nearest.name} dissatisfied with how it handles "{crowded.label}".')
    statements.append(f"Users for whom {nearest.name} is no option, because of price, platform or rules.")
    return statements[:MAX_STATEMENTS]


def _supply(gap: Gap) -> str:
    return f"supply {gap.supply:.2f}, demand {gap.demand:.2f}"


def _wanted(gap: Gap) -> str:
    return f"a product {gap.label}" if gap.label.startswith(MADE_FOR) else _quoted(gap.label)


# --- Words -------------------------------------------------------------------------------------


def _sentence(text: str, rows: Iterable[Competitor | Feature | Gap | Signal]) -> Sentence:
    """Each row vouches with its first quote."""
    ids = [row.evidence[0].evidence_id for row in rows if row.evidence]
    return Sentence(text=text, evidence_ids=list(dict.fromkeys(ids)))


def _count(competitors: Sequence[Competitor], stage: str) -> int:
    return sum(row.stage == stage for row in competitors)


def _stated(feature: Feature) -> int:
    return sum(cell.state == "present" for cell in feature.cells)


def _counted(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"


def _verb(rows: Sequence[object], one: str, many: str) -> str:
    return one if len(rows) == 1 else many


def _named(rows: Sequence[Competitor]) -> str:
    return _joined([row.name for row in rows[:MAX_NAMED]])


def _quoted(text: str) -> str:
    return f'"{text}"'


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]


def _joined(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
