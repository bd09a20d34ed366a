"""Changes of projects. Each is one transaction, or part of the caller's."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import IntegrityError, connection, transaction
from django.db.models.functions import Now

from manticscore import errors
from manticscore.lib import ideas
from projects import search, signals, slugs
from projects.models import Project
from realtime import runs
from realtime.models import Stream
from realtime.topics import Channel

ACTIVE = "active"  # status of a project's stream, which has no other
SAME_IDEA = "You already have a project for this idea"
SLUG_TRIES = 3
DELETION_TIMEOUT = "60s"  # for a statement; a project may have any number of events

# clock_timestamp, because a transaction's own time would put projects into the order of its start.
INSERT = """
    INSERT INTO projects_project (id, owner_id, title, description, clean_title, one_liner, slug, idea_key,
                                  created_at, updated_at)
    VALUES (%(id)s, %(owner)s, %(title)s, %(description)s, %(clean_title)s, %(one_liner)s, %(slug)s,
            %(idea_key)s, clock_timestamp(), clock_timestamp())
    ON CONFLICT (owner_id, idea_key) WHERE NOT is_twin
    DO UPDATE SET updated_at = clock_timestamp()
    RETURNING *, xmax = 0 AS is_new
"""
# The newest of the other projects with that idea is from now on the one that a creation finds.
PROMOTE_TWIN = """
    UPDATE projects_project SET is_twin = false
    WHERE id = (SELECT id FROM projects_project WHERE owner_id = %(owner)s AND idea_key = %(idea_key)s
                ORDER BY is_twin, updated_at DESC LIMIT 1)
"""

# KEY SHARE is what a foreign key takes: it keeps a deletion out and lets changes pass.
HOLD = "SELECT * FROM projects_project WHERE id = %(id)s AND owner_id = %(owner)s FOR KEY SHARE"


@dataclass(frozen=True, slots=True)
class Created:
    """A project and whether it was made now, or was there before."""

    project: Project
    is_new: bool


@transaction.atomic
def create(*, owner_id: str, title: str, description: str = "") -> Created:
    """The account's project for this idea; a repeated creation moves it to the top of the recent ones.

    A new project comes with its stream, which stays open as long as the project exists. Joins the
    caller's transaction, so that a project and what is started on it exist together or not at all.
    """
    created = create_bare(owner_id=owner_id, title=title, description=description)
    if created.is_new:
        search.put_project(created.project)
        signals.project_created.send(sender=Project, project=created.project)
    return created


@transaction.atomic
def create_bare(*, owner_id: str, title: str, description: str = "") -> Created:
    """A project and its stream alone, for when search or the apps above are out of order."""
    project, is_new = insert(owner_id, title, description)
    if is_new:
        Stream.objects.create(
            id=project.pk,
            owner_id=project.owner_id,
            channel=Channel.PROJECT,
            project_id=project.pk,
            title=project.clean_title,
            status=ACTIVE,
        )
    return Created(project, is_new)


def insert(owner_id: str, title: str, description: str) -> tuple[Project, bool]:
    """Insert or find in one statement. A slug that is taken, once in a billion, is drawn again."""
    for remaining in reversed(range(SLUG_TRIES)):
        project_id = uuid.uuid4()
        values = {"id": project_id, "owner": owner_id, **told(title, description)}
        values["slug"] = slugs.slug(values["clean_title"], project_id)
        try:
            with transaction.atomic():
                (project,) = Project.objects.raw(INSERT, values)
        except IntegrityError:
            if not remaining or not Project.objects.filter(slug=values["slug"]).exists():
                raise
        else:
            return project, project.is_new  # type: ignore[attr-defined]
    raise AssertionError("the last try returns or raises")


def told(title: str, description: str) -> dict[str, Any]:
    """What follows from a project's words."""
    return {
        "title": title,
        "description": description,
        "clean_title": ideas.clean_title(title),
        "one_liner": ideas.one_liner(title, description),
        "idea_key": ideas.key(title, description),
    }


