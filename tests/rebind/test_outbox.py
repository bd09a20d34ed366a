"""The analytics alias: written with the rebind, delivered at least once, in order, under one id."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest
from django.conf import LazySettings
from django.db.models import F
from procrastinate.contrib.django.models import ProcrastinateJob

from accounts import outbox, rebind, tasks
from accounts.models import OutboxMessage, Principal
from manticscore.clients.analytics import Alias, AnalyticsError, PostHog, ScriptedAnalytics
from tests.rebind import actors

pytestmark = pytest.mark.django_db
ALIAS = Alias("5d1f0a6e-0000-4000-8000-000000000001", "user_grace", "b1e4", "2026-11-21T20:00:00.000+00:00")
BUSY = AnalyticsError("PostHog answered 503")
REFUSED = AnalyticsError("PostHog answered 401", permanent=True)


class FakePostHog:
    """A real HTTP server that answers what it is told and keeps what it got."""

    def __init__(self) -> None:
        self.answers: list[int] = []
        self.headers: dict[str, str] = {}
        self.requests: list[tuple[str, Any]] = []
        fake = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                fake.requests.append((self.path, json.loads(body)))
                self.send_response(fake.answers.pop(0) if fake.answers else 200)
                for name, value in fake.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture
def posthog(settings: LazySettings) -> Iterator[FakePostHog]:
    fake = FakePostHog()
    thread = Thread(target=fake.server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    settings.POSTHOG_HOST, settings.POSTHOG_KEY = fake.url, "phc_key"
    yield fake
    fake.server.shutdown()
    thread.join()
    fake.server.server_close()


@pytest.fixture
def scripted(settings: LazySettings, monkeypatch: pytest.MonkeyPatch) -> ScriptedAnalytics:
    client = ScriptedAnalytics()
    settings.POSTHOG_KEY = "phc_key"
    monkeypatch.setattr(outbox, "analytics", lambda: client)
    return client


def rebound(device_id: str = actors.DEVICE, user_id: str = "user_grace") -> OutboxMessage:
    """A message, as a rebind writes it."""
    actors.on_device(device_id)
    known = set(OutboxMessage.objects.values_list("pk", flat=True))
    guest = actors.on_device(device_id)
    actors.factories.stream(guest.principal)
    assert rebind.rebind(user_id=user_id, device_id=device_id).rebound
    return OutboxMessage.objects.exclude(pk__in=known).get()


def jobs(message: OutboxMessage) -> list[ProcrastinateJob]:
    found = ProcrastinateJob.objects.filter(task_name=outbox.TASK, args__message_id=str(message.pk))
    return list(found.order_by("id"))


def make_due() -> None:
    OutboxMessage.objects.update(next_try_at=F("created_at") - timedelta(hours=1))


def deliver(message: OutboxMessage) -> OutboxMessage:
    outbox.deliver(message.pk)
    message.refresh_from_db()
    return message


def test_the_exact_request(posthog: FakePostHog) -> None:
    PostHog(posthog.url, "phc_key").alias(ALIAS)
    assert posthog.requests == [
        (
            "/batch/",
            {
                "api_key": "phc_key",
                "batch": [
                    {
                        "event": "$create_alias",
                        "uuid": "5d1f0a6e-0000-4000-8000-000000000001",
                        "timestamp": "2026-11-21T20:00:00.000+00:00",
                        "distinct_id": "user_grace",
                        "properties": {"distinct_id": "user_grace", "alias": "b1e4"},
                    }
                ],
            },
        )
    ]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 413, 422])
def test_a_refusal_is_permanent(posthog: FakePostHog, status: int) -> None:
    posthog.answers = [status]
    with pytest.raises(AnalyticsError) as raised:
        PostHog(posthog.url, "phc_key").alias(ALIAS)
    assert raised.value.permanent
    assert "phc_key" not in str(raised.value)


@pytest.mark.parametrize("status", [302, 408, 429, 500, 502, 503])
def test_anything_else_may_pass(posthog: FakePostHog, status: int) -> None:
    posthog.answers = [status]
    posthog.headers = {"Retry-After": "90"}
    with pytest.raises(AnalyticsError) as raised:
        PostHog(posthog.url, "phc_key").alias(ALIAS)
    assert (raised.value.permanent, raised.value.retry_after) == (False, 90)


def test_an_absent_server_may_come_back() -> None:
    with pytest.raises(AnalyticsError) as raised:
        PostHog("http://127.0.0.1:9", "phc_key").alias(ALIAS)
    assert not raised.value.permanent


def test_a_rebind_writes_message_and_job_together(posthog: FakePostHog) -> None:
    guest = actors.on_device()
    assert OutboxMessage.objects.count() == 0
    outcome = rebind.rebind(user_id="user_grace", device_id=actors.DEVICE)
    message = OutboxMessage.objects.get()
    assert (message.owner_id, message.state, message.tries) == ("user_grace", "pending", 0)
    assert message.pk == outbox.alias_id(guest.principal.id)
    [job] = jobs(message)
    assert (job.status, job.queue_name, job.lock, job.queueing_lock) == ("todo", "background", None, None)
    tasks.send_outbox(message_id=job.args["message_id"])
    [(_, body)] = posthog.requests
    [event] = body["batch"]
    assert (event["distinct_id"], event["properties"]["alias"]) == ("user_grace", outcome.anon_uuid)
    assert datetime.fromisoformat(event["timestamp"]).tzinfo is not None
    message.refresh_from_db()
    assert (message.state, message.tries, message.sent_at is not None) == ("sent", 1, True)


def test_a_second_delivery_sends_nothing(posthog: FakePostHog) -> None:
    message = rebound()
    deliver(message)
    deliver(message)
    assert len(posthog.requests) == 1


def test_every_try_sends_the_same(posthog: FakePostHog) -> None:
    message = rebound()
    posthog.answers = [500, 503, 200]
    for _ in range(3):
        make_due()
        deliver(message)
    bodies = [json.dumps(body) for _, body in posthog.requests]
    assert (len(bodies), len(set(bodies))) == (3, 1)
    assert message.state == "sent"


def test_a_sender_killed_after_sending_sends_the_same_again(
    posthog: FakePostHog, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    def die(point: str) -> None:
        if point == "outbox:sent":
            raise Killed

    message = rebound()
    with monkeypatch.context() as patch:
        patch.setattr(outbox, "crash_point", die)
        with pytest.raises(Killed):
            outbox.deliver(message.pk)
    assert deliver(message).state == "pending", "until the lease ends it may still be on its way"
    assert len(posthog.requests) == 1
    make_due()
    assert deliver(message).state == "sent"
    assert posthog.requests[0] == posthog.requests[1]


def test_without_a_key_messages_wait(settings: LazySettings) -> None:
    settings.POSTHOG_KEY = ""
    message = rebound()
    assert jobs(message) == []
    assert deliver(message).state == "pending"
    assert message.tries == 0
    assert outbox.resend_overdue(10) == 0


def test_a_failure_is_tried_again_later(scripted: ScriptedAnalytics) -> None:
    message = rebound()
    scripted.failures = [BUSY]
    deliver(message)
    assert (message.state, message.tries, message.last_error) == ("pending", 1, "PostHog answered 503")
    wait = (message.next_try_at - OutboxMessage.objects.get().created_at).total_seconds()
    assert 0.75 * outbox.FIRST_WAIT < wait < 1.5 * outbox.FIRST_WAIT
    first, second = jobs(message)
    assert first.scheduled_at is None
    assert second.scheduled_at == message.next_try_at


def test_the_wait_that_the_other_side_asks_for_is_kept(scripted: ScriptedAnalytics) -> None:
    message = rebound()
    scripted.failures = [AnalyticsError("PostHog answered 429", retry_after=900)]
    deliver(message)
    assert (message.next_try_at - message.created_at).total_seconds() > 890


def test_it_gives_up_after_three_days_of_tries(scripted: ScriptedAnalytics) -> None:
    message = rebound()
    tries = outbox.max_tries()
    waited = sum(outbox.backoff(number) for number in range(1, tries))
    assert 71 * 3600 < waited <= 72 * 3600
    scripted.failures = [BUSY] * tries
    for _ in range(tries):
        assert message.state == "pending"
        make_due()
        deliver(message)
    assert (message.state, message.tries, scripted.failures) == ("dead", tries, [])


def test_a_refused_message_is_dead_at_once(scripted: ScriptedAnalytics) -> None:
    message = rebound()
    scripted.failures = [REFUSED]
    deliver(message)
    assert (message.state, message.tries, message.last_error) == ("dead", 1, "PostHog answered 401")
    assert len(jobs(message)) == 1


def test_messages_of_a_device_leave_in_order(scripted: ScriptedAnalytics) -> None:
    first, second = rebound(), rebound()
    other = rebound("another device")
    scripted.failures = [BUSY]
    deliver(first)
    assert deliver(second).state == "pending"
    assert second.tries == 0
    assert second.next_try_at >= first.next_try_at
    assert deliver(other).state == "sent", "another device does not wait"
    make_due()
    deliver(first)
    deliver(second)
    sent = [alias.id for alias in scripted.sent]
    assert sent == [str(other.pk), str(first.pk), str(second.pk)]


def test_a_dead_message_does_not_hold_up_the_next(scripted: ScriptedAnalytics) -> None:
    first, second = rebound(), rebound()
    scripted.failures = [REFUSED]
    deliver(first)
    assert deliver(second).state == "sent"


def test_the_sweep_finds_messages_that_lost_their_job(scripted: ScriptedAnalytics) -> None:
    message = rebound()
    assert outbox.resend_overdue(10) == 0, "it has its job"
    make_due()
    assert outbox.resend_overdue(10) == 0
    ProcrastinateJob._base_manager.all()._raw_delete("default")
    assert outbox.resend_overdue(10) == 1
    assert outbox.resend_overdue(10) == 0
    assert len(jobs(message)) == 1


def test_a_revived_message_gets_all_its_tries(scripted: ScriptedAnalytics) -> None:
    message = rebound()
    scripted.failures = [REFUSED]
    deliver(message)
    assert outbox.revive(OutboxMessage.objects.all()) == 1
    assert outbox.revive(OutboxMessage.objects.all()) == 0
    message.refresh_from_db()
    assert (message.state, message.tries, len(jobs(message))) == ("pending", 0, 2)
    assert deliver(message).state == "sent"


def test_the_message_is_the_users(scripted: ScriptedAnalytics) -> None:
    rebound()
    assert Principal.objects.get(pk=OutboxMessage.objects.get().owner_id).id == "user_grace"
