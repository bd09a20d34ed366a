"""Who is in the market: products merged from their sources, how large they are, how they move."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any, Literal

import numpy as np
from rapidfuzz import fuzz

from research.analyst import quotes
from research.analyst.documents import Document, Passage, Vector
from research.analyst.judging import Judgement
from research.analyst.sites import CATALOGUES, KIND_OF_SITE
from research.analyst.text import words
from research.schemas import CategoryGuess, Competitor, Facet, Quote

Judged = tuple[Document, Judgement]
Stage = Literal["incumbent", "emerging", "established niche"]

SAME_NAME = 92.0
SAME_BRAND = 80.0
INCUMBENT_SCALE = 0.6
INCUMBENT_VOTES = 2
TOP_FIFTH = 0.8
# A category this much less likely than the likeliest is another market.
SAME_MARKET = 0.5
# Below this many products a percentile says nothing about size.
MIN_MARKET = 3
GAINING = 0.6
MIN_MENTIONS = 2
_NAMINGS = frozenset(["votes", "mentions"])
YOUNG_MONTHS = 36
# Up to this age, a product of which no activity is known may be a challenger for its youth.
CHALLENGER_MONTHS = 8 * 12
YOUNG_BONUS = 0.2
NEUTRAL = 0.5
ACTIVE_MONTHS = 6
FADING_MONTHS = 12
# A sentence about what a product lacks does not say what it is.
_REGRET = re.compile(r"\b(?:complain|does not|has no|cannot|missing|lacks|too expensive)", re.IGNORECASE)
MAX_PER_STAGE = 8
MAX_QUOTES = 3
SCALE_SHARE, MOMENTUM_SHARE = 0.6, 0.4
SCALE_WEIGHTS = {"votes": 0.35, "mentions": 0.2, "age": 0.2, "adoption": 0.2, "encyclopedia": 0.15}
# Stars are bought by the million ("Six Million (Suspected) Fake Stars in GitHub", ICSE 2026).
MAX_ADOPTION_SHARE = 0.25
# A vendor's name stands for hundreds of products, so it is never short for one of them.
VENDORS = frozenset(
    ["adobe", "amazon", "apple", "atlassian", "facebook", "google", "meta", "microsoft", "samsung", "zoho"]
)


@dataclass(frozen=True, slots=True)
class Entity:
    """One product with every source that describes it, the most telling source first.

    `adjacent`: it lacks the core of the idea, or belongs to another market.
    """

    id: str
    sources: tuple[Judged, ...]
    names: tuple[str, ...]
    adjacent: bool

    @property
    def lead(self) -> Document:
        return self.sources[0][0]

    @property
    def name(self) -> str:
        return self.lead.name

    @property
    def relevance(self) -> float:
        """comp(e): 1 - product of (1 - w) over the evidence weights of its sources."""
        return 1.0 - math.prod(1.0 - judgement.weight for _, judgement in self.sources)

    @property
    def loose(self) -> bool:
        """Whether it is here only because nothing fits the idea better."""
        return all(judgement.fit == "loose" for _, judgement in self.sources)

    @property
    def founded(self) -> int | None:
        return next((document.founded for document, _ in self.sources if document.founded), None)

    @property
    def pricing(self) -> str | None:
        return next((document.pricing for document, _ in self.sources if document.pricing), None)

    @property
    def category(self) -> str | None:
        return next((document.category for document, _ in self.sources if document.category), None)


def core(entities: Sequence[Entity]) -> list[Entity]:
    """The products that make the market; all of them while too few have the core of the idea."""
    matching = [entity for entity in entities if not entity.adjacent]
    return matching if len(matching) >= MIN_MARKET else list(entities)


def scoped(entities: Sequence[Entity], categories: Sequence[CategoryGuess]) -> list[Entity]:
    """The products, with those of unlikely categories marked adjacent while enough others remain."""
    likeliest = max((guess.probability for guess in categories), default=0.0)
    market = {guess.slug for guess in categories if guess.probability >= SAME_MARKET * likeliest}
    inside = [entity for entity in entities if entity.category is None or entity.category in market]
    if not market or sum(not entity.adjacent for entity in inside) < MIN_MARKET:
        return list(entities)
    kept = {entity.id for entity in inside}
    return [replace(entity, adjacent=entity.adjacent or entity.id not in kept) for entity in entities]


@dataclass(frozen=True, slots=True)
class Mention:
    """One product's sources name another product; `vote` when they set it up as the alternative."""

    source: str
    target: str
    vote: bool
    relevance: float


