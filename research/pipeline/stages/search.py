from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from manticscore.pipeline import Output, Report
from research import background
from research.analyst import lexical, ranking
from research.analyst.documents import Vector
from research.corpus import spaces
from research.corpus.postgres import PostgresCorpus
from research.pipeline.context import MarketContext
from research.web import livesources
from research.web.livesources import Gathered

KEPT = 60  # documents that go on to the judge


class Search:
    """Candidates by vector and by words, ranked by relevance to the idea and to each other.

    Live sources, where any are configured, are asked first: what they know joins the corpus.
    """

    name = "search"
    blocking = True
    reserved = False

    def run(self, context: MarketContext, report: Report) -> Output:
        live = gather(context, report)
        if live.asked:  # the corpus as it is now
            corpus = PostgresCorpus()
            context.corpus, context.embed = corpus, corpus.embed
        report(f"Scanning {context.corpus.size} sources with {len(context.understood.queries)} queries")
        ranked, considered = find(context)
        kept = ranked[:KEPT]
        output = {"scores": [[source_id, score] for source_id, score in kept], "considered": considered}
        counts = {"sources": len(kept), "considered": considered}
        return Output(output, counts | told(live))

    def resume(self, context: MarketContext, output: Any) -> None:
        context.scores = {source_id: score for source_id, score in output["scores"]}
        context.considered = output["considered"]


def gather(context: MarketContext, report: Report) -> Gathered:
    if not context.live:
        return Gathered()
    return livesources.gather(context.idea, context.understood.queries, report)


def told(live: Gathered) -> dict[str, Any]:
    """What the `completed` event says of live sources; nothing when none is configured."""
    if not live.asked:
        return {}
    return {"live_pages": live.pages, "known_pages": live.known, "notes": live.notes}


def find(context: MarketContext) -> tuple[list[tuple[str, float]], int]:
    """Sources with their scores, best first, and how many were looked at closely."""
    terms = background.products().widen(lexical.idea_terms(context.idea), context.corpus.document_frequency)
    query = query_vector(context, terms)
    pool = context.corpus.pool(terms, queries(context, query))
    weight = (
        ranking.LEXICAL_WEIGHT
        if context.corpus.space == spaces.MINILM
        else ranking.LEXICAL_WEIGHT_WITHOUT_MODEL
    )
    return ranking.rank(pool.ids, pool.vectors, query, pool.lexical, weight), len(pool.ids)


def query_vector(context: MarketContext, terms: Mapping[str, float]) -> Vector:
    """The idea's vector. A space made of terms takes the widened ones; a language model reads sentences."""
    of_terms = spaces.embed_terms(context.corpus.space, terms)
    if of_terms is not None:
        return of_terms
    idea, core = context.embed([context.idea, lexical.core_phrase(context.idea)])
    query: Vector = ranking.query_vector(idea, core)
    return query


def queries(context: MarketContext, query: Vector) -> Vector:
    """The idea's vector and, so that no aspect goes without candidates, those of its other queries."""
    others = [text for text in context.understood.queries if text != context.idea]
    return np.vstack([query[None, :], context.embed(others)]) if others else query[None, :]
