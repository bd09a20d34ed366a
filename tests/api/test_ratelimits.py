"""Rate limits at the API: what is counted, an honest Retry-After, and life without Redis."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import LazySettings
from django.core.cache import cache
from django.test import RequestFactory
from redis import Redis
from rest_framework.request import Request

from accounts import ratelimits
from accounts.models import Principal
from accounts.ratelimits import Guards, Limit
from manticscore import errors
from manticscore.lib import clientip
from tests.helpers import redis as redis_server
from tests.helpers.people import JSONClient, Person
from tests.helpers.redis import PrivateRedis

TEN = Limit("ten", "10/m", "ip", Guards.ACCOUNT)
TEN_READS = Limit("ten_reads", "10/m", "ip", Guards.READ)
LOW = 10 // ratelimits.FALLBACK_SHARE
NOON = 1_800_000_000
LONGEST = 1.5  # seconds for a request while Redis hangs: its timeout and one more


@pytest.fixture(autouse=True)
def counting(settings: LazySettings, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the clock stopped, so that no window ends in the middle of a test."""
    settings.RATELIMIT_ENABLE = True
    monkeypatch.setattr(ratelimits, "_outage", ratelimits.Outage())
    monkeypatch.setattr(ratelimits, "_local", ratelimits.LocalCounters())
    monkeypatch.setattr(time, "time", lambda: float(NOON))
    cache.clear()


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    return lambda moment: monkeypatch.setattr(time, "time", lambda: moment)


def request(peer: str = "192.0.2.1", **headers: str) -> Request:
    return Request(RequestFactory(headers=headers).get("/", REMOTE_ADDR=peer))


def allowed(limit: Limit, made: Request | None = None, most: int = 1000) -> int:
    """How many calls in a row are let through."""
    for number in range(most):
        try:
            ratelimits.check(limit, made or request())
        except errors.TooManyRequests:
            return number
    return most


def refusal(step: Callable[[], Any]) -> int:
    with pytest.raises(errors.TooManyRequests) as caught:
        step()
    assert caught.value.retry_after is not None
    return caught.value.retry_after


def sign_in(device_id: str, address: str = "192.0.2.1") -> Any:
    return JSONClient(REMOTE_ADDR=address).post("/auth/anonymous", {"device_id": device_id})


# What is limited


@pytest.mark.django_db
def test_anonymous_sessions_of_one_network() -> None:
    answers = [sign_in(f"device {number}") for number in range(11)]
    assert [answer.status_code for answer in answers] == [200] * 10 + [429]
    assert answers[-1].json() == {"detail": "Too many requests"}
    assert 1 <= int(answers[-1]["Retry-After"]) <= 61
    assert sign_in("device 1", "192.0.2.2").status_code == 200


@pytest.mark.django_db
def test_anonymous_sessions_of_one_device_on_many_networks() -> None:
    answers = [sign_in("a device", f"192.0.2.{number}").status_code for number in range(6)]
    assert answers == [200] * 5 + [429]
    assert sign_in("another device", "192.0.2.9").status_code == 200


@pytest.mark.django_db
def test_malformed_requests_for_a_session_are_counted_too() -> None:
    assert [sign_in("").status_code for _ in range(11)] == [422] * 10 + [429]
    assert sign_in("a device").status_code == 429


@pytest.mark.django_db
def test_research_is_limited_per_user(ada: Person, mallory: Person) -> None:
    statuses = [ada.client.post("/research", {"idea": "a box"}).status_code for _ in range(11)]
    assert statuses[-1] == 429
    assert 429 not in statuses[:-1]
    assert mallory.client.post("/research", {"idea": "a box"}).status_code != 429


@pytest.mark.django_db
def test_creating_projects_is_limited_per_user(ada: Person, mallory: Person) -> None:
    """Also those that are there already: whoever asks has the idea read."""
    statuses = [ada.client.post("/projects", {"title": f"box {n % 2}"}).status_code for n in range(21)]
    assert statuses == [201] * 2 + [200] * 18 + [429]
    assert mallory.client.post("/projects", {"title": "box"}).status_code == 201


@pytest.mark.django_db
def test_search_is_limited_per_user(ada: Person, mallory: Person) -> None:
    statuses = [ada.client.get("/projects/search?q=a+box").status_code for _ in range(31)]
    assert statuses == [200] * 30 + [429]
    assert mallory.client.get("/projects/search?q=a+box").status_code == 200


def test_every_named_limit_is_in_the_table() -> None:
    rates = {value.name: value.rate for value in vars(ratelimits).values() if isinstance(value, Limit)}
    assert rates == {
        "anonymous_session": "10/m",
        "anonymous_device": "5/h",
        "sign_in": "30/m",
        "rebind": "10/h",
        "usage": "120/m",
        "start_research": "10/m",
        "retry_section": "10/m",
        "research_stats": "30/m",
        "recheck_evidence": "10/h",
        "create_project": "20/m",
        "search": "30/m",
        "pdf": "20/m",
        "start_build": "10/m",
        "ship": "10/m",
        "start_feature_research": "5/m",
        "chat": "20/m",
        "start_forge": "10/m",
        "ideas": "20/m",
        "card_ideas": "20/m",
        "feature_selection": "10/m",
        "toast_bootstrap": "30/m",
        "public_clip": "30/m",
        "public_project": "60/m",
        "public_company": "60/m",
    }


