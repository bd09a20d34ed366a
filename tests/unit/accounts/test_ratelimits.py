"""Rate limits: counted per name and key, and an honest Retry-After."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from django.conf import LazySettings
from django.core.cache import cache
from django.test import RequestFactory
from rest_framework.request import Request

from accounts import ratelimits
from accounts.models import Principal
from accounts.ratelimits import Limit
from manticscore import errors

TWICE = Limit("twice", "2/m", "ip")
TWICE_ALSO = Limit("twice_also", "2/m", "ip")
TWICE_EACH = Limit("twice_each", "2/m", "user")


@pytest.fixture(autouse=True)
def counting(settings: LazySettings) -> None:
    settings.RATELIMIT_ENABLE = True
    cache.clear()


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    return lambda moment: monkeypatch.setattr(time, "time", lambda: moment)


def request(address: str = "192.0.2.1", user: str = "", **headers: str) -> Request:
    made = Request(RequestFactory(headers=headers).post("/", REMOTE_ADDR=address))
    made.user = Principal(id=user)
    return made


def refused(limit: Limit, made: Request) -> int:
    with pytest.raises(errors.TooManyRequests) as caught:
        ratelimits.check(limit, made)
    assert caught.value.retry_after is not None
    return caught.value.retry_after


def spend(limit: Limit, made: Request) -> None:
    ratelimits.check(limit, made)
    ratelimits.check(limit, made)


def test_third_of_two_is_refused(at: Callable[[float], None]) -> None:
    at(1_000_000)
    spend(TWICE, request())
    assert 1 <= refused(TWICE, request()) <= 61


@pytest.mark.parametrize("second", [0, 0.9, 1, 17, 29.5, 30, 58, 59, 59.99])
def test_retry_after_is_neither_too_short_nor_too_long(at: Callable[[float], None], second: float) -> None:
    """Waiting it out is enough at any moment of the window, and a second less is not."""
    now = 1_000_020 + second
    at(now)
    spend(TWICE, request())
    wait = refused(TWICE, request())
    at(now + wait - 1)
    refused(TWICE, request())
    at(now + wait)
    ratelimits.check(TWICE, request())


def test_limits_and_addresses_are_counted_apart(at: Callable[[float], None]) -> None:
    at(1_000_000)
    spend(TWICE, request("192.0.2.1"))
    ratelimits.check(TWICE, request("192.0.2.2"))
    ratelimits.check(TWICE_ALSO, request("192.0.2.1"))
    refused(TWICE, request("192.0.2.1"))


def test_neighbours_in_an_ipv6_network_share_a_count(at: Callable[[float], None]) -> None:
    at(1_000_000)
    spend(TWICE, request("2001:db8:0:1::1"))
    refused(TWICE, request("2001:db8:0:1:ffff::2"))
    ratelimits.check(TWICE, request("2001:db8:0:2::1"))


@pytest.mark.parametrize("header", ["X-Forwarded-For", "X-Real-Ip", "Forwarded", "Client-Ip"])
def test_address_cannot_be_claimed_by_a_header(at: Callable[[float], None], header: str) -> None:
    at(1_000_000)
    spend(TWICE, request())
    refused(TWICE, request(**{header: "198.51.100.7"}))


def test_users_are_counted_by_principal_wherever_they_are(at: Callable[[float], None]) -> None:
    at(1_000_000)
    spend(TWICE_EACH, request("192.0.2.1", "user_ada"))
    ratelimits.check(TWICE_EACH, request("192.0.2.1", "user_mallory"))
    refused(TWICE_EACH, request("192.0.2.9", "user_ada"))


def test_limits_can_be_switched_off(settings: LazySettings) -> None:
    settings.RATELIMIT_ENABLE = False
    for _ in range(5):
        ratelimits.check(TWICE, request())


def test_counts_survive_many_other_clients(at: Callable[[float], None]) -> None:
    """The cache must not forget a client's count because other clients come by."""
    at(1_000_000)
    spend(TWICE, request())
    for number in range(2000):
        ratelimits.check(TWICE, request(f"10.0.{number // 250}.{number % 250}"))
    refused(TWICE, request())


def test_limits_hold_where_there_is_no_redis(
    at: Callable[[float], None], settings: LazySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fifth of the limit, and at least one call, is counted in this process."""
    monkeypatch.setattr(ratelimits, "_outage", ratelimits.Outage())
    monkeypatch.setattr(ratelimits, "_local", ratelimits.LocalCounters())
    settings.CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": "redis://127.0.0.1:1/0",
            "OPTIONS": {"socket_connect_timeout": 0.2, "socket_timeout": 0.2},
        }
    }
    at(1_000_000)
    ratelimits.check(TWICE, request())
    assert 1 <= refused(TWICE, request()) <= 61
    ratelimits.check(TWICE, request("192.0.2.2"))