@transaction.atomic
def update(project: Project, changes: Mapping[str, str]) -> Project:
    """Change title or description. Raises Conflict when another project has that idea already."""
    project = locked(project)
    before = project.idea_key
    values = told(changes.get("title", project.title), changes.get("description", project.description))
    if project.published_at is None:
        values["slug"] = slugs.slug(values["clean_title"], project.pk)
    save(project, **values, is_twin=project.is_twin and values["idea_key"] == before)
    Stream.objects.filter(pk=project.pk).update(title=project.clean_title)
    if project.idea_key != before:
        promote_twin(project.owner_id, before)
    search.put_project(project)
    return project


def save(project: Project, **values: Any) -> None:
    """Store the values with a new time, and read back what the database made of them.

    Raises Conflict when another project has that idea already.
    """
    try:
        with transaction.atomic():
            Project.objects.filter(pk=project.pk).update(**values, updated_at=Now())
    except IntegrityError as error:
        if "project_idea_once" in str(error):
            raise errors.Conflict(SAME_IDEA) from None
        raise
    project.refresh_from_db()


def promote_twin(owner_id: str, idea_key: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(PROMOTE_TWIN, {"owner": owner_id, "idea_key": idea_key})


def note_research(project_id: UUID, quality_score: float, category: str | None = None) -> None:
    """A piece of research about the project is complete. Called in the transaction that stores it."""
    Project.objects.filter(pk=project_id).update(
        state=Project.State.READY, quality_score=quality_score, updated_at=Now()
    )
    if category is not None:
        search.categorise(project_id, category)


def hold(owner_id: str, project_id: UUID) -> Project:
    """The owner's project, which cannot be deleted before the caller's transaction ends.

    For whoever is about to store something under it. Raises NotFound.
    """
    projects = list(Project.objects.raw(HOLD, {"id": project_id, "owner": owner_id}))
    if not projects:
        raise errors.NotFound()
    return projects[0]


def locked(project: Project, *, no_key: bool = True) -> Project:
    """The project as it is now, locked against other changes of it. Raises NotFound when it is gone."""
    rows = Project.objects.owned_by(project.owner_id).select_for_update(no_key=no_key)
    found = rows.filter(pk=project.pk).first()
    if found is None:
        raise errors.NotFound()
    return found


@transaction.atomic
def delete(project: Project) -> None:
    """Cancel what runs under the project, then remove it with its streams and all that hangs from them.

    Workers find their stream gone at the next event they write, and stop; followers are told so. Streams
    are locked before the project, as by a run that stores its result; then those that came meanwhile.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('statement_timeout', %s, true)", [DELETION_TIMEOUT])
    lock_streams(project)
    project = locked(project, no_key=False)
    for stream_id in lock_streams(project):
        runs.abandon(stream_id, errors.Cancelled())  # gives credits back where a cancellation does
    signals.project_deleted.send(sender=Project, project=project)
    search.remove_of_project(project.pk)
    Stream.objects.filter(project_id=project.pk).delete()
    owner_id, idea_key = project.owner_id, project.idea_key
    project.delete()
    promote_twin(owner_id, idea_key)


def lock_streams(project: Project) -> list[UUID]:
    """Lock all streams of the project; returns those of unfinished work.

    The project's own comes last and nothing is written before all are held: who writes an event holds
    its stream and waits for the project's.
    """
    streams = Stream.objects.filter(project_id=project.pk).exclude(pk=project.pk).order_by("pk")
    found = list(streams.select_for_update().only("closed_seq"))
    return [stream.pk for stream in found if not stream.is_closed]


@transaction.atomic
def publish(project: Project, options: Mapping[str, bool]) -> Project:
    """Show the project to everybody, as far as the options say; options left out stay as they were."""
    project = locked(project)
    save(
        project,
        is_public=True,
        published_at=project.published_at or Now(),
        public_options={**project.public_options, **options},
    )
    search.put_project(project)
    return project


@transaction.atomic
def unpublish(project: Project) -> Project:
    """Show it to nobody. Its address stays its own."""
    project = locked(project)
    if project.is_public:
        save(project, is_public=False)
        search.put_project(project)
    return project
