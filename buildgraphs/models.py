"""A build graph: a plan, as a tree of nodes that each say what to build."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

from django.db import models
from django.db.models.functions import Now
from django.utils import timezone

from accounts.models import OwnedModel
from realtime.models import Stream
from research.models import FeatureResearchJob, ResearchJob


class BuildGraphQuerySet(models.QuerySet["BuildGraph"]):
    def owned_by(self, principal_id: str) -> BuildGraphQuerySet:
        return self.filter(owner_id=principal_id)


class BuildGraph(OwnedModel):
    """What was asked for, and what the plan is made from.

    Project, status and times are its stream's. `features` is what was chosen; `material` what research adds
    to it, kept so that a node that is expanded later is taken apart from the same. `ready_at` is when the
    plan stood for the first time; from then on the graph is ready, whatever becomes of an expansion.
    `charge_id` is what the ledger knows the charge by: the graph's own id until one was given back.
    """

    stream = models.OneToOneField(Stream, on_delete=models.CASCADE, primary_key=True)
    idea = models.TextField()
    features: models.JSONField[Any, Any] = models.JSONField(default=list)
    auto_select = models.BooleanField(default=False)
    phase = models.PositiveSmallIntegerField(null=True, blank=True)
    research = models.ManyToManyField(ResearchJob, blank=True, related_name="build_graphs")
    feature_research = models.ForeignKey(
        FeatureResearchJob, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    material: models.JSONField[Any, Any] = models.JSONField(null=True, blank=True)
    ready_at = models.DateTimeField(null=True, blank=True)
    charge_id = models.UUIDField(default=uuid.uuid4, editable=False)
    created_at = models.DateTimeField(db_default=Now())

    objects = BuildGraphQuerySet.as_manager()

    class Meta:
        indexes = [models.Index(fields=["owner", "-created_at", "-stream"], name="build_graph_of_owner")]

    def __str__(self) -> str:
        return self.idea[:80]

    @property
    def status(self) -> str:
        return "ready" if self.ready_at else self.stream.status


class Risk(models.TextChoices):
    GREEN = "green"
    YELLOW = "yellow"
    RED = "red"


class NodeStatus(models.TextChoices):
    """Where a node is in being taken apart; `implementing` while a Forge run works on it."""

    COLLAPSED = "collapsed"
    EXPANDING = "expanding"
    EXPANDED = "expanded"
    LEAF = "leaf"
    IMPLEMENTING = "implementing"


class UserStatus(models.TextChoices):
    PENDING = "pending"
    IN_PROGRESS = "in_progress"
    DONE = "done"
    SKIPPED = "skipped"


class Confidence(models.TextChoices):
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


class Effort(models.TextChoices):
    SMALL = "small"
    MEDIUM = "medium"
    LARGE = "large"
    VERY_LARGE = "very_large"


class BuildNode(models.Model):
    """A piece of work. `node_key` is its path in dot notation; the id follows from graph and key.

    `confidence` and `effort` are null until the node is assessed. Lineage: `feature_id` is the chosen
    feature, `evidence_ids` are keys of the research's evidence; `archetype` and `part` say which template
    the node was made from.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    graph = models.ForeignKey(BuildGraph, on_delete=models.CASCADE, related_name="nodes")
    parent = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.CASCADE, related_name="children"
    )
    node_key = models.TextField()
    depth = models.PositiveSmallIntegerField()
    sort_order = models.PositiveIntegerField()
    name = models.TextField()
    description = models.TextField()
    risk = models.CharField(max_length=10, choices=Risk.choices)
    node_status = models.CharField(max_length=12, choices=NodeStatus.choices)
    user_status = models.CharField(max_length=12, choices=UserStatus.choices, default=UserStatus.PENDING)
    confidence = models.CharField(max_length=10, choices=Confidence.choices, null=True, blank=True)
    effort = models.CharField(max_length=12, choices=Effort.choices, null=True, blank=True)
    unknowns: models.JSONField[Any, Any] = models.JSONField(default=list, blank=True)
    reasons: models.JSONField[Any, Any] = models.JSONField(default=list, blank=True)
    spec: models.JSONField[Any, Any] = models.JSONField()
    feature_id = models.TextField()
    archetype = models.CharField(max_length=40)
    part = models.CharField(max_length=100, blank=True, default="")
    evidence_ids: models.JSONField[Any, Any] = models.JSONField(default=list, blank=True)
    notes: models.JSONField[Any, Any] = models.JSONField(
        null=True, blank=True, help_text="what a language model added"
    )
    needs = models.ManyToManyField(
        "self", symmetrical=False, through="BuildDependency", related_name="needed_by"
    )
    created_at = models.DateTimeField(db_default=Now())
    updated_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [models.UniqueConstraint(fields=["graph", "node_key"], name="build_node_key")]
        indexes = [
            models.Index(
                fields=["graph"],
                condition=models.Q(node_status="expanding"),
                name="build_node_expanding",  # what the worker looks for
            )
        ]

    def __str__(self) -> str:
        return self.node_key

    @staticmethod
    def id_for(graph_id: uuid.UUID, node_key: str) -> uuid.UUID:
        return uuid.uuid5(graph_id, node_key)


