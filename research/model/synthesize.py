"""Synthesize, refined: the summary and a positioning, each sentence on numbered evidence."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from manticscore.clients.llm import errors
from research.model import answers
from research.model.assistant import Assistant, Question
from research.model.notes import Action, Log, StageNotes, row_id
from research.pipeline.context import MarketContext
from research.schemas import Claim, Landscape, Quote, Section, Sentence

MAX_TOKENS = 3_000
MAX_SENTENCES = 3
MAX_WORDS = 45
MAX_EVIDENCE = 80
PER_ROW = 2
TITLES: dict[str, str] = {
    "market": "The market",
    "incumbents": "Incumbents",
    "emerging": "Emerging products",
    "features": "What products offer",
    "gaps": "White space",
    "signals": "What is changing",
}
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_LINK = re.compile(r"https?:|www\.|\]\(|<[a-z/]", re.IGNORECASE)

Evidence = Mapping[str, Quote]


def refine(context: MarketContext, assistant: Assistant) -> tuple[Landscape, StageNotes]:
    """The landscape with sections told anew. Raises LlmError."""
    assert context.landscape is not None
    landscape = context.landscape
    evidence = numbered(landscape)
    question = Question(
        "synthesize", "synthesize", material(landscape, evidence), answers.Summary, MAX_TOKENS, reserved=True
    )
    accepted = assistant.ask(question, lambda answer, unread: accept(landscape, evidence, answer, unread))
    if accepted is None:
        raise errors.BadOutput("The language model's summary does not stand on the evidence.")
    return accepted


def numbered(landscape: Landscape) -> dict[str, Quote]:
    """The first quotes of every row, each once."""
    distinct = {quote.evidence_id: quote for row in rows(landscape) for quote in row.evidence[:PER_ROW]}
    return {f"e{number}": quote for number, quote in enumerate(list(distinct.values())[:MAX_EVIDENCE], 1)}


def rows(landscape: Landscape) -> Iterable[Claim]:
    yield from landscape.incumbents
    yield from landscape.emerging
    yield from landscape.established
    yield from landscape.gaps
    yield from landscape.features
    yield from landscape.signals


def material(landscape: Landscape, evidence: Evidence) -> dict[str, Any]:
    refs = {quote.evidence_id: ref for ref, quote in evidence.items()}

    def cited(row: Claim) -> list[str]:
        return [refs[quote.evidence_id] for quote in row.evidence if quote.evidence_id in refs]

    players = [*landscape.incumbents, *landscape.emerging, *landscape.established]
    return {
        "idea": landscape.idea,
        "players": [{"name": row.name, "stage": row.stage, "evidence": cited(row)} for row in players],
        "features": [
            {"label": row.label, "asked_for": row.in_idea, "evidence": cited(row)}
            for row in landscape.features
        ],
        "gaps": [
            {"label": row.label, "status": row.status, "evidence": cited(row)} for row in landscape.gaps
        ],
        "signals": [{"kind": row.kind, "evidence": cited(row)} for row in landscape.signals],
        "evidence": {ref: f"{quote.source_name}: {quote.text}" for ref, quote in evidence.items()},
    }


def accept(
    landscape: Landscape, evidence: Evidence, answer: answers.Summary, unread: int
) -> tuple[Landscape, StageNotes] | None:
    """None when not one sentence stands on evidence."""
    log = Log(rejected=unread)
    told = {section.key: section for section in landscape.summary}
    for proposed in answer.sections:
        sentences = proved(proposed.sentences, evidence, log)
        if sentences:
            action: Action = "changed" if proposed.key in told else "added"
            told[proposed.key] = Section(key=proposed.key, title=TITLES[proposed.key], sentences=sentences)
            log.add(
                "changed" if action == "changed" else "added",
                "section",
                f"summary:{proposed.key}",
                proposed.key,
            )
    positions = proved([answer.positioning] if answer.positioning else [], evidence, log)
    if positions:
        log.add("added", "positioning", row_id("positioning", positions[0].text), "positioning")
    if not log.rows:
        return None
    summary = [told[key] for key in TITLES if key in told]
    notes = StageNotes(
        stage="synthesize",
        rows=log.rows,
        rejected=log.rejected,
        positioning=positions[0] if positions else None,
    )
    return landscape.model_copy(update={"summary": summary}), notes


def proved(sentences: Sequence[answers.Sentence], evidence: Evidence, log: Log) -> list[Sentence]:
    kept = []
    for sentence in sentences[:MAX_SENTENCES]:
        cited = [evidence[ref] for ref in sentence.evidence if ref in evidence]
        if stands(sentence.text, cited):
            ids = list(dict.fromkeys(quote.evidence_id for quote in cited))
            kept.append(Sentence(text=sentence.text, evidence_ids=ids))
        else:
            log.reject()
    return kept


def stands(text: str, cited: Sequence[Quote]) -> bool:
    """Whether a sentence names evidence, has no number that is not in it, no link, and a readable length."""
    if not cited or not text or len(text.split()) > MAX_WORDS or _LINK.search(text):
        return False
    known = {number for quote in cited for number in _NUMBER.findall(f"{quote.source_name} {quote.text}")}
    return set(_NUMBER.findall(text)) <= known
