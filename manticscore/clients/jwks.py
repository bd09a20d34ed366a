"""Public keys that are published under a URL, kept so that their publisher may fail.

One background thread does all fetching, so there is never more than one request to the publisher and
nobody queues behind a slow one. A known key is answered from memory, always. An unknown one may ask for
an early fetch, at most once in FORCED_EVERY seconds whether or not fetches succeed, and only the one
that asked waits for it.
"""

from __future__ import annotations

import asyncio
import atexit
import json
import logging
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

import httpx
import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from jwt.algorithms import RSAAlgorithm

from manticscore.clients import lookups

MIN_BITS = 2048
MAX_BITS = 8192  # a larger key would only make verification slow
MAX_KEYS = 100
MAX_KID = 200  # characters
MISSES = 128  # unknown ids remembered
THREAD = "key refresh"

logger = logging.getLogger(__name__)


class UnknownKey(Exception):
    """The publisher has no such key."""


class NeverLoaded(Exception):
    """No keys are known: the publisher did not answer so far."""

    def __init__(self, retry_after: int) -> None:
        self.retry_after = retry_after
        super().__init__("no keys were loaded")


class BadKey(ValueError):
    """Not an RSA public key of a size that is safe to use."""


class FetchFailed(Exception):
    """The publisher did not answer with keys."""


@dataclass(frozen=True, slots=True)
class Pace:
    """Times in seconds."""

    fetch: float = 3.0  # one fetch, connecting included
    refresh_after: float = 300.0  # also how long a withdrawn key may still be accepted
    forced_every: float = 30.0  # between fetches that unknown ids or failures cause
    usable_for: float = 86_400.0  # how long keys outlive their publisher
    remember_misses: float = 300.0
    first_load: float = 0.5  # how long others wait for the very first fetch
    max_bytes: int = 1024 * 1024


class FixedKey:
    """One key, whatever id a token names. No network."""

    def __init__(self, pem: str) -> None:
        self._key = load_pem(pem)

    def find(self, kid: object) -> RSAPublicKey:
        return self._key


class NoKeys:
    """Nothing is configured."""

    def find(self, kid: object) -> RSAPublicKey:
        raise NeverLoaded(retry_after=round(Pace().forced_every))


