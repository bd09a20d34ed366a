from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pgvector.django import CosineDistance

from manticscore.pipeline import Output, Report
from research.analyst import lexical, ranking
from research.analyst.deep.findings import Wanted
from research.analyst.documents import Vector
from research.corpus import spaces
from research.corpus.postgres import PostgresCorpus
from research.models import Source
from research.pipeline.featurecontext import FeatureContext, Gathered, Scores
from research.web import livesources

MARKET = 40  # sources near the idea, which are read for every feature
PER_FEATURE = 30
REPOSITORIES = 8
IDEA_WEIGHT = 0.5  # of the idea's terms and vector beside the feature's own


class Gather:
    """Sources near the idea and near each feature, repositories among them.

    Live sources, where any are configured, are asked first: what they know joins the corpus.
    """

    name = "gather"
    blocking = True
    reserved = False

    def run(self, context: FeatureContext, report: Report) -> Output:
        notes = ask_the_web(context, report)
        report(f"Scanning {context.corpus.size} sources for {len(context.wanted)} features")
        market = ranked(context, lexical.idea_terms(context.idea), vector(context, context.idea), MARKET)
        features = {feature.id: near(context, feature) for feature in context.wanted}
        gathered = Gathered(market, features)
        counts = {"sources": len(gathered.nearest), **notes}
        return Output(
            {"market": stored(market), "features": [[key, stored(s)] for key, s in features.items()]}, counts
        )

    def resume(self, context: FeatureContext, output: Any) -> None:
        features = {key: dict(scores) for key, scores in output["features"]}
        context.gathered = Gathered(dict(output["market"]), features)


def ask_the_web(context: FeatureContext, report: Report) -> dict[str, Any]:
    """Counts of what live sources brought; nothing when none is configured."""
    if not context.live:
        return {}
    core = lexical.core_phrase(context.idea)
    queries = [f"{feature.name} {core}" for feature in context.wanted]
    live = livesources.gather(context.idea, queries, report)
    if not live.asked:
        return {}
    context.corpus = PostgresCorpus()  # as it is now
    context.embed = context.corpus.embed
    return {"live_pages": live.pages, "known_pages": live.known, "notes": live.notes}


def near(context: FeatureContext, feature: Wanted) -> Scores:
    """Sources near a feature of this idea, and repositories near the feature itself."""
    own = vector(context, feature.name)
    query = ranking.query_vector(own, IDEA_WEIGHT * vector(context, context.idea))
    terms = {
        **{stem: IDEA_WEIGHT * weight for stem, weight in lexical.idea_terms(context.idea).items()},
        **dict.fromkeys(lexical.terms(" ".join([feature.name, *feature.wordings])), 1.0),
    }
    return {**repositories(context, own), **ranked(context, terms, query, PER_FEATURE)}


def vector(context: FeatureContext, text: str) -> Vector:
    """A space that is made of terms takes those of the text; a language model reads it as it is."""
    of_terms = spaces.embed_terms(context.corpus.space, dict.fromkeys(lexical.terms(text), 1.0))
    one: Vector = context.embed([text])[0] if of_terms is None else of_terms
    return one


def ranked(context: FeatureContext, terms: Mapping[str, float], query: Vector, limit: int) -> Scores:
    pool = context.corpus.pool(terms, query[None, :])
    with_model = context.corpus.space == spaces.MINILM
    weight = ranking.LEXICAL_WEIGHT if with_model else ranking.LEXICAL_WEIGHT_WITHOUT_MODEL
    return dict(ranking.rank(pool.ids, pool.vectors, query, pool.lexical, weight)[:limit])


def repositories(context: FeatureContext, query: Vector) -> Scores:
    """The nearest repositories by vector, whose cosine is their score."""
    rows = Source.objects.filter(kind="repository", vector_model=context.corpus.space)
    distance = CosineDistance("vector", query)
    found = rows.annotate(distance=distance).order_by("distance", "id").values_list("id", "distance")
    scores = {str(key): round(min(1.0, 1.0 - gap), 6) for key, gap in found[:REPOSITORIES] if gap == gap}
    return {key: score for key, score in scores.items() if score > 0}


def stored(scores: Scores) -> list[list[Any]]:
    """Pairs, because JSON objects keep no order in the database."""
    return [[source_id, score] for source_id, score in scores.items()]
