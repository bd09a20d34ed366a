"""Staff, and a database with a row of every table and a secret in every secret place."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib.auth.models import Permission
from django.db import connection
from django.db.models.functions import Now
from django.test import Client
from procrastinate.contrib.django.models import ProcrastinateJob

from accounts import rebind, sessions
from accounts.models import (
    Device,
    IdempotencyKey,
    LedgerEntry,
    OutboxMessage,
    Principal,
    Profile,
    PushToken,
    RebindAudit,
    RebindConflict,
    Secret,
    UsagePeriod,
    User,
)
from buildgraphs.models import BuildDependency, Shipment, ShippedItem
from chat.models import ChatMessage
from manticscore import errors
from realtime.models import Connection, Event, StageResult
from research.models import (
    CorpusState,
    EmbeddingSpace,
    Evidence,
    FeatureEvidence,
    FeatureResearchJob,
    Passage,
    Term,
)
from tests import factories
from tests.rebind import actors

CANARY = "c4n4ry"  # stands in every value that nobody may see
DIGEST = bytes.fromhex("ca" * 32)


def staff(name: str, *permissions: str, superuser: bool = False) -> User:
    user = User.objects.create(username=name, is_staff=True, is_superuser=superuser)
    for permission in permissions:
        app, codename = permission.split(".")
        user.user_permissions.add(Permission.objects.get(content_type__app_label=app, codename=codename))
    return user


def browser(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def contested(device_id: str = actors.DEVICE) -> RebindConflict:
    """A device that Grace has, with a row of everything that it brought, and Mallory claims."""
    guest = actors.on_device(device_id)
    actors.one_of_everything(guest.principal)
    rebind.rebind(user_id="user_grace", device_id=device_id)
    try:
        rebind.rebind(user_id="user_mallory", device_id=device_id)
    except errors.Conflict:
        return RebindConflict.objects.get(device__digest=rebind.devices.device_digest(device_id))
    raise AssertionError


def populate(number: int) -> dict[str, Any]:
    """One more row of everything; the values nobody may see hold the canary."""
    principal = factories.principal()
    user, _ = Principal.objects.get_or_create(id=f"user_{number}")
    device = Device.objects.create(digest=DIGEST[:28] + number.to_bytes(4, "big"), principal=principal)
    token = sessions.mint(principal)
    job = factories.research_job(principal)
    project = factories.project_row(principal)
    factories.indexed_idea(project)
    factories.clip(job.stream, slug=f"{CANARY}-{number}")
    factories.card(principal, job, project=project)
    source = factories.source(f"source-{number}")
    Event.objects.create(stream=job.stream, seq=1, type="progress", data={"message": "at work"})
    Connection.objects.create(principal=principal, generation=1, is_open=True, busy_until=Now())
    StageResult.objects.create(stream=job.stream, stage="search", attempt=1, output={})
    Passage.objects.create(source=source, start=0, end=6)
    Term.objects.create(stem=f"stem{number}", sources=1)
    EmbeddingSpace.objects.create(id=f"space {number}", state=CANARY.encode())
    CorpusState.objects.get_or_create(id=1)
    Profile.objects.create(owner=principal, name="Ada", agent_config={"note": CANARY})
    PushToken.objects.create(owner=principal, device_token=f"{CANARY}-{number}", environment="sandbox")
    Secret.objects.create(
        owner=principal, kind="github_pat", ciphertext=CANARY.encode(), hint=f"{CANARY}-hint"
    )
    IdempotencyKey.objects.create(
        owner=principal, route="r", key=f"{CANARY}-{number}", request_hash=CANARY, body={"token": CANARY}
    )
    UsagePeriod.objects.create(owner=principal, key="2026-11")
    LedgerEntry.objects.create(owner=principal, kind="grant", action="grant", amount=-1, period="2026-11")
    factories.model_call(principal, stream_id=job.pk, reply={"data": CANARY})
    OutboxMessage.objects.create(owner=user, kind="posthog_alias", payload={"after": None}, state="dead")
    Evidence.objects.create(
        owner=principal, job=job, key=uuid.uuid4(), source=source, quote="Mealie", start=0, end=6, weight=1
    )
    deep = FeatureResearchJob.objects.create(
        stream=job.stream, owner=principal, idea="a box", features=[{"name": "a lid"}], as_of=job.as_of
    )
    FeatureEvidence.objects.create(
        owner=principal, job=deep, key=uuid.uuid4(), source=source, quote="Mealie", start=0, end=6, weight=1
    )
    graph = factories.build_graph()
    nodes = [factories.build_node(graph, key) for key in ("one", "two")]
    BuildDependency.objects.create(node=nodes[1], needs=nodes[0])
    place = {"target": "github", "destination": "ada/recipes"}
    Shipment.objects.create(graph=graph, **place)
    ShippedItem.objects.create(graph=graph, subject_id=nodes[0].pk, reference=f"#{number}", **place)
    chat = factories.chat_session()
    ChatMessage.objects.create(session=chat, role="user", text=CANARY)
    conflict = RebindConflict.objects.create(device=device, present_owner=user, claimant=user)
    device.rebinds.create(source=principal, target=user, rows=1, moved={"realtime.stream": [str(job.pk)]})
    member = User.objects.create(username=f"staff {number}", password=f"md5${CANARY}${CANARY}")
    RebindAudit.objects.create(conflict=conflict, staff=member, action="keep", reason="asked", effect={})
    queue_rows(number)
    return {"token": token}


def queue_rows(number: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO procrastinate_workers DEFAULT VALUES RETURNING id")
        [worker] = cursor.fetchone()
        cursor.execute(
            "INSERT INTO procrastinate_jobs (queue_name, task_name, lock, args, status, worker_id)"
            " VALUES ('background', 'test', %s, '{\"message_id\": \"1\"}', 'doing', %s)",
            [f"lock {number}", worker],
        )
        job = ProcrastinateJob.objects.latest("id")
        cursor.execute("INSERT INTO procrastinate_events (job_id, type) VALUES (%s, 'started')", [job.id])
        cursor.execute(
            "INSERT INTO procrastinate_periodic_defers (task_name, defer_timestamp, job_id, periodic_id)"
            " VALUES ('test', %s, %s, '')",
            [number, job.id],
        )
