"""Messages to outside systems that must not be lost.

A message is a row, written in the transaction of its cause together with the job that sends it. It is
sent at least once, always under the same id and time, and again with growing pauses for three days;
after that, or when the other side says it will never take it, it is dead until staff revive it.
Messages about the same device leave in order. Without a key for the outside system they wait.
"""

from __future__ import annotations

import logging
import random
from typing import Any
from uuid import UUID, uuid5

from django.conf import settings
from django.db import connection, models, transaction
from django.db.models.functions import Greatest, Now
from django.utils import timezone
from procrastinate.contrib.django import app

from accounts.models import ANONYMOUS_PREFIX, OutboxMessage
from accounts.models.session import database_clock_plus
from manticscore.clients.analytics import Alias, Analytics, AnalyticsError, PostHog
from manticscore.lib.faults import crash_point

ALIAS = "posthog_alias"
NAMESPACE = UUID("1f2b77c2-6f0e-4c3c-9d51-6c0f3a3b7a55")
TASK = "accounts.send_outbox"
QUEUE = "background"

FIRST_WAIT = 30  # seconds
LONGEST_WAIT = 3600
GIVE_UP_AFTER = 72 * 3600  # seconds of waiting between tries, altogether
LEASE = 60  # seconds in which a sender that says nothing is believed to be sending
PREDECESSOR_WAIT = 5
OVERDUE_AFTER = 30  # seconds; a message that waits longer has lost its job

# Pending messages whose time has come and gone, without a job that would send them.
OVERDUE = """
    SELECT m.id FROM accounts_outboxmessage m
    WHERE m.state = 'pending' AND m.next_try_at < now() - make_interval(secs => %s)
      AND NOT EXISTS (SELECT 1 FROM procrastinate_jobs job
                      WHERE job.task_name = %s AND job.status IN ('todo', 'doing')
                        AND job.args->>'message_id' = m.id::text)
    ORDER BY m.next_try_at LIMIT %s
"""

State = OutboxMessage.State
logger = logging.getLogger(__name__)


def analytics() -> Analytics | None:
    """The configured system; None when nothing is to be sent."""
    return PostHog(settings.POSTHOG_HOST, settings.POSTHOG_KEY) if settings.POSTHOG_KEY else None


def add_alias(*, user_id: str, source_id: str, after: str | None) -> OutboxMessage:
    """Queue the alias of a rebind in its transaction, to be sent after that of principal `after`.

    A principal is rebound once, so its id makes the message's: however it comes to be sent twice,
    PostHog sees one event.
    """
    message = OutboxMessage.objects.create(
        id=alias_id(source_id),
        owner_id=user_id,
        kind=ALIAS,
        payload={
            "distinct_id": user_id,
            "alias": source_id.removeprefix(ANONYMOUS_PREFIX),
            "timestamp": timezone.now().isoformat(timespec="milliseconds"),
            "after": str(alias_id(after)) if after else None,
        },
    )
    if analytics() is not None:
        defer(message.pk)
    return message


def alias_id(source_id: str) -> UUID:
    return uuid5(NAMESPACE, source_id)


def defer(message_id: UUID, at: Any = None) -> None:
    options = {"schedule_at": at} if at else {}
    app.configure_task(TASK, queue=QUEUE, **options).defer(message_id=str(message_id))


def deliver(message_id: UUID) -> None:
    """Send a message if it is its turn, and write down what came of it."""
    client = analytics()
    if client is None:
        return
    message = take(message_id)
    if message is None:
        return
    crash_point("outbox:taken")
    try:
        client.alias(alias_of(message))
    except AnalyticsError as error:
        record_failure(message, error)
        return
    crash_point("outbox:sent")
    OutboxMessage.objects.filter(pk=message.pk).update(state=State.SENT, sent_at=Now(), last_error="")


@transaction.atomic
def take(message_id: UUID) -> OutboxMessage | None:
    """Claim a message that is due, for as long as LEASE; None when there is nothing to do now.

    The lease is committed before anything is sent, so no transaction is open while the network is slow.
    """
    due = OutboxMessage.objects.filter(pk=message_id, state=State.PENDING, next_try_at__lte=Now())
    message = due.select_for_update(skip_locked=True).first()
    if message is None:
        return None
    predecessor = OutboxMessage.objects.filter(pk=message.payload["after"], state=State.PENDING).first()
    if predecessor is not None:
        wait_for(message, predecessor)
        return None
    message.tries += 1
    message.next_try_at = database_clock_plus(LEASE)
    message.save(update_fields=["tries", "next_try_at"])
    return message


def wait_for(message: OutboxMessage, predecessor: OutboxMessage) -> None:
    later = Greatest(database_clock_plus(PREDECESSOR_WAIT), models.Value(predecessor.next_try_at))
    postpone(message, next_try_at=later)


def record_failure(message: OutboxMessage, error: AnalyticsError) -> None:
    if error.permanent or message.tries >= max_tries():
        logger.error("outbox message %s is dead after %s tries: %s", message.pk, message.tries, error)
        OutboxMessage.objects.filter(pk=message.pk).update(state=State.DEAD, last_error=str(error))
        return
    wait = backoff(message.tries) * random.uniform(0.8, 1.2)
    wait = max(wait, min(error.retry_after or 0, LONGEST_WAIT))
    postpone(message, next_try_at=database_clock_plus(round(wait)), last_error=str(error))


@transaction.atomic
def postpone(message: OutboxMessage, **changes: Any) -> None:
    """Change a message and queue the job of its next try, by the database's clock."""
    OutboxMessage.objects.filter(pk=message.pk).update(**changes)
    message.refresh_from_db(fields=["next_try_at"])
    defer(message.pk, message.next_try_at)


def backoff(tries: int) -> int:
    """Seconds to wait after that many tries: doubling up to an hour."""
    wait: int = FIRST_WAIT * 2 ** min(tries - 1, 12)
    return min(LONGEST_WAIT, wait)


def max_tries() -> int:
    """How many tries fit into GIVE_UP_AFTER.

    Tries are counted, not hours since the message was written, so that one that waited for its first
    try, or was revived, gets all of them.
    """
    tries, waited = 1, 0
    while waited + backoff(tries) <= GIVE_UP_AFTER:
        waited += backoff(tries)
        tries += 1
    return tries


def alias_of(message: OutboxMessage) -> Alias:
    payload = message.payload
    return Alias(str(message.pk), payload["distinct_id"], payload["alias"], payload["timestamp"])


def overdue(limit: int) -> list[UUID]:
    with connection.cursor() as cursor:
        cursor.execute(OVERDUE, [OVERDUE_AFTER, TASK, limit])
        return [row[0] for row in cursor.fetchall()]


def resend_overdue(limit: int) -> int:
    """Queue jobs for pending messages that have none; the number of them."""
    if analytics() is None:
        return 0
    messages = overdue(limit)
    for message_id in messages:
        defer(message_id)
    return len(messages)


@transaction.atomic
def revive(messages: models.QuerySet[OutboxMessage]) -> int:
    """Give dead messages another three days; the number of them. Two calls at once revive each one once."""
    dead = messages.filter(state=State.DEAD).select_for_update(skip_locked=True)
    ids = list(dead.values_list("pk", flat=True))
    OutboxMessage.objects.filter(pk__in=ids).update(state=State.PENDING, tries=0, next_try_at=Now())
    if analytics() is not None:
        for message_id in ids:
            defer(message_id)
    return len(ids)
