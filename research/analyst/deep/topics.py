"""A feature as a topic that sentences may speak of, and the sentences that do."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from research.analyst.deep.findings import Wanted
from research.analyst.deep.wording import covers
from research.analyst.documents import Embed
from research.analyst.features import IN_WORDS, UNKNOWN, Reading, Topic, judge_line
from research.analyst.lines import Line
from research.analyst.phrases import essence
from research.analyst.reading import Term, term


@dataclass(frozen=True, slots=True)
class Mention:
    """A sentence that speaks of a feature, with what it says of it."""

    line: Line
    reading: Reading

    @property
    def states(self) -> bool:
        return self.reading.state == "present"

    @property
    def denies(self) -> bool:
        """It regrets the lack; a product that boasts of doing without does not."""
        return self.reading.state == "absent" and not self.reading.spared

    @property
    def rank(self) -> tuple[bool, float]:
        return self.reading.strength >= IN_WORDS, self.reading.strength


def topic(feature: Wanted, embed: Embed) -> Topic:
    wordings = list(dict.fromkeys([feature.name, essence(feature.name), *feature.wordings]))
    terms = tuple(found for found in map(term, wordings) if found.key)
    return Topic(feature.id, feature.name, tuple(wordings), terms, embed([feature.name])[0], 0.0, None)


def mentions(wanted: Topic, found: Iterable[Line]) -> list[Mention]:
    """Sentences that state or deny the feature, or that hold all of its words."""
    told = [Mention(line, judged(wanted, line)) for line in found]
    return [mention for mention in told if mention.reading.line or names(wanted.terms, mention.line)]


def judged(wanted: Topic, line: Line) -> Reading:
    """What a sentence says; one that is only near in meaning has to hold most of the words as well."""
    reading = judge_line(wanted, line)
    if reading.line is None or reading.strength >= IN_WORDS:
        return reading
    held = {token.stem for token in line.tokens}
    return reading if any(covers(found.key, held) for found in wanted.terms) else UNKNOWN


def names(terms: Sequence[Term], line: Line) -> bool:
    """Whether all words of one of the terms stand in the sentence, whatever it says about them."""
    held = {token.stem for token in line.tokens}
    return any(set(wanted.key) <= held for wanted in terms)
