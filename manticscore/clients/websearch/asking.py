"""Asking several sources several things at once, within one time limit."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field

from manticscore.clients.websearch.breaker import Breaker
from manticscore.clients.websearch.results import Found, SearchError, SearchSource

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Problem:
    """A source that gave less than it should have."""

    source: str
    problem: str


@dataclass(slots=True)
class Answers:
    """Lists of pages, one per question that was answered, each best first; and what went wrong."""

    lists: list[tuple[str, list[Found]]] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


HEALTH = Breaker()  # of this process


async def ask_all(
    sources: Sequence[SearchSource],
    queries: Sequence[str],
    *,
    limit: int,
    seconds: float,
    breaker: Breaker = HEALTH,
) -> Answers:
    """What the sources answer in time. They are asked side by side, each one question at a time."""
    answers = Answers()
    if not sources:
        return answers
    asking = {
        asyncio.create_task(ask_one(source, queries, limit, breaker, answers)): source for source in sources
    }
    _, late = await asyncio.wait(asking, timeout=seconds)
    for task in late:
        task.cancel()
        breaker.failed(asking[task].name)
        answers.problems.append(Problem(asking[task].name, f"no answer within {seconds:g} s"))
    await asyncio.gather(*late, return_exceptions=True)
    # By name, so that which of them was quicker decides nothing.
    answers.lists.sort(key=lambda listed: listed[0])
    answers.problems.sort(key=lambda problem: (problem.source, problem.problem))
    return answers


async def ask_one(
    source: SearchSource, queries: Sequence[str], limit: int, breaker: Breaker, answers: Answers
) -> None:
    """All questions to one source, until one fails."""
    if not breaker.allows(source.name):
        answers.problems.append(Problem(source.name, "left alone for a while after repeated failures"))
        return
    try:
        for query in queries:
            answers.lists.append((source.name, (await source.search(query, limit))[:limit]))
    except SearchError as error:
        breaker.failed(source.name)
        answers.problems.append(Problem(source.name, str(error)))
    except Exception:  # a mistake in one source is no reason to lose the others
        logger.exception("search source %s failed", source.name)
        breaker.failed(source.name)
        answers.problems.append(Problem(source.name, "internal error"))
    else:
        breaker.succeeded(source.name)
