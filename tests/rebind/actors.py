"""A signed-in user, a device, and the rows a device leaves behind."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from django.db import connection

from accounts import devices, ownership, sessions
from accounts.models import (
    IdempotencyKey,
    LedgerEntry,
    OutboxMessage,
    OwnedModel,
    Principal,
    PushToken,
    Secret,
    UsagePeriod,
)
from buildgraphs.models import BuildGraph
from chat.models import ChatSession
from research.models import Evidence, FeatureEvidence, FeatureResearchJob, ResearchJob
from tests import factories
from tests.helpers.people import Person

MORE_STREAMS = 3  # besides the research job's: of the feature research, the build graph and the chat
PATIENCE = 10.0  # seconds; only a failing test waits so long
DEVICE = "6A2F9E5C-4E0B-4A57-9C1D-7B1F0C3D2E11"
T = TypeVar("T")


def signed_in(name: str) -> Person:
    principal, _ = Principal.objects.get_or_create(id=f"user_{name}")
    return Person(name, principal, sessions.mint(principal))


def on_device(device_id: str = DEVICE) -> Person:
    principal = devices.principal_of(device_id)
    return Person("guest", principal, sessions.mint(principal))


def one_of_everything(owner: Principal) -> dict[type[OwnedModel], Any]:
    """A row of every owned table, so that a new table must be added here to pass the tests.

    Every run brings a stream; the one returned is the research job's, see `streams_of` for the others.
    """
    job = factories.research_job(owner)
    source = factories.source(str(uuid.uuid4()))
    project = factories.project_row(owner)
    deep = factories.feature_research_job(owner)
    rows: list[OwnedModel] = [
        project,
        factories.indexed_idea(project),
        factories.clip(job.stream),
        factories.card(owner, job, project=project),
        job.stream,
        job,
        factories.build_graph(owner),
        factories.chat_session(owner),
        Evidence.objects.create(
            owner=owner, job=job, key=uuid.uuid4(), source=source, quote="Mealie", start=0, end=6, weight=1
        ),
        deep,
        FeatureEvidence.objects.create(
            owner=owner, job=deep, key=uuid.uuid4(), source=source, quote="Mealie", start=0, end=6, weight=1
        ),
        IdempotencyKey.objects.create(owner=owner, route="POST /x", key=str(uuid.uuid4()), request_hash="0"),
        LedgerEntry.objects.create(owner=owner, kind="charge", action="research", amount=3, period="2026-11"),
        factories.model_call(owner),
        OutboxMessage.objects.create(owner=owner, kind="test", payload={}),
        PushToken.objects.create(owner=owner, device_token=str(uuid.uuid4()), environment="sandbox"),
        Secret.objects.create(owner=owner, kind="github_pat", ciphertext=b"sealed", hint="ghp_…1234"),
        UsagePeriod.objects.create(owner=owner, key="2026-11", credits=3),
    ]
    return {type(row): row for row in rows}


def streams_of(rows: dict[type[OwnedModel], Any]) -> list[str]:
    """Ids of the streams of all runs in one of everything."""
    runs = (ResearchJob, FeatureResearchJob, BuildGraph, ChatSession)
    return [str(rows[model].stream_id) for model in runs]


def rows_owned_by(principal_id: str) -> dict[str, int]:
    """Every owned table, the profile included, that still has rows of a principal."""
    found = ownership.counts([principal_id])
    return {label: by_owner[principal_id] for label, by_owner in found.items() if by_owner[principal_id]}


def until_set(event: threading.Event) -> None:
    """Wait for what another thread does. Without a limit, its failure would let the test stand still."""
    assert event.wait(PATIENCE), "the other thread did not get so far"


def in_threads(tasks: list[Callable[[], T]]) -> list[T]:
    """Run them at the same time, each on a connection of its own."""

    def run(task: Callable[[], T]) -> T:
        try:
            return task()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(tasks)) as pool:
        return [future.result() for future in [pool.submit(run, task) for task in tasks]]
