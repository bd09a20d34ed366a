"""The feature matrix: which product states, denies or passes over which topic of the market.

Topics are the facets of the idea and the clusters of phrases that products claim.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from research.analyst import quotes
from research.analyst.clusters import Cluster, cluster, mean
from research.analyst.documents import Embed, Vector
from research.analyst.judging import CORE_COSINE, head_stem
from research.analyst.lines import Line, lines
from research.analyst.phrases import MIN_ENTITIES, Background, candidates, essence
from research.analyst.players import Entity, core
from research.analyst.reading import Key, Mark, Term, find, parts_of, term
from research.analyst.text import stem, stems
from research.schemas import Cell, Competitor, Facet, Feature, Quote

State = Literal["present", "absent", "unknown"]

MAX_FEATURES = 16
MIN_RELEVANCE = 0.1
MIN_LIFT = 0.3
MAX_QUOTES = 3
# A sentence states a feature when it says it in words, or comes this close to its meaning:
# the lower bound needs a shared word as well.
CLOSE_WITH_SHARED_WORD = 0.55
CLOSE = 0.66
# The judge lets products in by the core's cosine or by its head word: then less cosine will do.
CORE_WITH_HEAD = 0.38
SAME_AS_FACET = 0.75
IN_WORDS = 1.0


# --- Topics and readings -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Topic:
    """Something products may or may not have: a cluster, a facet of the idea, or both.

    A sentence that contains the words of one of the `terms` speaks of the topic.
    """

    id: str
    label: str
    phrases: tuple[str, ...]
    terms: tuple[Term, ...]
    vector: Vector
    score: float
    facet: Facet | None


@dataclass(frozen=True, slots=True)
class Reading:
    """What one product's sentences say about a topic, with the sentence that says it.

    `spared` marks an absence that the product presents as a merit.
    """

    state: State
    line: Line | None = None
    strength: float = 0.0
    spared: bool = False

    @property
    def quote(self) -> Quote | None:
        return self.line.quote("absence" if self.state == "absent" else "support") if self.line else None


UNKNOWN = Reading("unknown")


@dataclass(frozen=True, slots=True)
class Row:
    """A topic with the reading of every product, adjacent ones too, by entity id."""

    topic: Topic
    readings: Mapping[str, Reading]

    def holders(self, state: State = "present") -> list[str]:
        return sorted(id for id, reading in self.readings.items() if reading.state == state)

    def lacking(self) -> list[str]:
        """The products that deny the topic without making a merit of it."""
        return [id for id in self.holders("absent") if not self.readings[id].spared]


def mine(
    entities: Sequence[Entity],
    facets: Sequence[Facet],
    facet_vectors: Vector,
    embed: Embed,
    background: Background,
    categories: Iterable[str] = (),
) -> list[Row]:
    """Every topic of the market, the idea's own facets first, then features by score.

    The rows still include what nobody has; `listed` keeps those that make a feature matrix.
    """
    market = core(entities)
    found = lines(market)
    phrases_found = candidates(found, background, categories)
    vectors = embed([phrase.text for phrase in phrases_found]) if phrases_found else facet_vectors[:0]
    idea = mean(facet_vectors) if len(facet_vectors) else None
    clusters = [one for one in cluster(phrases_found, vectors) if _specific(one, idea)]
    wishes, rest = _facet_topics(facets, facet_vectors, clusters)
    topics = wishes + sorted(map(_topic, rest), key=lambda topic: (-topic.score, topic.id))
    by_entity = {entity.id: lines([entity]) for entity in entities}
    return [_as_merit(Row(topic, _readings(topic, by_entity)), by_entity) for topic in topics]


def _as_merit(row: Row, by_entity: Mapping[str, Sequence[Line]]) -> Row:
    """What several products boast of doing without is the feature "no ...", not its absence."""
    spared = len(row.holders("absent")) - len(row.lacking())
    if row.topic.facet or spared < MIN_ENTITIES or spared <= max(len(row.holders()), len(row.lacking())):
        return row
    terms = tuple(replace(found, flipped=not found.flipped) for found in row.topic.terms)
    topic = replace(row.topic, label=f"no {row.topic.label}", terms=terms)
    return Row(topic, _readings(topic, by_entity))


def _specific(one: Cluster, idea: Vector | None) -> bool:
    relevance = float(one.vector @ idea) if idea is not None else 1.0
    return relevance >= MIN_RELEVANCE and one.label.lift >= MIN_LIFT


def _topic(one: Cluster) -> Topic:
    label = one.label
    members = sorted(one.members, key=lambda phrase: (-phrase.score, phrase.key))
    return Topic(
        id=quotes.identity("feature", label.text),
        label=label.text,
        phrases=tuple(phrase.text for phrase in members),
        terms=one.terms,
        vector=one.vector,
        score=round(label.lift * len(one.entities), 4),
        facet=None,
    )


def _facet_topics(
    facets: Sequence[Facet], vectors: Vector, clusters: Sequence[Cluster]
) -> tuple[list[Topic], list[Cluster]]:
    """A topic per facet, which takes in the clusters that mean the same, and the other clusters."""
    taken: dict[int, list[Cluster]] = defaultdict(list)
    rest: list[Cluster] = []
    for one in clusters:
        facet = _nearest_facet(one, facets, vectors)
        if facet is None:
            rest.append(one)
        else:
            taken[facet].append(one)
    return [_facet_topic(facet, vectors[row], taken[row]) for row, facet in enumerate(facets)], rest


def _nearest_facet(one: Cluster, facets: Sequence[Facet], vectors: Vector) -> int | None:
    for row, facet in enumerate(facets):
        same_words = any(_says_same(phrase.key, facet) for phrase in one.members)
        if same_words or float(vectors[row] @ one.vector) >= SAME_AS_FACET:
            return row
    return None


def _says_same(key: Key, facet: Facet) -> bool:
    """Whether a phrase has all the words of a facet, or all but one of three and more.

    The core is left alone: "budgeting app" is not yet a "zero-based budgeting app".
    """
    wanted = set(stems(facet.text if facet.type == "core" else essence(facet.text)))
    missing = int(facet.type != "core" and len(wanted) > 2)
    return bool(wanted) and set(key) <= wanted and len(wanted) - len(set(key)) <= missing


def _facet_topic(facet: Facet, vector: Vector, same: Sequence[Cluster]) -> Topic:
    members = [phrase for one in same for phrase in one.members]
    wordings = dict.fromkeys([facet.text] if facet.type == "core" else [facet.text, essence(facet.text)])
    terms = (*map(term, wordings), *(found for one in same for found in one.terms))
    return Topic(
        id=quotes.identity("feature", "facet", facet.text),
        label=facet.text,
        phrases=(facet.text, *(phrase.text for phrase in members if phrase.text != facet.text)),
        terms=tuple(found for found in terms if found.key),
        vector=vector,
        score=round(sum(phrase.score for phrase in members), 4),
        facet=facet,
    )


def _readings(topic: Topic, by_entity: Mapping[str, Sequence[Line]]) -> dict[str, Reading]:
    return {id: _reading(topic, found) for id, found in by_entity.items()}


def _reading(topic: Topic, found: Sequence[Line]) -> Reading:
    """Said in words wins over denied in words, which wins over close in meaning."""
    readings = [reading for line in found if (reading := judge_line(topic, line)).line]
    spoken = max(readings, key=_certainty, default=UNKNOWN)
    return spoken if spoken.line else _nearest_core(topic, found)


def _certainty(reading: Reading) -> tuple[int, float]:
    in_words = reading.strength >= IN_WORDS
    return (2 if in_words and reading.state == "present" else int(in_words)), reading.strength


def judge_line(topic: Topic, line: Line) -> Reading:
    """What a sentence says about a topic; strength is IN_WORDS or more when it says so in words."""
    cosine = round(float(topic.vector @ line.passage.vector), 6)
    # Whoever passed the judge has the core; "no X for recipes" says nothing against recipes.
    core_facet = topic.facet is not None and topic.facet.type == "core"
    for place, wanted in enumerate(topic.terms):
        mark = find(line.tokens, wanted)
        state = _state(mark, wanted)
        unproved = state == "unknown" or (line.complains and state == "present")
        if unproved or (core_facet and state == "absent"):
            continue
        # The label itself is better proof than another member of the cluster.
        strength = IN_WORDS + 1.0 + cosine - 0.5 * min(1, place)
        return Reading(state, line, strength, spared=mark == "spared")
    # Nearness in meaning is blind to negation, so it counts only where nothing is denied.
    flipped = any(wanted.flipped for wanted in topic.terms[:1])
    if flipped or not _close(topic, line, cosine) or not line.plain:
        return UNKNOWN
    return Reading("present", line, cosine)


def _state(mark: Mark | None, wanted: Term) -> State:
    """For the wish "no cookies", denying cookies is having it; using them is not a denial of it."""
    if mark is None or mark == "unsure":
        return "unknown"
    if wanted.flipped:
        return "unknown" if mark == "stated" else "present"
    return "present" if mark == "stated" else "absent"


def _close(topic: Topic, line: Line, cosine: float) -> bool:
    if cosine < CLOSE_WITH_SHARED_WORD:
        return False
    wanted = {part for term_ in topic.terms for part in term_.key}
    if wanted & {stem(word) for name in line.entity.names for word, _ in parts_of(name)}:
        # The passage is near because of how the product is called.
        return False
    return cosine >= CLOSE or any(token.stem in wanted for token in line.tokens)


def _nearest_core(topic: Topic, found: Sequence[Line]) -> Reading:
    """The sentence by which a product has the core of the idea, by the bounds the judge used."""
    if topic.facet is None or topic.facet.type != "core":
        return UNKNOWN
    head = head_stem(topic.facet.text)
    best = UNKNOWN
    for line in found:
        cosine = round(float(topic.vector @ line.passage.vector), 6)
        bound = CORE_WITH_HEAD if any(t.stem == head for t in line.tokens) else CORE_COSINE
        if cosine >= bound and cosine > best.strength and line.plain:
            best = Reading("present", line, cosine)
    return best


# --- The feature matrix ------------------------------------------------------------------------


def listed(rows: Sequence[Row], competitors: Sequence[Competitor]) -> list[Feature]:
    """At most MAX_FEATURES features with proof, the idea's own first, then by score."""
    ids = {competitor.id for competitor in competitors}
    shown = [row for row in rows if _shown(row, ids)]
    return [_feature(row, competitors) for row in shown[:MAX_FEATURES]]