@dataclass(frozen=True, slots=True)
class Activity:
    """What is known about a product's development; every field may be unknown.

    `growth` is log((commits of the last 6 months + 1) / (of the 6 months before + 1)).
    `idle_months` counts from the last commit or release to the day the source was last current.
    """

    last: date | None
    idle_months: int | None
    growth: float | None
    archived: bool

    @property
    def known(self) -> bool:
        """Whether any commit or release is on record, or that there was none."""
        return self.archived or self.last is not None or self.idle_months is not None

    @property
    def active(self) -> bool:
        return not self.archived and (self.idle_months is None or self.idle_months <= ACTIVE_MONTHS)

    @property
    def fading(self) -> bool:
        return self.archived or (self.idle_months is not None and self.idle_months >= FADING_MONTHS)


@dataclass(frozen=True, slots=True)
class Standing:
    """Size and speed of a product within its market, each 0 to 1, with what they came from."""

    scale: float
    momentum: float
    votes: int
    age_months: int | None
    activity: Activity
    basis: str = "nothing known"
    why: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Players:
    """The listed competitors, and the products that no longer play."""

    competitors: list[Competitor]
    fading: list[tuple[Entity, Activity]]


# --- Merging sources into products -------------------------------------------------------------


# Sources about other people's products. What they are called is a headline, not a product's name.
REPORTS = frozenset({"news", "forum", "listicle"})


def merge(judged: Sequence[Judged]) -> list[Entity]:
    """Products in order of id; sources of one site of their own or of nearly one name are one product.

    A report joins the one product on whose site it is or that its headline names, and is nobody's otherwise.
    """
    products = _products([item for item in judged if item[0].kind not in REPORTS])
    told: dict[str, list[Judged]] = defaultdict(list)
    for item in sorted((item for item in judged if item[0].kind in REPORTS), key=lambda item: item[0].id):
        named = [entity for entity in products if _is_about(item[0], entity)]
        if len(named) == 1:
            told[named[0].id].append(item)
    return [replace(entity, sources=(*entity.sources, *_by_weight(told[entity.id]))) for entity in products]


def _is_about(report: Document, entity: Entity) -> bool:
    if report.domain and any(document.domain == report.domain for document, _ in entity.sources):
        return True
    names = "|".join(map(re.escape, entity.names))
    return re.search(rf"(?<!\w)(?:{names})(?!\w)", report.name) is not None


def _products(judged: Sequence[Judged]) -> list[Entity]:
    ordered = sorted(judged, key=lambda item: item[0].id)
    group = list(range(len(ordered)))
    for later in range(len(ordered)):
        for earlier in range(later):
            if _same_product(ordered[earlier][0], ordered[later][0]):
                old, new = group[later], group[earlier]
                group = [new if number == old else number for number in group]
    members: dict[int, list[Judged]] = defaultdict(list)
    for number, item in zip(group, ordered, strict=True):
        members[number].append(item)
    return sorted(map(_entity, members.values()), key=lambda entity: entity.id)


def _same_product(a: Document, b: Document) -> bool:
    left, right = a.name.casefold(), b.name.casefold()
    if a.domain == b.domain and _has_own_site(a) and _has_own_site(b):
        # One vendor's site can hold several catalogued products: "Zoho CRM" and "Zoho Books".
        both_catalogued = a.category is not None and b.category is not None
        return not both_catalogued or fuzz.token_set_ratio(left, right) >= SAME_BRAND
    one_category = a.category is None or b.category is None or a.category == b.category
    return one_category and _same_name(left, right)