def test_pages_are_counted_apart_where_the_limit_says_so() -> None:
    for _ in range(60):
        ratelimits.check(ratelimits.PUBLIC_COMPANY, request(), "acme")
    refusal(lambda: ratelimits.check(ratelimits.PUBLIC_COMPANY, request(), "acme"))
    ratelimits.check(ratelimits.PUBLIC_COMPANY, request(), "other")


def test_open_streams_are_limited_per_user() -> None:
    streams = ratelimits.OpenStreams(2)
    streams.enter("user_ada")
    streams.enter("user_ada")
    with pytest.raises(errors.TooManyRequests):
        streams.enter("user_ada")
    streams.enter("user_mallory")
    streams.leave("user_ada")
    streams.enter("user_ada")


def test_off_switches_everything_off(settings: LazySettings) -> None:
    settings.RATELIMIT_ENABLE = False
    streams = ratelimits.OpenStreams(0)
    assert allowed(TEN, most=30) == 30
    streams.enter("user_ada")


# Retry-After


@pytest.mark.parametrize("offset", [0, 0.4, 0.999, 1, 7.25, 29, 30.5, 58, 58.999, 59, 59.5, 59.999])
@pytest.mark.parametrize("limit", [TEN, Limit("hourly", "10/h", "ip", Guards.ACCOUNT)])
def test_waiting_exactly_as_long_as_told_is_enough(
    at: Callable[[float], None], limit: Limit, offset: float
) -> None:
    at(NOON + offset)
    assert allowed(limit) == 10
    wait = refusal(lambda: ratelimits.check(limit, request()))
    assert 1 <= wait <= limit.period + 1
    at(NOON + offset + wait)
    ratelimits.check(limit, request())


@pytest.mark.parametrize("offset", [0, 1800.5, 3599.9])
def test_wait_covers_every_limit_that_is_used_up(at: Callable[[float], None], offset: float) -> None:
    """The network has room again in a minute, the device only in the next hour."""
    at(NOON + offset)
    for number in range(5):
        ratelimits.check_anonymous(request(), "mine")
        ratelimits.check_anonymous(request(), f"other {number}")
    wait = refusal(lambda: ratelimits.check_anonymous(request(), "mine"))
    at(NOON + offset + wait)
    ratelimits.check_anonymous(request(), "mine")


def test_call_refused_by_one_limit_is_not_held_against_the_next(at: Callable[[float], None]) -> None:
    at(NOON)
    for number in range(10):
        ratelimits.check_anonymous(request(), f"device {number}")
    for _ in range(9):
        refusal(lambda: ratelimits.check_anonymous(request(), "patient"))
    assert refusal(lambda: ratelimits.check_anonymous(request(), "patient")) <= 61


# Who the client is


@pytest.mark.parametrize(
    ("peer", "forwarded_for", "proxies", "address"),
    [
        ("192.0.2.1", "", 0, "192.0.2.1"),
        ("192.0.2.1", "198.51.100.7", 0, "192.0.2.1"),  # sent by the client, not by a proxy of ours
        ("10.0.0.1", "198.51.100.7", 1, "198.51.100.7"),
        ("10.0.0.1", "6.6.6.6, 198.51.100.7", 1, "198.51.100.7"),  # forged on the left
        ("10.0.0.1", "6.6.6.6, 198.51.100.7, 10.0.0.2", 2, "198.51.100.7"),
        ("10.0.0.1", "198.51.100.7", 3, "198.51.100.7"),  # fewer proxies than told
        ("10.0.0.1", "", 1, "10.0.0.1"),
        ("10.0.0.1", "not an address", 1, "10.0.0.1"),
        ("10.0.0.1", "198.51.100.7:4711", 1, "198.51.100.7"),
        ("10.0.0.1", "[2001:db8::1]:4711", 1, "2001:db8::1"),
        ("10.0.0.1", '"[2001:db8::1]"', 1, "2001:db8::1"),
        ("fe80::1%eth0", "", 0, "fe80::1"),
        ("::ffff:192.0.2.1", "", 0, "192.0.2.1"),
        ("", "", 0, clientip.UNKNOWN),  # a Unix socket
        ("", "198.51.100.7", 1, "198.51.100.7"),
        ("", "198.51.100.7", 0, clientip.UNKNOWN),
    ],
)
def test_client_ip(peer: str, forwarded_for: str, proxies: int, address: str) -> None:
    assert clientip.client_ip(peer, forwarded_for, proxies) == address


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::", "2001:db8:1:2::/64"),
        (clientip.UNKNOWN, clientip.UNKNOWN),
    ],
)
def test_clients_with_ipv6_are_counted_by_their_network(address: str, network: str) -> None:
    assert clientip.network(address) == network


