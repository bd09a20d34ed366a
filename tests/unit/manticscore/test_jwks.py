"""Keys that are fetched, against a real endpoint that is slow, broken, lying or gone."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from manticscore.clients import jwks
from tests.helpers import clerk
from tests.helpers.clerk import Endpoint
from tests.helpers.threads import at_once

PACE = jwks.Pace(fetch=0.5, refresh_after=60, forced_every=0.2, remember_misses=0.6, first_load=0.1)
NOWHERE = "http://127.0.0.1:9/jwks.json"


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    with clerk.endpoint() as served:
        yield served


@contextmanager
def remote(url: str, **changes: Any) -> Iterator[jwks.RemoteKeys]:
    keys = jwks.RemoteKeys(url, replace(PACE, **changes))
    try:
        yield keys
    finally:
        keys.stop()


def number_of(keys: jwks.RemoteKeys, kid: str = clerk.KID) -> int:
    return keys.find(kid).public_numbers().n


def n(name: str = "first") -> int:
    return clerk.key(name).public_key().public_numbers().n


def eventually(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.01)


def refused(keys: jwks.RemoteKeys, kid: str) -> bool:
    try:
        keys.find(kid)
    except jwks.UnknownKey:
        return True
    return False


def drip(handler: Any) -> None:
    for _ in range(100):
        handler.wfile.write(b" ")
        time.sleep(0.1)


def test_a_published_key_is_found_with_one_fetch(endpoint: Endpoint) -> None:
    with remote(endpoint.url) as keys:
        assert {number_of(keys) for _ in range(10)} == {n()}
    assert endpoint.asked == 1


ILL = {
    "empty set": {"body": clerk.key_set()},
    "not JSON": {"body": b"keys?"},
    "HTML": {"body": b"<html>Sign in</html>", "headers": {"Content-Type": "text/html"}},
    "an array": {"body": b"[]"},
    "keys are no list": {"body": b'{"keys": {"kid": "ins_1"}}'},
    "nested deeply": {"body": b"[" * 200_000},
    "invalid UTF-8": {"body": b"\xff\xfe\xff"},
    "10 MB": {"body": b" " * 10_000_000 + clerk.key_set(clerk.jwk())},
    "500": {"status": 500},
    "404": {"status": 404},
    "EC keys only": {"body": clerk.key_set(clerk.ec_jwk())},
    "a short key only": {"body": clerk.key_set(clerk.jwk(bits=1024, name="short"))},
    "an encryption key only": {"body": clerk.key_set(clerk.jwk(use="enc"))},
    "another algorithm only": {"body": clerk.key_set(clerk.jwk(alg="PS256"))},
    "a secret only": {"body": clerk.key_set({"kty": "oct", "k": "c2VjcmV0", "kid": clerk.KID})},
    "malformed members": {"body": clerk.key_set(None, 7, [], {}, {"kid": clerk.KID}, clerk.jwk(n="!"))},
    "kid is a list": {"body": clerk.key_set(clerk.jwk(kid=[clerk.KID]))},
    "slow": {"delay": 2.0},
    "slow body": {"before_body": drip},
    "compressed": {"headers": {"Content-Encoding": "gzip"}, "body": b"\x1f\x8b\x08\x00"},
}


@pytest.mark.parametrize("illness", ILL.values(), ids=ILL)
def test_nothing_is_loaded_from_an_ill_endpoint(endpoint: Endpoint, illness: dict[str, Any]) -> None:
    vars(endpoint).update(illness)
    started = time.monotonic()
    with remote(endpoint.url) as keys:
        with pytest.raises(jwks.NeverLoaded) as caught:
            keys.find(clerk.KID)
        assert time.monotonic() - started < PACE.fetch + 0.4
        assert caught.value.retry_after >= 1


@pytest.mark.parametrize("illness", ILL.values(), ids=ILL)
def test_known_keys_outlive_an_endpoint_that_falls_ill(endpoint: Endpoint, illness: dict[str, Any]) -> None:
    with remote(endpoint.url, refresh_after=0.05) as keys:
        number_of(keys)
        vars(endpoint).update(illness)
        asked = endpoint.asked
        eventually(lambda: endpoint.asked > asked + 1)
        started = time.monotonic()
        assert number_of(keys) == n()
        assert time.monotonic() - started < PACE.fetch - 0.1


def test_a_redirect_is_not_followed(endpoint: Endpoint) -> None:
    with clerk.endpoint() as elsewhere:
        endpoint.status, endpoint.headers = 302, {"Location": elsewhere.url}
        with remote(endpoint.url) as keys, pytest.raises(jwks.NeverLoaded):
            keys.find(clerk.KID)
        assert elsewhere.asked == 0


def test_good_members_are_used_beside_bad_ones(endpoint: Endpoint) -> None:
    endpoint.body = clerk.key_set(None, clerk.ec_jwk("ec"), clerk.jwk(n="!", kid="bad"), clerk.jwk())
    with remote(endpoint.url) as keys:
        assert number_of(keys) == n()
        assert refused(keys, "ec")
        assert refused(keys, "bad")


def test_of_two_keys_with_one_id_the_first_counts(endpoint: Endpoint) -> None:
    endpoint.body = clerk.key_set(clerk.jwk(), clerk.jwk(name="second"))
    with remote(endpoint.url) as keys:
        assert number_of(keys) == n()


def test_an_rsa_key_counts_even_after_an_ec_key_of_the_same_id(endpoint: Endpoint) -> None:
    endpoint.body = clerk.key_set(clerk.ec_jwk(), clerk.jwk())
    with remote(endpoint.url) as keys:
        assert number_of(keys) == n()


def test_an_endpoint_that_is_down_at_the_start_is_asked_again() -> None:
    with remote(NOWHERE) as keys:
        with pytest.raises(jwks.NeverLoaded):
            keys.find(clerk.KID)
        with clerk.endpoint() as endpoint:
            keys._url = endpoint.url
            eventually(lambda: endpoint.asked)
            eventually(lambda: keys._loaded_at)
            assert number_of(keys) == n()


def test_keys_are_not_used_longer_than_allowed_without_their_endpoint(endpoint: Endpoint) -> None:
    with remote(endpoint.url, refresh_after=0.05, usable_for=0.3) as keys:
        number_of(keys)
        endpoint.status = 500
        time.sleep(0.4)
        with pytest.raises(jwks.NeverLoaded):
            keys.find(clerk.KID)


def test_a_new_key_is_accepted_soon_after_a_rotation(endpoint: Endpoint) -> None:
    with remote(endpoint.url, forced_every=1) as keys:
        number_of(keys)
        endpoint.body = clerk.key_set(clerk.jwk(), clerk.jwk("ins_2", "second"))
        assert refused(keys, "ins_2"), "the last fetch was a moment ago"
        time.sleep(1)
        assert number_of(keys, "ins_2") == n("second")


def test_a_withdrawn_key_is_refused_after_the_next_refresh(endpoint: Endpoint) -> None:
    with remote(endpoint.url, refresh_after=0.1) as keys:
        number_of(keys)
        endpoint.body = clerk.key_set(clerk.jwk("ins_2", "second"))
        eventually(lambda: refused(keys, clerk.KID))


def test_a_flood_of_unknown_ids_causes_one_fetch_per_interval(endpoint: Endpoint) -> None:
    with remote(endpoint.url, forced_every=0.5) as keys:
        number_of(keys)
        time.sleep(0.5)
        started = time.monotonic()
        assert all(at_once(20, lambda thread: all(refused(keys, f"{thread}-{i}") for i in range(200))))
        assert endpoint.asked <= 2 + (time.monotonic() - started) // 0.5
        assert len(keys._misses) <= jwks.MISSES


def test_failed_fetches_count_against_the_interval(endpoint: Endpoint) -> None:
    with remote(endpoint.url, forced_every=5) as keys:
        number_of(keys)
        keys._tried_at = time.monotonic() - 5
        endpoint.status = 500
        assert all(refused(keys, f"unknown-{i}") for i in range(50))
        assert endpoint.asked == 2


def test_an_id_that_was_missing_is_not_asked_for_again_soon(endpoint: Endpoint) -> None:
    with remote(endpoint.url) as keys:
        number_of(keys)
        time.sleep(PACE.forced_every)
        assert refused(keys, "missing")
        time.sleep(PACE.forced_every)
        asked = endpoint.asked
        assert refused(keys, "missing")
        assert endpoint.asked == asked
        time.sleep(PACE.remember_misses)
        assert refused(keys, "missing")
        assert endpoint.asked == asked + 1


def test_only_one_caller_waits_for_a_slow_endpoint(endpoint: Endpoint) -> None:
    with remote(endpoint.url) as keys:
        number_of(keys)
        endpoint.delay = 0.4
        time.sleep(PACE.forced_every)

        def timed(thread: int) -> float:
            started = time.monotonic()
            assert refused(keys, f"unknown-{thread}")
            assert number_of(keys) == n()
            return time.monotonic() - started

        waits = sorted(at_once(20, timed))
        assert waits[-1] >= 0.3
        assert waits[-2] < 0.3
        assert endpoint.asked == 2


def test_a_slow_first_load_holds_nobody_up_for_long(endpoint: Endpoint) -> None:
    endpoint.delay = 2.0

    def timed(_: int) -> float:
        started = time.monotonic()
        with pytest.raises(jwks.NeverLoaded):
            keys.find(clerk.KID)
        return time.monotonic() - started

    with remote(endpoint.url) as keys:
        waits = sorted(at_once(20, timed))
        assert waits[-1] < PACE.fetch + 0.3
        assert waits[-2] < PACE.first_load + 0.3
        assert timed(0) < PACE.fetch - 0.1, "the first try is over: nobody waits for the next"
    assert endpoint.asked <= 3


def test_concurrent_first_callers_all_get_the_key(endpoint: Endpoint) -> None:
    with remote(endpoint.url, first_load=2) as keys:
        assert set(at_once(20, lambda _: number_of(keys))) == {n()}
    assert endpoint.asked == 1


@pytest.mark.parametrize("kid", [None, "", 7, ["ins_1"], {"kid": "ins_1"}, "x" * 201])
def test_an_id_that_is_none_is_refused_without_a_fetch(endpoint: Endpoint, kid: object) -> None:
    with remote(endpoint.url) as keys, pytest.raises(jwks.UnknownKey):
        keys.find(kid)
    assert endpoint.asked == 0


@pytest.mark.parametrize("text", ["", "no key", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----"])
def test_a_pem_that_is_no_key_is_refused(text: str) -> None:
    with pytest.raises(jwks.BadKey):
        jwks.load_pem(text)


def test_a_pem_may_have_escaped_line_ends() -> None:
    escaped = clerk.pem().replace("\n", "\\n")
    assert jwks.load_pem(escaped).public_numbers().n == n()


def test_where_nothing_is_configured_nothing_is_loaded() -> None:
    with pytest.raises(jwks.NeverLoaded):
        jwks.NoKeys().find(clerk.KID)


def test_keys_that_were_stopped_ask_nobody_and_say_nothing(
    endpoint: Endpoint, caplog: pytest.LogCaptureFixture
) -> None:
    with remote(endpoint.url, refresh_after=0.05) as keys:
        number_of(keys)
        endpoint.delay, endpoint.status = 0.3, 500
        eventually(lambda: endpoint.asked == 2)
    assert caplog.messages == [], "the fetch that was under way failed when nobody cared any more"
    assert refused(keys, "ins_2")
    time.sleep(0.1)
    assert endpoint.asked == 2