def _has_own_site(document: Document) -> bool:
    """Whether the address tells the product: not where one site describes those of everybody."""
    shared = document.kind in CATALOGUES or KIND_OF_SITE.get(document.domain) in CATALOGUES
    return bool(document.domain) and not shared


def _same_name(left: str, right: str) -> bool:
    """Equal but for spelling. Brands are short, and one letter apart is another: Mealie, Mealime."""
    if [part for part in left if part.isalnum()] == [part for part in right if part.isalnum()]:
        return True
    return words(left)[:1] == words(right)[:1] and fuzz.token_sort_ratio(left, right) >= SAME_NAME


def _entity(members: Sequence[Judged]) -> Entity:
    sources = _by_weight(members)
    first = min(document.id for document, _ in members)
    adjacent = all(judgement.adjacent for _, judgement in members)
    return Entity(quotes.identity("competitor", first), sources, _names(sources), adjacent)


def _by_weight(members: Sequence[Judged]) -> tuple[Judged, ...]:
    return tuple(sorted(members, key=lambda item: (-item[1].weight, item[0].id)))


def _names(sources: Sequence[Judged]) -> tuple[str, ...]:
    """Names its own sources call it by, longest first: "Plausible Analytics", "Plausible"."""
    names = {document.name for document, _ in sources}
    for document, _ in sources:
        names.update(_short_names(document))
    return tuple(sorted(names, key=lambda name: (-len(name), name)))


def _short_names(document: Document) -> Iterable[str]:
    parts = document.name.split()
    for size in range(1, len(parts)):
        short = " ".join(parts[:size])
        opening = re.compile(rf"{re.escape(short)}(?:'s)? [a-z]")
        # Twice, because a sentence may open with an ordinary word that is also in the name.
        used = sum(opening.match(passage.text) is not None for passage in document.passages)
        if used >= 2 and short.casefold() not in VENDORS:
            yield short


# --- Who names whom ----------------------------------------------------------------------------

# Atomic, because a name may itself hold an "and": the longest items reach as far as any others.
_LISTED_BEFORE = r"(?>[^,.;:]{1,40}(?:,? and|,? or|,)\s+){0,4}"
_RIVAL_BEFORE = re.compile(
    r"\b(?:alternatives? (?:to|for)|vs\.?|versus|compared (?:with|to)|rivals? (?:to|such as|like)?"
    r"|switch(?:ed|es|ing)? (?:here )?from|mov(?:ed|es|ing) (?:away )?from|migrat(?:ed|es|ing|ion) from"
    r"|import(?:s|ed)? (?:\w+ ){0,3}from|unlike|compet(?:es|ed|ing|e) (?:directly )?(?:with|against)"
    r"|competitors? (?:to|of|such as|like)|replacement for|answer to|than)"
    r"\s+(?:(?:the|tools|apps|services|software|suites|products|rivals)\s+){0,3}(?:such as |like )?"
    + _LISTED_BEFORE
    + r"$",
    re.IGNORECASE,
)
_RIVAL_AFTER = re.compile(
    r"^\s+(?:competitors?|alternatives?|rivals?|vs\.?|versus|refugees)\b", re.IGNORECASE
)


def mentions(entities: Sequence[Entity]) -> list[Mention]:
    """Where products name one another; each pair once, as a vote when any sentence makes it one."""
    owners = {name: entity.id for entity in reversed(entities) for name in entity.names}
    if not owners:
        return []
    longest_first = sorted(owners, key=lambda name: (-len(name), name))
    pattern = re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, longest_first))})(?!\w)")
    found: dict[tuple[str, str], Mention] = {}
    for entity in entities:
        for document, judgement in entity.sources:
            for passage in document.passages:
                for target, vote in _named(passage.text, pattern, owners):
                    seen = found.get((entity.id, target))
                    if target != entity.id and (seen is None or (vote and not seen.vote)):
                        found[entity.id, target] = Mention(entity.id, target, vote, judgement.relevance)
    return [found[pair] for pair in sorted(found)]