def test_headers_of_clients_are_ignored_without_trusted_proxies() -> None:
    for number in range(10):
        ratelimits.check(TEN, request(**{"X-Forwarded-For": f"198.51.100.{number}"}))
    refusal(lambda: ratelimits.check(TEN, request(**{"X-Forwarded-For": "198.51.100.99"})))


def test_clients_behind_a_trusted_proxy_are_told_apart(settings: LazySettings) -> None:
    settings.TRUSTED_PROXIES = 1
    for number in range(20):
        ratelimits.check(TEN, request(**{"X-Forwarded-For": f"198.51.100.{number}"}))


def test_request_over_a_unix_socket_is_counted() -> None:
    made = request()
    del made._request.META["REMOTE_ADDR"]
    assert allowed(TEN, made) == 10


# Redis


@pytest.fixture
def redis(tmp_path: Path, settings: LazySettings) -> Iterator[PrivateRedis]:
    with redis_server.private_redis(tmp_path) as server:
        use_redis(settings, server.url)
        yield server


def use_redis(settings: LazySettings, url: str) -> None:
    """The cache as settings.py makes it when REDIS_URL is set."""
    settings.CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": url,
            "OPTIONS": {"socket_timeout": 0.5, "socket_connect_timeout": 0.5},
        }
    }


def took(step: Callable[[], Any]) -> float:
    started = time.monotonic()
    step()
    return time.monotonic() - started


def test_counts_are_shared_through_redis(redis: PrivateRedis, at: Callable[[float], None]) -> None:
    at(NOON + 12.5)
    assert allowed(TEN) == 10
    wait = refusal(lambda: ratelimits.check(TEN, request()))
    assert Redis.from_url(redis.url).dbsize() == 1
    at(NOON + 12.5 + wait)
    ratelimits.check(TEN, request())


def test_killed_redis_lets_reads_pass_and_limits_the_rest_lower(redis: PrivateRedis) -> None:
    assert allowed(TEN, most=5) == 5
    redis.send(signal.SIGKILL)
    assert allowed(TEN_READS, most=50) == 50
    assert allowed(TEN) == LOW


def test_redis_that_returns_counts_again(redis: PrivateRedis, monkeypatch: pytest.MonkeyPatch) -> None:
    redis.send(signal.SIGKILL)
    assert allowed(TEN) == LOW
    redis.start()
    monkeypatch.setattr(ratelimits, "_outage", ratelimits.Outage())  # as after CACHE_REST seconds
    assert allowed(TEN) == 10


def test_hanging_redis_costs_one_timeout(redis: PrivateRedis) -> None:
    ratelimits.check(TEN, request())
    redis.send(signal.SIGSTOP)
    assert took(lambda: ratelimits.check(TEN_READS, request())) < LONGEST
    assert took(lambda: allowed(TEN)) < 0.2, "the next ones do not wait at all"
    redis.send(signal.SIGCONT)


@pytest.mark.django_db
def test_api_without_redis_answers_in_time_and_never_500(redis: PrivateRedis) -> None:
    redis.send(signal.SIGSTOP)
    answers: list[int] = []
    assert took(lambda: answers.append(sign_in("a device").status_code)) < LONGEST
    redis.send(signal.SIGKILL)
    answers += [sign_in(f"device {number}").status_code for number in range(4)]
    assert answers == [200, 200, 429, 429, 429]


def test_nobody_listens_where_redis_should_be(settings: LazySettings) -> None:
    use_redis(settings, "redis://127.0.0.1:1/0")
    assert took(lambda: allowed(TEN)) < LONGEST
    assert allowed(TEN_READS, most=50) == 50


@pytest.mark.parametrize("offset", [0, 17.5, 59.9])
def test_wait_is_honest_without_redis_too(
    settings: LazySettings, at: Callable[[float], None], offset: float
) -> None:
    use_redis(settings, "redis://127.0.0.1:1/0")
    at(NOON + offset)
    allowed(TEN)
    wait = refusal(lambda: ratelimits.check(TEN, request()))
    at(NOON + offset + wait)
    ratelimits.check(TEN, request())


def test_local_counters_are_bounded_and_remember_who_was_over() -> None:
    counters = ratelimits.LocalCounters()
    for _ in range(5):
        counters.usage(TEN, "greedy", increment=True)
    for number in range(ratelimits.MAX_LOCAL_KEYS + 10):
        counters.usage(TEN, f"client {number}", increment=True)
    assert counters.usage(TEN, "greedy", increment=False).count == 5
    assert len(counters._counts) <= ratelimits.MAX_LOCAL_KEYS


def test_users_are_counted_wherever_they_are() -> None:
    limit = Limit("each", "1/m", "user", Guards.READ)
    first, second = request("192.0.2.1"), request("192.0.2.2")
    first.user = second.user = Principal(id="user_ada")
    ratelimits.check(limit, first)
    refusal(lambda: ratelimits.check(limit, second))
