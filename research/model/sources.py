"""Sources as a language model sees them, and the way back from what it quotes to the stored sentence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from research.analyst import quotes
from research.analyst.documents import Document, Passage
from research.analyst.judging import Judgement
from research.analyst.quotes import Role
from research.schemas import Quote

MAX_SENTENCES = 12
MAX_SENTENCE = 400  # characters; a longer one is not shown, because it could not be quoted whole
MAX_CHARACTERS = 45_000  # of all sources together
FIRST = 2  # sentences that say what a product is
SHORTEST_PART = 25  # characters of a sentence that stand for it

_STRAIGHT = str.maketrans({"“": '"', "”": '"', "‘": "'", "’": "'", "\u00a0": " "})


class Shown:
    """Numbered sources with the sentences that are shown of each."""

    def __init__(self, judged: Sequence[tuple[Document, Judgement]], limit: int) -> None:
        self._sources: dict[str, tuple[Document, Judgement]] = {}
        self._sentences: dict[str, list[str]] = {}
        left = MAX_CHARACTERS
        for document, judgement in judged[:limit]:
            sentences = [passage.text for passage in chosen(document, judgement)]
            left -= sum(map(len, sentences))
            if left < 0:
                break
            ref = f"s{len(self._sources) + 1}"
            self._sources[ref] = (document, judgement)
            self._sentences[ref] = sentences

    def __len__(self) -> int:
        return len(self._sources)

    def items(self) -> list[tuple[str, Document, Judgement]]:
        return [(ref, document, judgement) for ref, (document, judgement) in self._sources.items()]

    def judged(self) -> list[tuple[Document, Judgement]]:
        return list(self._sources.values())

    def material(self) -> list[dict[str, Any]]:
        return [
            {"id": ref, "name": document.name, "kind": document.kind, "sentences": self._sentences[ref]}
            for ref, document, _ in self.items()
        ]

    def get(self, ref: str) -> tuple[Document, Judgement] | None:
        return self._sources.get(ref)

    def quote(self, ref: str, text: str, role: Role = "support") -> Quote | None:
        """The stored sentence that was quoted; None when the source does not say that."""
        source = self._sources.get(ref)
        if source is None:
            return None
        document, judgement = source
        passage = sentence(document, text)
        if passage is None:
            return None
        return quotes.build(document, passage.start, passage.end, judgement.weight, role)


def chosen(document: Document, judgement: Judgement) -> list[Passage]:
    """The opening, what the judge picked, and then the rest, as far as there is room; in their order."""
    picked = {pick.start for pick in judgement.quotes}
    usable = [passage for passage in document.passages if len(passage.text) <= MAX_SENTENCE]
    ranked = sorted(
        enumerate(usable), key=lambda item: (item[0] >= FIRST and item[1].start not in picked, item[0])
    )
    return sorted((passage for _, passage in ranked[:MAX_SENTENCES]), key=lambda passage: passage.start)


def sentence(document: Document, text: str) -> Passage | None:
    """The sentence of a document that a text repeats word for word, wholly or for the most part.

    White space, the form of quotation marks and what encloses the text make no difference. The sentence is
    returned as it is stored, so a part that was torn from its context gets that back.
    """
    wanted = normal(text).strip("\"' …").removesuffix("...").strip()
    if not wanted:
        return None
    for passage in document.passages:
        said = normal(passage.text)
        if said.strip("\"' ") == wanted:
            return passage
    if len(wanted) < SHORTEST_PART:
        return None
    return next((passage for passage in document.passages if contains(normal(passage.text), wanted)), None)


def contains(said: str, wanted: str) -> bool:
    """Whether a sentence has the words, not torn out of the middle of one, and mostly consists of them."""
    at = said.find(wanted)
    if at < 0 or 2 * len(wanted) < len(said):
        return False
    before, after = said[at - 1 : at], said[at + len(wanted) :][:1]
    return not (before.isalnum() or after.isalnum())


def normal(text: str) -> str:
    return " ".join(text.translate(_STRAIGHT).split())
