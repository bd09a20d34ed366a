"""A small corpus in the database, and the choice of the embedding model."""

from __future__ import annotations

import copy
from collections.abc import Iterator

import pytest
from django.conf import LazySettings
from django.db.models import Model

from manticscore.clients.embeddings import WeightsUnavailable, installed_directory
from research.corpus import catalogue, importing, indexing, spaces
from research.models import CorpusState, EmbeddingSpace, Passage, Source, Term
from tests.helpers.fitting import without_background

__all__ = ["without_background"]

CATEGORIES = {"recipes-and-meal-planning", "food-and-grocery-delivery", "password-managers"}


TABLES = (EmbeddingSpace, Source, Passage, Term, CorpusState)
_indexed: list[list[Model]] = []


def records() -> list[importing.Record]:
    """Three categories of the shipped catalogue: enough for a market, fast enough for a test."""
    return [record for record in catalogue.records() if record.category in CATEGORIES]


@pytest.fixture(autouse=True)
def quick(without_background: None) -> None:
    """Indexing takes no time; test_indexing has the one test of the background."""


@pytest.fixture
def corpus(db: None) -> list[importing.Record]:
    """Imported and indexed with vectors fitted on it, as without model weights."""
    found = records()
    if _indexed:  # fitting takes a second, rows that are known a tenth of it
        for table, rows in zip(TABLES, _indexed, strict=True):
            table._default_manager.bulk_create(copy.deepcopy(rows))
        return found
    importing.store("catalogue", found)
    indexing.index()
    _indexed.extend(list(table._default_manager.all()) for table in TABLES)
    return found


@pytest.fixture
def minilm(settings: LazySettings) -> Iterator[None]:
    """Vectors by the real model."""
    try:
        installed_directory()
    except WeightsUnavailable as error:
        pytest.skip(f"the embedding weights are not installed: {error}")
    settings.EMBEDDINGS = "minilm"
    spaces.minilm.cache_clear()
    yield
    spaces.minilm.cache_clear()