def _shown(row: Row, ids: set[str]) -> bool:
    holders = ids & set(row.holders())
    if row.topic.facet is not None:
        return bool(holders) and row.topic.facet.type != "audience"
    return len(holders) >= MIN_ENTITIES


def _feature(row: Row, competitors: Sequence[Competitor]) -> Feature:
    cells = [_cell(row.readings.get(one.id, UNKNOWN), one) for one in competitors]
    return Feature(
        id=row.topic.id,
        label=row.topic.label,
        phrases=list(row.topic.phrases),
        score=row.topic.score,
        prevalence=quotes.prevalence(cells),
        in_idea=row.topic.facet is not None,
        cells=cells,
        evidence=best_quotes(row, {one.id for one in competitors}, "present"),
    )


def _cell(reading: Reading, competitor: Competitor) -> Cell:
    return Cell(competitor_id=competitor.id, state=reading.state, quote=reading.quote)


def best_quotes(row: Row, ids: set[str], state: State, limit: int = MAX_QUOTES) -> list[Quote]:
    """The clearest sentences of products in that state, one a product."""
    readings = [(id, row.readings[id]) for id in row.holders(state) if id in ids]
    ranked = sorted(readings, key=lambda item: (-item[1].strength, item[0]))
    found = [reading.quote for _, reading in ranked]
    return quotes.distinct((quote for quote in found if quote), limit)
