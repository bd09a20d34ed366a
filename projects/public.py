"""What an anonymous reader may see of a published project.

The apps above add what they know as sections, one query each; a section is shown when the owner's options
say so. Nothing here names the owner or an id: a reader learns what the project is, not whose.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from manticscore import errors
from projects.models import Project

# Part of the page -> whether it is shown when the owner says nothing about it.
OPTIONS = {"idea": True, "research": True, "build_plan": False, "forge": False}

# Part of the page -> what an app above has for it, or None when there is nothing to show. What is given for
# "idea" completes what the project itself knows.
sections: dict[str, Callable[[Project], dict[str, Any] | None]] = {}


def options(project: Project) -> dict[str, bool]:
    return {name: bool(project.public_options.get(name, shown)) for name, shown in OPTIONS.items()}


def find(slug: str) -> Project:
    """Raises NotFound for a project that is not published as for one that never was."""
    project = Project.objects.public().filter(slug=slug).first()
    if project is None:
        raise errors.NotFound()
    return project


def page(project: Project) -> dict[str, Any]:
    """The page's content as JSON."""
    shown = [name for name, wanted in options(project).items() if wanted]
    parts = {name: sections[name](project) if name in sections else None for name in shown}
    if "idea" in parts:
        parts["idea"] = {**idea(project), **(parts["idea"] or {})}
    assert project.published_at is not None
    return {
        "project": {
            "short_title": project.clean_title,
            "description": project.one_liner if "idea" in parts else "",
            "status": project.state,
            "published_at": project.published_at.isoformat(),
        },
        "slug": project.slug,
        **{name: content for name, content in parts.items() if content is not None},
    }


def idea(project: Project) -> dict[str, Any]:
    return {
        "raw": project.description or project.title,
        "one_liner": project.one_liner,
        "problem_statement": None,
        "target_user": None,
        "product_type": None,
    }
