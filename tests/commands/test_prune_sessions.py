"""manage.py prune_sessions"""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.management import call_command
from django.db.models.functions import Now

from accounts import pruning
from accounts.models import Session
from tests.helpers.people import Person, person
from tests.helpers.threads import at_once

pytestmark = pytest.mark.django_db
WEEK = timedelta(days=7)
SECOND = timedelta(seconds=1)


def age(someone: Person, **ago: timedelta) -> Person:
    someone.principal.sessions.update(**{field: Now() - by for field, by in ago.items()})
    return someone


def left() -> set[str]:
    return set(Session.objects.values_list("principal_id", flat=True))


def test_what_ended_a_week_ago_goes(db: None) -> None:
    kept = [
        person("valid"),
        age(person("expired lately"), expires_at=WEEK - SECOND),
        age(person("revoked lately"), expires_at=WEEK - 1200 * SECOND, revoked_at=WEEK - SECOND),
    ]
    age(person("expired"), expires_at=WEEK + SECOND)
    age(person("revoked"), expires_at=WEEK - 1200 * SECOND, revoked_at=WEEK + SECOND)
    assert call_command("prune_sessions", dry_run=True) == "2 sessions would be deleted."
    assert Session.objects.count() == 5
    assert call_command("prune_sessions") == "2 sessions deleted."
    assert call_command("prune_sessions") == "0 sessions deleted."
    assert left() == {someone.principal.id for someone in kept}


def test_an_expired_token_says_so_for_a_week(db: None) -> None:
    someone = age(person("old"), expires_at=WEEK - SECOND)
    call_command("prune_sessions")
    response = someone.client.get("/profile")
    assert (response.status_code, response.json()) == (401, {"detail": "Token expired"})
    age(someone, expires_at=WEEK + SECOND)
    call_command("prune_sessions")
    assert someone.client.get("/profile").json() == {"detail": "Invalid token: unknown session"}


@pytest.mark.django_db(transaction=True)
def test_twice_at_once_share_the_work() -> None:
    for _ in range(30):
        age(person("old"), expires_at=WEEK + SECOND)
    keep = person("young")
    counts = at_once(4, lambda _: pruning.delete_in_batches(pruning.old_sessions(), batch=7))
    assert sum(counts) == 30
    assert left() == {keep.principal.id}
