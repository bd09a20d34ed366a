"""A small market as the language model's part of research sees it."""

from __future__ import annotations

from datetime import date

from research.analyst import players as market
from research.analyst import quotes
from research.analyst.documents import Document
from research.analyst.judging import Judgement
from research.analyst.landscape import Analysis
from research.model.analyze import MAX_SOURCES, Base
from research.model.sources import Shown
from research.schemas import (
    CategoryGuess,
    Cell,
    Competitor,
    Facet,
    Feature,
    Gap,
    Interpretation,
    Quote,
    Signal,
)
from tests.unit.research.analyst_fakes import document

AS_OF = date(2026, 11, 21)
MEALBOX = document("mealbox", "Mealbox plans meals for families. It prints shopping lists every week.")
COOKPAD = document("cookpad", "Cookpad lets people share recipes. It has no meal planner, users complain.")
TANDOOR = document("tandoor", "Tandoor keeps recipes. Many families came from Paprika Nine to Tandoor.")
UNDERSTOOD = Interpretation(
    facets=[
        Facet(text="meal planner", type="core", weight=0.7),
        Facet(text="families", type="audience", weight=0.3),
    ],
    categories=[CategoryGuess(slug="recipes", probability=0.9)],
    understanding=0.9,
    queries=["a meal planner for families"],
)


def judgement(found: Document, relevance: float = 0.8, adjacent: bool = False) -> Judgement:
    return Judgement(
        document_id=found.id,
        relevance=relevance,
        authority=1,
        freshness=1,
        freshness_known=True,
        independence=1,
        weight=relevance,
        adjacent=adjacent,
    )


def quote(found: Document, number: int = 0) -> Quote:
    passage = found.passages[number]
    return quotes.build(found, passage.start, passage.end, 0.8)


def competitor(found: Document, stage: market.Stage = "incumbent", threat: float = 0.5) -> Competitor:
    return Competitor(
        id=quotes.identity("competitor", found.id), name=found.name, url=found.url, domain=found.domain,
        category=None, stage=stage, relevance=0.8, scale=0.5, momentum=0.5, threat=threat, founded=None,
        pricing=None, why={"rule": "a test's", "adjacent": False, "loose": False}, evidence=[quote(found)],
    )  # fmt: skip


def analysis() -> Analysis:
    """Two listed products; Tandoor has a source and is not listed."""
    rows = [competitor(MEALBOX, threat=0.6), competitor(COOKPAD, threat=0.4)]
    cells = [
        Cell(competitor_id=rows[0].id, state="present", quote=quote(MEALBOX)),
        Cell(competitor_id=rows[1].id, state="unknown"),
    ]
    feature = Feature(
        id="feature-1", label="meal planning", phrases=["meal planning"], score=2.0, prevalence=0.5,
        in_idea=True, cells=cells, evidence=[quote(MEALBOX)],
    )  # fmt: skip
    gap = Gap(
        id="gap-1", label="made for families", status="gap", opportunity=0.5, demand=0.5, supply=0.1,
        confidence=0.6, reasons=["Nobody says so."], to_read=[], evidence=[quote(COOKPAD, 1)],
    )  # fmt: skip
    signal = Signal(
        id="signal-1", kind="complaint", competitor_id=rows[1].id, text="Users complain.", year=None,
        weight=0.5, evidence=[quote(COOKPAD, 1)],
    )  # fmt: skip
    return Analysis(competitors=rows, features=[feature], gaps=[gap], signals=[signal])


def base(given: Analysis | None = None) -> Base:
    judged = [(found, judgement(found)) for found in (MEALBOX, COOKPAD, TANDOOR)]
    merged = market.merge(judged)
    return Base(
        Shown(judged, MAX_SOURCES),
        {found.id: entity for entity in merged for found, _ in entity.sources},
        market.standings(merged, AS_OF),
        UNDERSTOOD,
        given or analysis(),
    )