def _named(sentence: str, pattern: re.Pattern[str], owners: Mapping[str, str]) -> Iterable[tuple[str, bool]]:
    for match in pattern.finditer(sentence):
        # "Things get done" opens with a word, not with the product Things.
        if match.start() == 0 and " " not in match[0]:
            continue
        before, after = sentence[: match.start()], sentence[match.end() :]
        vote = _RIVAL_BEFORE.search(before) is not None or _RIVAL_AFTER.match(after) is not None
        yield owners[match[0]], vote


# --- Size and speed ----------------------------------------------------------------------------


def standings(entities: Sequence[Entity], as_of: date) -> dict[str, Standing]:
    """Where each product stands among the others, by id; adjacent products set no standards."""
    market = core(entities)
    named = mentions(entities)
    activities = {entity.id: activity(entity, as_of) for entity in entities}
    inputs = {entity.id: _scale_inputs(entity, named, as_of) for entity in entities}
    ranks = _ranks(inputs, [entity.id for entity in market])
    growth = {entity.id: activities[entity.id].growth for entity in entities}
    growth_ranks = _percentiles(growth, [growth[entity.id] for entity in market])
    youth = _youth(inputs, [entity.id for entity in market])
    return {
        entity.id: _standing(
            inputs[entity.id],
            ranks[entity.id],
            _pace(growth_ranks[entity.id], youth[entity.id], activities[entity.id]),
            activities[entity.id],
            named,
            entity.id,
        )
        for entity in entities
    }


@dataclass(frozen=True, slots=True)
class Pace:
    """What momentum is read from: a percentile among the products, and of what."""

    basis: Literal["growth", "youth", "nothing known"]
    percentile: float | None


def _pace(growth: float | None, youth: float | None, activity: Activity) -> Pace:
    """Growth where activity is on record; without any record, youth stands in for it."""
    if activity.known or growth is not None:
        return Pace("growth", growth)
    return Pace("nothing known", None) if youth is None else Pace("youth", youth)


def _youth(
    inputs: Mapping[str, Mapping[str, float | None]], market: Sequence[str]
) -> dict[str, float | None]:
    """Share of the dated core products that are older, for those young enough to be challengers."""
    ages = {id: None if (age := values["age"]) is None else -age for id, values in inputs.items()}
    reference = [ages[id] for id in market]
    if len({age for age in reference if age is not None}) < 2:
        return dict.fromkeys(inputs)
    young = {id: age if age is not None and -age <= CHALLENGER_MONTHS else None for id, age in ages.items()}
    return _percentiles(young, reference)


def _scale_inputs(entity: Entity, named: Sequence[Mention], as_of: date) -> dict[str, float | None]:
    towards = [mention for mention in named if mention.target == entity.id]
    age = _age_months(entity.founded, as_of)
    adoption = [
        float(document.facts[key])
        for document, _ in entity.sources
        for key in ("stars", "downloads")
        if document.facts.get(key) is not None
    ]
    return {
        "votes": sum(mention.relevance for mention in towards if mention.vote),
        "mentions": float(len(towards)),
        "age": None if age is None else float(age),
        "adoption": math.log1p(max(adoption)) if adoption else None,
        "encyclopedia": float(any(document.kind == "encyclopedia" for document, _ in entity.sources)),
    }


def _age_months(founded: int | None, as_of: date) -> int | None:
    """Months since the middle of the founding year: only the year is known."""
    return None if founded is None else max(0, (as_of.year - founded) * 12 + as_of.month - 7)


