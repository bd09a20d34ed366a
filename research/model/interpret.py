"""Interpret, refined: the problem, who has it, and words that competitors use of themselves."""

from __future__ import annotations

import re

from manticscore.clients.llm import errors
from manticscore.lib.words import content_words
from research.model import answers
from research.model.assistant import Assistant, Question
from research.model.notes import Log, StageNotes, row_id
from research.pipeline.context import MarketContext
from research.schemas import Interpretation

MAX_TOKENS = 1_200
MAX_USERS = 4
MAX_PHRASES = 6
MAX_QUERIES = 14
MAX_PHRASE_WORDS = 8
_LINK = re.compile(r"https?:|www\.|@", re.IGNORECASE)


def refine(context: MarketContext, assistant: Assistant) -> tuple[Interpretation, StageNotes]:
    """The interpretation with further queries. Raises LlmError."""
    understood = context.understood
    material = {
        "idea": context.idea,
        "facets": [facet.text for facet in understood.facets],
        "categories": [guess.slug for guess in understood.categories],
        "queries": understood.queries,
    }
    question = Question("interpret", "interpret", material, answers.Interpretation, MAX_TOKENS)
    accepted = assistant.ask(question, lambda answer, unread: accept(understood, answer, unread))
    if accepted is None:
        raise errors.BadOutput()
    return accepted


def accept(
    understood: Interpretation, answer: answers.Interpretation, unread: int
) -> tuple[Interpretation, StageNotes] | None:
    """None when the answer says neither what the problem is nor how to search."""
    log = Log(rejected=unread)
    queries = list(understood.queries)
    for phrase in answer.search_phrases[:MAX_PHRASES]:
        if is_new(phrase, queries) and len(queries) < MAX_QUERIES:
            queries.append(phrase)
            log.add("added", "query", row_id("query", phrase), phrase)
        else:
            log.reject()
    if not answer.problem and not log.rows:
        return None
    notes = StageNotes(
        stage="interpret",
        rows=log.rows,
        rejected=log.rejected,
        problem="" if _LINK.search(answer.problem) else answer.problem,
        users=[user for user in answer.users if not _LINK.search(user)][:MAX_USERS],
    )
    return understood.model_copy(update={"queries": queries}), notes


def is_new(phrase: str, queries: list[str]) -> bool:
    words = phrase.split()
    known = {query.casefold() for query in queries}
    usable = len(words) <= MAX_PHRASE_WORDS and bool(content_words(phrase)) and not _LINK.search(phrase)
    return usable and phrase.casefold() not in known
