"""A project: an idea that somebody works on, and what everything else about it hangs from. And what its
owner shows of it to others."""

from __future__ import annotations

import uuid
from typing import Any

from django.db import models
from django.db.models.functions import Now
from pgvector.django import VectorField

from accounts.models import OwnedModel
from realtime.models import Stream


class ProjectQuerySet(models.QuerySet["Project"]):
    def owned_by(self, principal_id: str) -> ProjectQuerySet:
        return self.filter(owner_id=principal_id)

    def public(self) -> ProjectQuerySet:
        return self.filter(is_public=True)


class Project(OwnedModel):
    """An account has one project per idea; `idea_key` is the idea's meaning (manticscore.lib.ideas).

    Its id is also that of its stream, which numbers the events of all its jobs. A rebind can bring two
    projects of one idea together: both stay, and `is_twin` marks the one that a repeated creation does
    not return. `slug` follows the title until the project is published for the first time.
    """

    class State(models.TextChoices):
        DRAFT = "draft"
        READY = "ready"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    title = models.TextField()
    description = models.TextField(blank=True, default="")
    clean_title = models.TextField()
    one_liner = models.TextField(blank=True, default="")
    slug = models.TextField(unique=True)
    idea_key = models.CharField(max_length=64)
    is_twin = models.BooleanField(db_default=False)
    state = models.CharField(max_length=10, choices=State.choices, db_default=State.DRAFT)
    quality_score = models.FloatField(db_default=0)
    is_public = models.BooleanField(db_default=False)
    published_at = models.DateTimeField(null=True, blank=True)
    public_options: models.JSONField[Any, Any] = models.JSONField(blank=True, default=dict, db_default={})
    seeded_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(db_default=Now())
    updated_at = models.DateTimeField(db_default=Now())

    objects = ProjectQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["owner", "idea_key"], condition=models.Q(is_twin=False), name="project_idea_once"
            )
        ]
        indexes = [models.Index(fields=["owner", "-updated_at", "-id"], name="project_recent")]

    def __str__(self) -> str:
        return self.clean_title

    @classmethod
    def merge(cls, source_id: str, target_id: str) -> None:
        same = cls.objects.filter(owner_id=target_id, idea_key=models.OuterRef("idea_key"), is_twin=False)
        cls.objects.filter(models.Exists(same), owner_id=source_id).update(is_twin=True)

    @classmethod
    def count_of(cls, owner_id: str) -> int:
        return cls.objects.owned_by(owner_id).count()


class IndexedIdea(OwnedModel):
    """An idea that semantic search can find: a project's, or a piece of research that is shown to all.

    The id is that of what it stands for. Without a vector, or with one of another model than searches
    use, it waits to be embedded; vectors of two models are never compared.
    """

    id = models.UUIDField(primary_key=True, editable=False)
    project = models.ForeignKey(Project, null=True, blank=True, on_delete=models.CASCADE, related_name="+")
    idea = models.TextField()
    text = models.TextField(help_text="what is embedded")
    category = models.TextField(null=True, blank=True)
    is_public = models.BooleanField(db_default=False)
    vector_model = models.TextField(blank=True, db_default="")
    vector = VectorField(null=True)
    updated_at = models.DateTimeField(db_default=Now())

    class Meta:
        indexes = [
            models.Index(fields=["vector_model"], name="indexed_idea_model"),  # what is to be embedded
            models.Index(fields=["id"], condition=models.Q(is_public=True), name="indexed_idea_public"),
        ]

    def __str__(self) -> str:
        return self.idea[:80]


class Clip(OwnedModel):
    """A page that whoever has its link can see: a snapshot, handed down by the app whose work it shows.

    It goes with the stream of that work.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    slug = models.TextField(unique=True)
    stream = models.OneToOneField(Stream, on_delete=models.CASCADE, related_name="clip")
    title = models.TextField()
    description = models.TextField(blank=True, default="")
    blocks: models.JSONField[Any, Any] = models.JSONField(default=list)
    research: models.JSONField[Any, Any] = models.JSONField(null=True, blank=True)
    created_at = models.DateTimeField(db_default=Now())
    updated_at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return self.title