def _ranks(
    inputs: Mapping[str, Mapping[str, float | None]], market: Sequence[str]
) -> dict[str, dict[str, float]]:
    """Percentile of each input that tells the core products apart, by product and input."""
    result: dict[str, dict[str, float]] = {id: {} for id in inputs}
    for name in SCALE_WEIGHTS:
        reference = [inputs[id][name] for id in market]
        if len({value for value in reference if value is not None}) < 2:
            continue
        sparse = name in _NAMINGS and 2 * sum(bool(value) for value in reference) < len(reference)
        column = {
            # Where few products are named at all, not being named says nothing, and once is chance.
            id: None if sparse and (values["mentions"] or 0) < MIN_MENTIONS else values[name]
            for id, values in inputs.items()
        }
        for id, rank in _percentiles(column, reference).items():
            if rank is not None:
                result[id][name] = rank
    return result


def _percentiles(
    values: Mapping[str, float | None], reference: Sequence[float | None]
) -> dict[str, float | None]:
    """Share of the known reference values below each value, ties counted half."""
    known = np.array([value for value in reference if value is not None], dtype=np.float64)
    return {
        key: None
        if value is None or known.size == 0
        else float(((known < value).sum() + 0.5 * (known == value).sum()) / known.size)
        for key, value in values.items()
    }


def _scale(ranks: Mapping[str, float]) -> float:
    """Weighted mean percentile over the inputs at hand; adoption keeps at most its share."""
    total = sum(SCALE_WEIGHTS[name] for name in ranks)
    if not total:
        return NEUTRAL
    share = min(MAX_ADOPTION_SHARE, SCALE_WEIGHTS["adoption"] / total) if "adoption" in ranks else 0.0
    others = {name: SCALE_WEIGHTS[name] for name in ranks if name != "adoption"}
    rest = (
        sum(weight * ranks[name] for name, weight in others.items()) / sum(others.values())
        if others
        else NEUTRAL
    )
    return share * ranks.get("adoption", 0.0) + (1.0 - share) * rest


def _standing(
    inputs: Mapping[str, float | None],
    ranks: Mapping[str, float],
    pace: Pace,
    activity: Activity,
    named: Sequence[Mention],
    id: str,
) -> Standing:
    age = None if inputs["age"] is None else int(inputs["age"])
    # Youth that is momentum already earns no bonus for being young.
    young = age is not None and age <= YOUNG_MONTHS and pace.basis != "youth"
    base = NEUTRAL if pace.percentile is None else pace.percentile
    votes = sum(mention.vote for mention in named if mention.target == id)
    why = {
        "inputs": {name: None if value is None else round(value, 4) for name, value in inputs.items()},
        "percentiles": {name: round(value, 4) for name, value in ranks.items()},
        "independent_votes": votes,
        "age_months": age,
        "growth": None if activity.growth is None else round(activity.growth, 4),
        "momentum_basis": pace.basis,
        "momentum_percentile": None if pace.percentile is None else round(pace.percentile, 4),
        "young_bonus": YOUNG_BONUS if young else 0.0,
        "last_activity": activity.last.isoformat() if activity.last else None,
        "idle_months": activity.idle_months,
        "archived": activity.archived,
    }
    momentum = min(1.0, base + (YOUNG_BONUS if young else 0.0))
    return Standing(_scale(ranks), momentum, votes, age, activity, pace.basis, why)


# --- Activity ----------------------------------------------------------------------------------


def activity(entity: Entity, as_of: date) -> Activity:
    """Development activity up to the day the sources were current, at most `as_of`."""
    months = _commits(entity)
    recorded = {month for month in months if month <= _month(as_of)}
    worked = [month for month in recorded if months[month] > 0]
    releases = [day for day in map(_release_day, entity.sources) if day and day <= as_of]
    lasts = [_first_day(max(worked))] if worked else []
    last = max([*lasts, *releases], default=None)
    archived = any(document.facts.get("archived") is True for document, _ in entity.sources)
    if not recorded and not releases:
        return Activity(None, None, None, archived)
    seen = max(recorded, default=_month(as_of))
    # Without any activity in the record, the record itself is how long nothing happened.
    idle = seen - _month(last) if last else len(recorded)
    return Activity(last, max(0, idle), _growth(months, seen), archived)


