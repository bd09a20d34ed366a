"""Profiles: made on first use, and what the layers above count for them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db import transaction

from accounts.models import Profile
from manticscore import errors

AUTONOMY_LEVELS = ("suggest", "confirm", "auto")
AUTO_ACTIONS = (
    "slack.post",
    "notion.export",
    "linear.create_issues",
    "jira.create_issues",
    "gmail.send",
    "github.create_pr",
)
AGENT_DEFAULTS: dict[str, Any] = {"autonomy_level": "suggest", "auto_actions": []}
NOTIFICATIONS = {
    "research_complete": "Research complete",
    "build_complete": "Build graph ready",
    "signal_alert": "New competitive signal",
    "weekly_digest": "Weekly digest",
}

# From what a profile reports (`project_count`, `research_count`, ...) to how it is counted for an owner.
# Apps above this one add theirs when they start; what nobody counts is 0.
counters: dict[str, Callable[[str], int]] = {}


def ensure(owner_id: str) -> Profile:
    """The owner's profile; concurrent first uses make one."""
    profile = Profile.objects.filter(owner_id=owner_id).first()
    if profile is None:
        Profile.objects.bulk_create([Profile(owner_id=owner_id)], ignore_conflicts=True)
        profile = Profile.objects.filter(owner_id=owner_id).first()
    if profile is None:
        # A rebind came in between: the row went to the user, and this session ended.
        raise errors.InvalidToken("Invalid token: session was revoked")
    return profile


def count(name: str, owner_id: str) -> int:
    counter = counters.get(name)
    return counter(owner_id) if counter is not None else 0


def update(owner_id: str, *, name: str | None = None, email: str | None = None) -> Profile:
    """Change what is not None."""
    profile = ensure(owner_id)
    changes = {"name": name, "email": email}
    changed = {field: value for field, value in changes.items() if value is not None}
    for field, value in changed.items():
        setattr(profile, field, value)
    profile.save(update_fields=list(changed))
    return profile


@transaction.atomic
def configure_agent(owner_id: str, changes: dict[str, Any]) -> dict[str, Any]:
    """Merge settings into the agent's configuration; the whole of it."""
    profile = locked(owner_id)
    profile.agent_config = {**AGENT_DEFAULTS, **profile.agent_config, **changes}
    profile.save(update_fields=["agent_config"])
    return dict(profile.agent_config)


@transaction.atomic
def set_notifications(owner_id: str, enabled: dict[str, bool]) -> Profile:
    """Turn kinds of notification on or off; kinds that are not named stay as they are."""
    profile = locked(owner_id)
    muted = (set(profile.muted_notifications) | {kind for kind, on in enabled.items() if not on}) - {
        kind for kind, on in enabled.items() if on
    }
    profile.muted_notifications = sorted(muted)
    profile.save(update_fields=["muted_notifications"])
    return profile


def locked(owner_id: str) -> Profile:
    ensure(owner_id)
    return Profile.objects.select_for_update().get(owner_id=owner_id)