class RemoteKeys:
    """See the module's docstring."""

    def __init__(self, url: str, pace: Pace | None = None) -> None:
        self._url = url
        self._pace = pace or Pace()
        self._changed = threading.Condition()
        self._keys: dict[str, RSAPublicKey] = {}
        self._misses: OrderedDict[str, float] = OrderedDict()
        self._loaded_at: float | None = None
        self._tried_at: float | None = None  # when the last fetch began
        self._tries = 0  # fetches that ended, well or not
        self._wanted = False
        self._stopped = False
        self._thread: threading.Thread | None = None

    def find(self, kid: object) -> RSAPublicKey:
        """The key with this id. Raises UnknownKey or NeverLoaded."""
        if not isinstance(kid, str) or not 0 < len(kid) <= MAX_KID:
            raise UnknownKey
        with self._changed:
            self._start()
            if self._loaded_at is None:
                self._await_first_load()
            key = self._usable().get(kid)
            if key is None and self._worth_asking(kid):
                key = self._ask_publisher(kid)
            if key is None:
                raise UnknownKey
            return key

    def stop(self) -> None:
        """End the background thread, for good."""
        atexit.unregister(self._quit)
        self._quit()
        if self._thread is not None:
            self._thread.join(self._pace.fetch * 2)

    def _quit(self) -> None:
        """Let the thread end, without waiting for it."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()

    def _usable(self) -> dict[str, RSAPublicKey]:
        now = time.monotonic()
        if self._loaded_at is None or now - self._loaded_at > self._pace.usable_for:
            since = now - self._tried_at if self._tried_at is not None else 0.0
            raise NeverLoaded(retry_after=max(1, round(self._pace.forced_every - since)))
        return self._keys

    def _await_first_load(self) -> None:
        """The first caller waits for the fetch it caused, those beside it only for a moment."""
        if self._tries:
            return
        wait = self._pace.fetch if self._tried_at is None else self._pace.first_load
        self._tried_at = self._tried_at or time.monotonic()
        self._changed.wait_for(lambda: self._tries > 0, timeout=wait)

    def _worth_asking(self, kid: str) -> bool:
        now = time.monotonic()
        missed_at = self._misses.get(kid)
        if missed_at is not None and now - missed_at < self._pace.remember_misses:
            return False
        due = self._tried_at is not None and now - self._tried_at >= self._pace.forced_every
        return due and not self._wanted

    def _ask_publisher(self, kid: str) -> RSAPublicKey | None:
        """Fetch early and wait for it. A key that is missing even then is not asked for again soon."""
        tries, loaded_at, self._wanted = self._tries, self._loaded_at, True
        self._changed.notify_all()
        self._changed.wait_for(lambda: self._tries > tries, timeout=self._pace.fetch)
        if kid not in self._keys and self._loaded_at != loaded_at:
            self._misses[kid] = time.monotonic()
            self._misses.move_to_end(kid)
            if len(self._misses) > MISSES:
                self._misses.popitem(last=False)
        return self._usable().get(kid)

    def _start(self) -> None:
        if self._thread is None and not self._stopped:
            self._thread = threading.Thread(target=self._refresh_forever, name=THREAD, daemon=True)
            self._thread.start()
            atexit.register(self._quit)

    def _refresh_forever(self) -> None:
        while not self._stopped:
            with self._changed:
                self._wanted, self._tried_at = False, time.monotonic()
            keys = self._fetch()
            with self._changed:
                self._tries += 1
                if keys is not None:
                    self._keys, self._loaded_at = keys, time.monotonic()
                self._changed.notify_all()
                wait = self._pace.forced_every if keys is None else self._pace.refresh_after
                self._changed.wait_for(lambda: self._wanted or self._stopped, timeout=wait)

    def _fetch(self) -> dict[str, RSAPublicKey] | None:
        try:
            return parse(lookups.run(download(self._url, self._pace)))
        except FetchFailed as error:
            if not self._stopped:  # else nobody listens any more, and the log may be closed
                logger.warning("cannot fetch keys from %s: %s", self._url, error)
        except Exception:  # the thread must outlive whatever a publisher can think of
            if not self._stopped:
                logger.exception("cannot fetch keys from %s", self._url)
        return None


async def download(url: str, pace: Pace) -> bytes:
    """The body under the URL. Redirects, odd statuses, large and slow answers raise FetchFailed."""
    headers = {"Accept": "application/json", "Accept-Encoding": "identity"}
    body = bytearray()
    try:
        async with (
            asyncio.timeout(pace.fetch),
            httpx.AsyncClient(timeout=pace.fetch, follow_redirects=False, trust_env=False) as client,
            client.stream("GET", url, headers=headers) as response,
        ):
            if response.status_code != httpx.codes.OK:
                raise FetchFailed(f"status {response.status_code}")
            async for chunk in response.aiter_raw():
                body += chunk
                if len(body) > pace.max_bytes:
                    raise FetchFailed("the answer is too large")
    except TimeoutError:
        raise FetchFailed(f"no answer within {pace.fetch:g} s") from None
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        raise FetchFailed(type(error).__name__) from None
    return bytes(body)


def parse(body: bytes) -> dict[str, RSAPublicKey]:
    """The usable keys of a JWK set by id. Of two with the same id the first counts."""
    try:
        members = json.loads(body)["keys"]
    except (ValueError, RecursionError, KeyError, TypeError):
        raise FetchFailed("the answer is not a key set") from None
    keys: dict[str, RSAPublicKey] = {}
    for member in members[:MAX_KEYS] if isinstance(members, list) else ():
        kid = member.get("kid") if isinstance(member, dict) else None
        if isinstance(kid, str) and 0 < len(kid) <= MAX_KID and kid not in keys:
            try:
                keys[kid] = load_jwk(member)
            except BadKey as error:
                logger.debug("key %.40r is not used: %s", kid, error)
    if not keys:
        raise FetchFailed("the answer has no usable key")
    return keys


def load_jwk(member: dict[str, Any]) -> RSAPublicKey:
    """An RSA signing key. Raises BadKey for every other kind, and for one that is malformed."""
    if member.get("kty") != "RSA" or member.get("use", "sig") != "sig":
        raise BadKey("not an RSA key for signatures")
    if member.get("alg", "RS256") != "RS256":
        raise BadKey("not for RS256")
    try:
        key = RSAAlgorithm.from_jwk({"kty": "RSA", "n": member["n"], "e": member["e"]})
    except (KeyError, TypeError, ValueError, AttributeError, jwt.PyJWTError):
        raise BadKey("malformed") from None
    return checked(key)


def load_pem(pem: str) -> RSAPublicKey:
    """The public key in a PEM text; `\\n` may stand for line ends. Raises BadKey."""
    try:
        key = load_pem_public_key(pem.replace("\\n", "\n").encode())
    except (ValueError, UnsupportedAlgorithm):
        raise BadKey("not a public key in PEM form") from None
    return checked(key)


def checked(key: object) -> RSAPublicKey:
    if not isinstance(key, RSAPublicKey):
        raise BadKey("not an RSA public key")
    if not MIN_BITS <= key.key_size <= MAX_BITS:
        raise BadKey(f"RSA keys must have {MIN_BITS} to {MAX_BITS} bits, not {key.key_size}")
    return key