def _commits(entity: Entity) -> dict[int, int]:
    """Commits by month number (year * 12 + month - 1), from the source with the longest record."""
    records: list[Mapping[str, Any]] = [
        document.facts.get("commits_by_month") or {} for document, _ in entity.sources
    ]
    longest = max(records, key=len)
    return {_month(date.fromisoformat(f"{key}-01")): int(count) for key, count in longest.items()}


def _month(day: date) -> int:
    return day.year * 12 + day.month - 1


def _first_day(month: int) -> date:
    return date(month // 12, month % 12 + 1, 1)


def _release_day(source: Judged) -> date | None:
    value = source[0].facts.get("released_on")
    if isinstance(value, date):
        return value
    return date.fromisoformat(value[:10]) if isinstance(value, str) and value else None


def _growth(months: Mapping[int, int], seen: int) -> float | None:
    """None unless some month of the earlier half year is on record: nothing to compare with."""
    earlier = [months[month] for month in range(seen - 11, seen - 5) if month in months]
    if not earlier:
        return None
    recent = sum(months.get(month, 0) for month in range(seen - 5, seen + 1))
    return math.log((recent + 1) / (sum(earlier) + 1))


# --- Players -----------------------------------------------------------------------------------


def players(
    entities: Sequence[Entity], facets: Sequence[Facet], facet_vectors: Vector, as_of: date
) -> Players:
    """Competitors by stage, strongest threat first, and the products that are fading away."""
    standing = standings(entities, as_of)
    fading = [entity for entity in entities if standing[entity.id].activity.fading]
    playing = [entity for entity in entities if not standing[entity.id].activity.fading]
    bar = _incumbent_bar(playing, standing)
    rows = [_competitor(entity, standing[entity.id], bar, facets, facet_vectors) for entity in playing]
    listed = [row for stage in ("incumbent", "emerging", "established niche") for row in _top(rows, stage)]
    return Players(listed, [(entity, standing[entity.id].activity) for entity in fading])


def _incumbent_bar(playing: Sequence[Entity], standing: Mapping[str, Standing]) -> float:
    """The scale that makes an incumbent.

    INCUMBENT_SCALE, or what the top fifth reaches where so little is known that all scales stay
    near the middle. A market of three or more always has a largest product.
    """
    matching = [standing[entity.id] for entity in playing if not entity.adjacent]
    if len(matching) < MIN_MARKET:
        return INCUMBENT_SCALE
    scales = [one.scale for one in matching]
    top_fifth = float(np.quantile(scales, TOP_FIFTH, method="higher"))
    bar = min(INCUMBENT_SCALE, top_fifth) if top_fifth > NEUTRAL else INCUMBENT_SCALE
    found = max(scales) >= bar or any(one.votes >= INCUMBENT_VOTES for one in matching)
    return bar if found else max(scales)


def _stage(entity: Entity, standing: Standing, bar: float) -> tuple[Stage, str]:
    """The stage and the rule that decided it."""
    if entity.loose:
        relevance = max(judgement.relevance for _, judgement in entity.sources)
        return "established niche", f"loosely related: its relevance is only {relevance:.2f}"
    if entity.adjacent:
        return "established niche", "adjacent: it lacks the core of the idea or belongs to another market"
    if standing.votes >= INCUMBENT_VOTES:
        return "incumbent", f"{standing.votes} products name it as the alternative"
    if standing.scale >= bar:
        return "incumbent", f"scale {standing.scale:.2f} reaches {bar:.2f}"
    young = standing.age_months is not None and standing.age_months <= YOUNG_MONTHS
    if standing.activity.active and young:
        return "emerging", f"{standing.age_months} months old and not known to be inactive"
    if standing.activity.active and standing.momentum >= GAINING:
        return "emerging", f"momentum {standing.momentum:.2f}, from {standing.basis}, reaches {GAINING:.2f}"
    return "established niche", f"scale {standing.scale:.2f} stays below {bar:.2f}, and it is not gaining"


def _competitor(
    entity: Entity, standing: Standing, bar: float, facets: Sequence[Facet], facet_vectors: Vector
) -> Competitor:
    stage, rule = _stage(entity, standing, bar)
    found = [identity_quote(entity, facets, facet_vectors), *_facet_quotes(entity, facets)]
    return competitor(entity, standing, stage, rule, quotes.distinct(found, MAX_QUOTES))


def competitor(
    entity: Entity, standing: Standing, stage: Stage, rule: str, evidence: list[Quote]
) -> Competitor:
    """The row of a product; `rule` says why it is in its stage."""
    threat = entity.relevance * (SCALE_SHARE * standing.scale + MOMENTUM_SHARE * standing.momentum)
    return Competitor(
        id=entity.id,
        name=entity.name,
        url=entity.lead.url,
        domain=entity.lead.domain,
        category=entity.category,
        stage=stage,
        relevance=round(entity.relevance, 4),
        scale=round(standing.scale, 4),
        momentum=round(standing.momentum, 4),
        threat=round(threat, 4),
        founded=entity.founded,
        pricing=entity.pricing,
        why={**standing.why, "rule": rule, "adjacent": entity.adjacent, "loose": entity.loose},
        evidence=evidence,
    )


def _top(rows: Sequence[Competitor], stage: str) -> list[Competitor]:
    ranked = sorted(
        (row for row in rows if row.stage == stage),
        key=lambda row: (row.why["adjacent"], -row.threat, row.name, row.id),
    )
    return ranked[:MAX_PER_STAGE]


# --- Their quotes ------------------------------------------------------------------------------


def identity_quote(entity: Entity, facets: Sequence[Facet], facet_vectors: Vector) -> Quote:
    """The sentence that best says what the product is."""
    core = [row for row, facet in enumerate(facets) if facet.type == "core"] or list(range(len(facets)))
    best: tuple[float, int, Passage] | None = None
    for place, passage in enumerate(entity.lead.passages):
        score = _definition_score(entity, passage, place, facet_vectors[core])
        if best is None or score > best[0]:
            best = (score, place, passage)
    document, judgement = entity.sources[0]
    start, end = (best[2].start, best[2].end) if best else (0, len(document.text))
    return quotes.build(document, start, end, judgement.weight)


def _definition_score(entity: Entity, passage: Passage, place: int, core: Vector) -> float:
    names = "|".join(map(re.escape, entity.names))
    defines = re.match(rf"(?:The )?(?:{names}) (?:is|are|was|helps|lets|offers|combines)\b", passage.text)
    cosine = float((core @ passage.vector).max()) if core.size else 0.0
    return round(0.5 * (defines is not None) + 0.3 * cosine + 0.2 / (1 + place), 6)


def _facet_quotes(entity: Entity, facets: Sequence[Facet]) -> list[Quote]:
    """The passages the judge chose for the idea and for its facets, the heaviest and closest first."""
    best: dict[int | None, tuple[float, Quote]] = {}
    for document, judgement in entity.sources:
        for pick in judgement.quotes:
            if _REGRET.search(document.text, pick.start, pick.end):
                continue
            weight = 1.0 if pick.facet is None else facets[pick.facet].weight
            score = round(weight * pick.cosine, 6)
            if pick.facet not in best or score > best[pick.facet][0]:
                best[pick.facet] = (score, quotes.build(document, pick.start, pick.end, judgement.weight))
    ranked = sorted(best.items(), key=lambda item: (-item[1][0], -1 if item[0] is None else item[0]))
    return [quote for _, (_, quote) in ranked]


def vocabulary(entities: Sequence[Entity]) -> frozenset[str]:
    """Words that products are called by."""
    return frozenset(word for entity in entities for name in entity.names for word in words(name))