class Target(models.TextChoices):
    """Where graphs are shipped to."""

    LINEAR = "linear"
    JIRA = "jira"
    SLACK = "slack"
    NOTION = "notion"
    GITHUB = "github"


class ShipmentStatus(models.TextChoices):
    WAITING = "waiting"
    DONE = "done"
    FAILED = "failed"


class Shipment(models.Model):
    """A graph on its way; one at a time. `destination` is the repository, project, channel or page.

    `failures` counts passing ones in a row; until `not_before` the tracker wants to hear nothing.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    graph = models.ForeignKey(BuildGraph, on_delete=models.CASCADE, related_name="shipments")
    target = models.CharField(max_length=10, choices=Target.choices)
    destination = models.TextField()
    top_level_only = models.BooleanField(default=False)
    status = models.CharField(max_length=10, choices=ShipmentStatus.choices, default=ShipmentStatus.WAITING)
    error_code = models.CharField(max_length=40, blank=True, default="")
    failures = models.PositiveSmallIntegerField(default=0)
    not_before = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(db_default=Now())
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["graph"], condition=models.Q(status="waiting"), name="build_shipment_one_waits"
            )
        ]

    def __str__(self) -> str:
        return f"{self.graph_id} to {self.target} {self.destination}"

    @property
    def rest(self) -> float:
        """Seconds until the tracker may be asked again."""
        left = self.not_before - timezone.now() if self.not_before else timedelta()
        return max(0.0, left.total_seconds())


class ShippedItem(models.Model):
    """What a tracker has of a graph; without a reference it was asked for, and nobody knows more.

    `subject_id` is the node that an issue is of, or the shipment that a message or page is of. A node is
    named by its id alone: one that was taken out and made again has its issue already. `key` is what the
    item is asked for by, where the tracker lets us choose its id.
    """

    graph = models.ForeignKey(BuildGraph, on_delete=models.CASCADE, related_name="shipped_items")
    subject_id = models.UUIDField()
    target = models.CharField(max_length=10, choices=Target.choices)
    destination = models.TextField()
    key = models.UUIDField(default=uuid.uuid4, editable=False)
    reference = models.TextField(blank=True, default="")
    url = models.TextField(blank=True, default="")
    asked_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["graph", "target", "destination", "subject_id"], name="build_item_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.target} {self.destination} {self.reference or '?'}"


class BuildDependency(models.Model):
    """`node` cannot begin before `needs` is over."""

    node = models.ForeignKey(BuildNode, on_delete=models.CASCADE, related_name="needs_rows")
    needs = models.ForeignKey(BuildNode, on_delete=models.CASCADE, related_name="needed_by_rows")

    class Meta:
        verbose_name_plural = "build dependencies"
        constraints = [
            models.UniqueConstraint(fields=["node", "needs"], name="build_dependency_once"),
            models.CheckConstraint(
                condition=~models.Q(node=models.F("needs")), name="build_dependency_on_another"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.node_id} needs {self.needs_id}"
