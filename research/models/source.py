"""What the system knows: sources, cut into passages, with vectors of a named embedding space.

Sources are shared by all accounts: they are products' public descriptions, not anybody's data.
"""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models.functions import Now
from pgvector.django import VectorField

DIMENSIONS = 384
NAMESPACE = uuid.UUID("5f0b1b7e-64a5-4ce5-9d0c-1a1f5a0f6a10")


class Source(models.Model):
    """A text about one product. The id follows from origin and key, so the same corpus has the same ids."""

    id = models.UUIDField(primary_key=True, editable=False)
    origin = models.CharField(max_length=40)
    key = models.TextField()
    kind = models.CharField(max_length=20, default="product page")
    name = models.TextField()
    url = models.TextField()
    domain = models.TextField(db_index=True)
    text = models.TextField()
    category = models.TextField(null=True, blank=True)
    founded = models.PositiveSmallIntegerField(null=True, blank=True)
    pricing = models.TextField(null=True, blank=True)
    published_on = models.DateField(null=True, blank=True)
    facts: models.JSONField[Any, Any] = models.JSONField(default=dict, blank=True)
    vector = VectorField(dimensions=DIMENSIONS, null=True)
    vector_model = models.TextField(default="")
    fetched_at = models.DateTimeField(db_default=Now())
    retrieved = models.BooleanField(
        default=False, help_text="the text was read from the URL, so what it says can be looked up there"
    )
    terms = ArrayField(models.TextField(), default=list, help_text="stems of name and text, in order")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["origin", "key"], name="source_origin_key")]
        indexes = [
            GinIndex(fields=["terms"], name="source_terms"),
            models.Index(fields=["vector_model"], name="source_vector_model"),  # what is to be embedded
        ]

    def __str__(self) -> str:
        return self.name

    @staticmethod
    def id_for(origin: str, key: str) -> uuid.UUID:
        return uuid.uuid5(NAMESPACE, f"{origin}\x1f{key}")


class Passage(models.Model):
    """One sentence of a source; offsets are in characters of `source.text`."""

    pk = models.CompositePrimaryKey("source_id", "start")
    source = models.ForeignKey(Source, on_delete=models.CASCADE, related_name="passages", db_index=False)
    start = models.PositiveIntegerField()
    end = models.PositiveIntegerField()
    vector = VectorField(dimensions=DIMENSIONS, null=True)

    def __str__(self) -> str:
        return f"{self.source_id}[{self.start}:{self.end}]"


class Term(models.Model):
    """In how many sources a word stem occurs; rebuilt when the corpus changes."""

    stem = models.TextField(primary_key=True)
    sources = models.PositiveIntegerField()

    def __str__(self) -> str:
        return self.stem


class EmbeddingSpace(models.Model):
    """A model that made vectors. `state` is what a space fitted on the corpus needs to embed a query."""

    id = models.TextField(primary_key=True)
    state = models.BinaryField(null=True)
    created_at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return self.id


class CorpusState(models.Model):
    """The single row that says what the corpus is at: its revision and the space its vectors are in."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    revision = models.PositiveBigIntegerField(default=0)
    sources = models.PositiveIntegerField(default=0)
    mean_length = models.FloatField(default=0, help_text="terms per source")
    space = models.ForeignKey(EmbeddingSpace, null=True, on_delete=models.PROTECT)
    catalogue = models.TextField(default="", help_text="sha256 of the seed catalogue that is loaded")

    class Meta:
        constraints = [models.CheckConstraint(name="corpus_state_is_one_row", condition=models.Q(id=1))]

    def __str__(self) -> str:
        return f"revision {self.revision}"
