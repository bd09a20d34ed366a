"""One plain function per model: it saves a valid row and lets the test say what matters to it."""

from __future__ import annotations

import uuid
from datetime import date
from typing import Any

from django.utils import timezone

from accounts import devices
from accounts.models import Device, ModelCall, Principal
from buildgraphs import tasks as build_tasks
from buildgraphs.models import BuildGraph, BuildNode
from chat.models import ChatSession
from manticscore.lib import ideas
from projects import actions as projects
from projects.models import Clip, IndexedIdea, Project
from realtime.models import Stream
from realtime.topics import Channel
from research.models import Card, FeatureResearchJob, ResearchJob, Source


def principal() -> Principal:
    return Principal.new_anonymous()


def device(device_id: str = "a device", owner: Principal | None = None) -> Device:
    return Device.objects.create(digest=devices.device_digest(device_id), principal=owner or principal())


def stream(owner: Principal | None = None, **values: Any) -> Stream:
    """A stream as `attempt` 1 of a run finds it: claimed, and nothing written yet."""
    values = {"id": uuid.uuid4(), "channel": Channel.RESEARCH, "attempt": 1, "status": "running", **values}
    made = Stream.objects.create(owner=owner or principal(), **values)
    made.refresh_from_db()
    return made


def project_stream(owner: Principal | None = None) -> Stream:
    """The stream of a project: its own project, and never closed."""
    project_id = uuid.uuid4()
    return stream(owner, id=project_id, channel=Channel.PROJECT, project_id=project_id)


def research_job(
    owner: Principal | None = None, idea: str = "a recipe box for families", **values: Any
) -> ResearchJob:
    """A job that waits; nobody works on it, because it stands in no queue."""
    owner = owner or principal()
    header = stream(owner, attempt=0, status="queued", title=idea)
    values = {"as_of": date(2026, 1, 15), **values}
    return ResearchJob.objects.create(
        stream=header, owner=owner, idea=idea, idea_key=ideas.key(idea), **values
    )


def feature_research_job(
    owner: Principal | None = None, idea: str = "a recipe box for families", **values: Any
) -> FeatureResearchJob:
    """A job that waits; nobody works on it, because it stands in no queue."""
    owner = owner or principal()
    header = stream(
        owner,
        attempt=0,
        status="queued",
        title=idea,
        channel=Channel.FEATURE_RESEARCH,
        project_id=values.get("project_id"),
    )
    features = [{"id": "f1", "name": "shopping list", "source": "user"}]
    values = {"as_of": date(2026, 1, 15), "features": features, **values}
    return FeatureResearchJob.objects.create(stream=header, owner=owner, idea=idea, **values)


def card(owner: Principal, job: ResearchJob | None = None, **values: Any) -> Card:
    """A card of an idea on a project's bare row."""
    job = job or research_job(owner)
    if "project" not in values:
        values["project"] = project_row(owner)
    values = {"title": job.idea, **values}
    return Card.objects.create(owner=owner, research=job, idea=job.idea, idea_key=job.idea_key, **values)


def clip(stream: Stream, **values: Any) -> Clip:
    values = {"slug": f"research-{uuid.uuid4().hex}", "title": "A recipe box", **values}
    return Clip.objects.create(owner_id=stream.owner_id, stream=stream, **values)


def source(key: str = "mealie", text: str = "Mealie plans meals for families.", **values: Any) -> Source:
    values = {"origin": "test", "name": key.title(), "url": f"https://{key}.example", **values}
    values.setdefault("domain", f"{key}.example")
    return Source.objects.create(id=Source.id_for(values["origin"], key), key=key, text=text, **values)


def evidence(
    job: ResearchJob | FeatureResearchJob, quoted: Source | None = None, quote: str = "", **values: Any
) -> Any:
    """A quote of a source's text, all of it unless told otherwise, behind a job of either kind."""
    quoted = quoted or source(uuid.uuid4().hex)
    quote = quote or quoted.text
    start = quoted.text.index(quote)
    place = {"start": start, "end": start + len(quote), "key": uuid.uuid4(), "weight": 0.5}
    kind: Any = job.evidence.model
    return kind.objects.create(owner=job.owner, job=job, source=quoted, quote=quote, **{**place, **values})


def project_row(owner: Principal) -> Project:
    """A project's row alone, as no request leaves it."""
    unique = uuid.uuid4().hex
    words = {"title": "a box", "clean_title": "a box", "slug": unique, "idea_key": unique}
    return Project.objects.create(owner=owner, **words)


def indexed_idea(project: Project) -> IndexedIdea:
    return IndexedIdea.objects.create(
        id=project.pk, owner_id=project.owner_id, project=project, idea=project.title, text=project.title
    )


def project(owner: Principal | None = None, title: str = "A recipe box", **values: Any) -> Project:
    """A project with its stream, as creating it leaves them; `values` are set afterwards."""
    owner = owner or principal()
    made = projects.create(owner_id=owner.pk, title=title, description=values.pop("description", "")).project
    Project.objects.filter(pk=made.pk).update(**values)
    made.refresh_from_db()
    return made


def model_call(owner: Principal | None = None, **values: Any) -> ModelCall:
    """A language model's call that is over and paid for."""
    usual: dict[str, Any] = {
        "stream_id": uuid.uuid4(), "stage": "analyze", "fingerprint": uuid.uuid4().hex, "model": "openai:gpt",
        "own_key": False, "outcome": "ok", "tokens_in": 100, "tokens_out": 10, "micro_usd": 700,
        "duration_ms": 1500, "period": f"{timezone.now():%Y-%m}", "settled_at": timezone.now(),
    }  # fmt: skip
    return ModelCall.objects.create(owner=owner or principal(), **{**usual, **values})


def build_graph(owner: Principal | None = None, *labels: str, **values: Any) -> BuildGraph:
    """A graph that waits to be planned, of features with these labels."""
    owner = owner or principal()
    header = stream(
        owner,
        channel=Channel.BUILD,
        attempt=0,
        status="initializing",
        project_id=values.pop("project_id", None),
    )
    chosen = [{"id": label, "label": label, "source": "user"} for label in labels or ("meal planning",)]
    values = {"idea": "a recipe box for families", "features": chosen, **values}
    return BuildGraph.objects.create(stream=header, owner=owner, **values)


def build_node(graph: BuildGraph, key: str = "notes", **values: Any) -> BuildNode:
    """A leaf by itself."""
    spec = {
        "objective": "",
        "constraints": [],
        "acceptance_criteria": [],
        "test_checklist": [],
        "emitted_prompt": "",
    }
    usual: dict[str, Any] = {
        "depth": 0, "sort_order": 0, "name": key, "description": key, "risk": "green", "node_status": "leaf",
        "spec": spec, "feature_id": key, "archetype": "records",
    }  # fmt: skip
    return BuildNode.objects.create(graph=graph, node_key=key, **{**usual, **values})


def planned_graph(owner: Principal | None = None, *labels: str, **values: Any) -> BuildGraph:
    """A graph that is ready, after a worker planned it."""
    made = build_graph(owner, *(labels or ("Shopping list",)), **values)
    build_tasks.work.func(str(made.pk))
    made.refresh_from_db()
    return made


def chat_session(owner: Principal | None = None, project_id: uuid.UUID | None = None) -> ChatSession:
    """An open conversation in which nothing was said yet."""
    owner = owner or principal()
    header = stream(owner, channel=Channel.CHAT, project_id=project_id)
    return ChatSession.objects.create(stream=header, owner=owner)
