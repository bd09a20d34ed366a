"""One plain function per model: it saves a valid row and lets the test say what matters to it."""

from __future__ import annotations

import uuid
from datetime import date
from typing import Any

from accounts import devices
from accounts.models import Device, Principal
from realtime.models import Stream
from realtime.topics import Channel
from research.models import ResearchJob, Source


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
    return ResearchJob.objects.create(stream=header, owner=owner, idea=idea, **values)


def source(key: str = "mealie", text: str = "Mealie plans meals for families.", **values: Any) -> Source:
    values = {"origin": "test", "name": key.title(), "url": f"https://{key}.example", **values}
    values.setdefault("domain", f"{key}.example")
    return Source.objects.create(id=Source.id_for(values["origin"], key), key=key, text=text, **values)
