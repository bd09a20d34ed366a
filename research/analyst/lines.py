"""The sentences of the products under analysis, read once and quotable."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from research.analyst import changes, quotes
from research.analyst.documents import Document, Passage
from research.analyst.players import Entity
from research.analyst.quotes import Role
from research.analyst.reading import Token, read
from research.schemas import Quote


@dataclass(frozen=True, slots=True)
class Line:
    """A sentence of a product's source; `tokens` are its words without the product's own name.

    `complains`: it reports somebody's discontent.
    """

    entity: Entity
    document: Document
    passage: Passage
    weight: float
    tokens: tuple[Token, ...]
    complains: bool

    @property
    def plain(self) -> bool:
        """Without negation or complaint, so that it may prove something by its meaning alone."""
        return not self.complains and all(token.mark == "stated" for token in self.tokens)

    def quote(self, role: Role = "support") -> Quote:
        return quotes.build(self.document, self.passage.start, self.passage.end, self.weight, role)


def lines(entities: Iterable[Entity]) -> list[Line]:
    """Every sentence of every product, products by id and sources by weight."""
    found = []
    for entity in entities:
        # "Streaks has widgets" does not say that the product Streaks counts streaks.
        own = re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, entity.names))})(?!\w)")
        found += [
            Line(
                entity,
                document,
                passage,
                judgement.weight,
                read(own.sub("it", passage.text)),
                changes.is_complaint(passage.text),
            )
            for document, judgement in entity.sources
            for passage in document.passages
        ]
    return found
