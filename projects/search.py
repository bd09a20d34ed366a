"""Search by meaning over one's own projects and what others show to everybody."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import Q

from manticscore import errors
from manticscore.clients.embedding_service import ServiceUnavailable
from projects import embedding, public
from projects.embedding import Vectors
from projects.models import IndexedIdea, Project
from projects.tasks import embed_idea
from realtime import jobs
from realtime.models import Stream

WAIT = 5  # seconds to wait for a service that does not answer
MAX_TEXT = 2000  # characters; models read no further

# A text that stays the same keeps its vector; what is only known later, as the category, is not forgotten.
PUT = """
    WITH before AS (SELECT text FROM projects_indexedidea WHERE id = %(id)s)
    INSERT INTO projects_indexedidea (id, owner_id, project_id, idea, text, category, is_public, updated_at)
    VALUES (%(id)s, %(owner)s, %(project)s, %(idea)s, %(text)s, %(category)s, %(is_public)s, now())
    ON CONFLICT (id) DO UPDATE SET
        idea = excluded.idea,
        text = excluded.text,
        category = COALESCE(excluded.category, projects_indexedidea.category),
        is_public = excluded.is_public,
        project_id = excluded.project_id,
        vector_model = CASE WHEN excluded.text = projects_indexedidea.text
                            THEN projects_indexedidea.vector_model ELSE '' END,
        updated_at = now()
    RETURNING text IS DISTINCT FROM (SELECT before.text FROM before)
"""
NEAREST = """
    SELECT id, idea, category, owner_id = %(owner)s, 1 - (vector <=> %(vector)s::vector) AS similarity
    FROM projects_indexedidea
    WHERE vector_model = %(model)s AND vector_dims(vector) = %(dimensions)s
      AND (owner_id = %(owner)s OR is_public)
    ORDER BY vector <=> %(vector)s::vector, id
    LIMIT %(limit)s
"""

Found = tuple[UUID, str, str | None, bool, float]


def put(
    entity_id: UUID,
    *,
    owner_id: str,
    idea: str,
    text: str,
    category: str | None = None,
    is_public: bool = False,
    project_id: UUID | None = None,
) -> None:
    """Make an idea findable, or change what is known of it; a new text is embedded by a task."""
    values: dict[str, Any] = {
        "id": entity_id,
        "owner": owner_id,
        "project": project_id,
        "idea": idea,
        "text": text[:MAX_TEXT],
        "category": category,
        "is_public": is_public,
    }
    with connection.cursor() as cursor:
        cursor.execute(PUT, values)
        (changed,) = cursor.fetchone()
    if changed:
        embed_idea.configure(queue=jobs.BACKGROUND).defer(idea_id=str(entity_id))


def put_project(project: Project) -> None:
    """Others find a project while it is published and its idea is shown."""
    put(
        project.pk,
        owner_id=project.owner_id,
        idea=project.one_liner,
        text=f"{project.clean_title}. {project.description}",
        is_public=project.is_public and public.options(project)["idea"],
        project_id=project.pk,
    )


def categorise(entity_id: UUID, category: str) -> None:
    IndexedIdea.objects.filter(pk=entity_id).update(category=category)


def adopt(entity_id: UUID, project_id: UUID) -> None:
    """What stands for a piece of work goes from now on with that project."""
    IndexedIdea.objects.filter(pk=entity_id).update(project_id=project_id)


def remove_of_project(project_id: UUID) -> None:
    """The project's own, and those of the work that is told in its stream."""
    work = Stream.objects.filter(project_id=project_id).values("pk")
    IndexedIdea.objects.filter(Q(project_id=project_id) | Q(pk__in=work)).delete()


def remove(entity_id: UUID) -> None:
    IndexedIdea.objects.filter(pk=entity_id).delete()


def search(owner_id: str, query: str, limit: int) -> list[dict[str, Any]]:
    """The ideas nearest to a query. Raises Unavailable while the embedding service does not answer."""
    try:
        model = embedding.current()
        (vector,) = model.embed([query])
    except ServiceUnavailable as error:
        raise errors.Unavailable("Embedding service unavailable", retry_after=WAIT) from error
    return [
        {
            "id": str(idea_id),
            "idea": idea,
            "category": category,
            "similarity": round(similarity, 4),
            "is_own": is_own,
        }
        for idea_id, idea, category, is_own, similarity in nearest(owner_id, vector, model.model_id, limit)
    ]


def nearest(owner_id: str, vector: Vectors, model: str, limit: int) -> list[Found]:
    """What the owner may see, nearest first, among vectors of that model."""
    values: dict[str, Any] = {
        "owner": owner_id,
        "vector": json.dumps(vector.tolist()),  # as pgvector reads it
        "dimensions": len(vector),
        "model": model,
        "limit": limit,
    }
    with connection.cursor() as cursor:
        cursor.execute(NEAREST, values)
        return list(cursor.fetchall())
