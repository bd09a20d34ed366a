"""Clerk: verifying the JWTs it gives to signed-in users.

Nothing in a token chooses how it is verified: the algorithm is pinned, keys come from the configuration
alone, and headers that would bring a key or an extension along are refused.

Without any CLERK_* setting, and with DEBUG only, the issuer is this installation itself; see
manticscore/clients/clerk_local.py.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Protocol

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from django.conf import settings

from manticscore.clients import clerk_local, jwks

ALGORITHM = "RS256"
SIGNATURES = jwt.PyJWS([ALGORITHM])
LEEWAY = 10  # seconds that clocks may differ
MAX_TOKEN = 8 * 1024  # characters; Clerk's own limit for cookies is half of it
MAX_HEADER = 1024
SEGMENTS = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
USER_ID = re.compile(r"user_[A-Za-z0-9_-]{1,128}")
FOREIGN_HEADERS = {"jku", "jwk", "x5u", "x5c", "crit", "b64", "zip", "enc"}
# What Clerk puts into `cat` of session tokens, and of every token where classes are turned off. Tokens made
# from templates are handed to other parties, who could sign in with them here.
SESSION_CATEGORIES = {None, "cl_B7d4PD111AAA", "cl_I7d4PD111III"}

fetching: list[jwks.RemoteKeys] = []  # to be stopped by `forget`


class TokenRefused(Exception):
    """The token proves nothing; the message says why and repeats nothing of it."""


class TokenExpired(Exception):
    """The token was good once."""


class KeysUnavailable(Exception):
    """No key is known to verify with."""

    def __init__(self, retry_after: int) -> None:
        self.retry_after = retry_after
        super().__init__("no keys are loaded")


class Keys(Protocol):
    def find(self, kid: object) -> RSAPublicKey:
        """The key with this id. Raises jwks.UnknownKey or jwks.NeverLoaded."""


class Verifier:
    """Says whose a token is. `parties` are the accepted values of `azp`."""

    def __init__(
        self,
        keys: Keys,
        issuer: str,
        parties: frozenset[str],
        *,
        party_optional: bool = False,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._keys = keys
        self._issuer = issuer
        self._parties = parties
        self._party_optional = party_optional
        self._now = now

    def user_id(self, token: str) -> str:
        """The Clerk user (`user_...`) that the token was made for.

        Raises TokenRefused, TokenExpired or KeysUnavailable, whatever the token is made of.
        """
        header = check_form(token)
        claims = verified_claims(token, self._find_key(header.get("kid")))
        user_id = self._check_subject(claims)
        self._check_times(claims)
        return user_id

    def _find_key(self, kid: object) -> RSAPublicKey:
        try:
            return self._keys.find(kid)
        except jwks.UnknownKey:
            raise TokenRefused("the key is not known") from None
        except jwks.NeverLoaded as error:
            raise KeysUnavailable(error.retry_after) from None

    def _check_subject(self, claims: dict[str, Any]) -> str:
        if claims.get("iss") != self._issuer:
            raise TokenRefused("the issuer is not ours")
        party = claims.get("azp")
        if not (isinstance(party, str) and party in self._parties) and not (
            "azp" not in claims and self._party_optional
        ):
            raise TokenRefused("the authorized party is not allowed")
        if claims.get("sts", "active") != "active":
            raise TokenRefused("the Clerk session is not active")
        subject = claims.get("sub")
        if not isinstance(subject, str) or not USER_ID.fullmatch(subject):
            raise TokenRefused("the subject is not a user")
        return subject

    def _check_times(self, claims: dict[str, Any]) -> None:
        expires, not_before, issued = (moment(claims, name) for name in ("exp", "nbf", "iat"))
        now = self._now()
        if now - LEEWAY >= expires:
            raise TokenExpired
        if not_before > now + LEEWAY or issued > now + LEEWAY:
            raise TokenRefused("the token is not valid yet")


def check_form(token: str) -> dict[str, Any]:
    """The header of what looks like one of Clerk's session tokens. Raises TokenRefused."""
    if len(token) > MAX_TOKEN:
        raise TokenRefused("the token is too long")
    if not SEGMENTS.fullmatch(token) or token.index(".") > MAX_HEADER:
        raise TokenRefused("not a JWT")
    try:
        header = jwt.get_unverified_header(token)
    except jwt.InvalidTokenError:
        raise TokenRefused("not a JWT") from None
    check_header(header)
    return header


def check_header(header: dict[str, Any]) -> None:
    if header.get("alg") != ALGORITHM:
        raise TokenRefused(f"the algorithm must be {ALGORITHM}")
    if header.get("typ", "JWT") != "JWT" or not FOREIGN_HEADERS.isdisjoint(header):
        raise TokenRefused("the header is not one of a session token")
    category = header.get("cat")
    if not isinstance(category, str | None) or category not in SESSION_CATEGORIES:
        raise TokenRefused("not a session token of Clerk")


def verified_claims(token: str, key: RSAPublicKey) -> dict[str, Any]:
    """The claims that the key's owner signed. Raises TokenRefused."""
    try:
        claims = json.loads(SIGNATURES.decode(token, key, [ALGORITHM]))
    except jwt.PyJWTError:
        raise TokenRefused("the signature is wrong") from None
    except (ValueError, RecursionError):
        raise TokenRefused("the claims are not JSON") from None
    if not isinstance(claims, dict):
        raise TokenRefused("the claims are not a JSON object")
    return claims


def moment(claims: dict[str, Any], name: str) -> int:
    """A time claim. Libraries accept numbers in strings and fractions here; Clerk sends neither."""
    value = claims.get(name)
    if type(value) is not int or value < 0:
        raise TokenRefused(f"{name} must be a whole number")
    return value


def current() -> Verifier:
    """The verifier that the settings ask for. Where they ask for none it has no keys."""
    if settings.CLERK_ISSUER:
        return configured(
            settings.CLERK_ISSUER,
            frozenset(settings.CLERK_AUTHORIZED_PARTIES),
            settings.CLERK_ALLOW_MISSING_AZP,
            settings.CLERK_JWT_PEM,
            settings.CLERK_JWKS_URL or f"{settings.CLERK_ISSUER.rstrip('/')}/.well-known/jwks.json",
        )
    if clerk_local.is_active():
        return local(settings.DATA_DIR)
    return Verifier(jwks.NoKeys(), "", frozenset())


# Kept for the life of the process: the keys and their refreshing belong to it.
@lru_cache(maxsize=8)
def configured(issuer: str, parties: frozenset[str], party_optional: bool, pem: str, url: str) -> Verifier:
    keys = jwks.FixedKey(pem) if pem else remote_keys(url)
    return Verifier(keys, issuer, parties, party_optional=party_optional)


@lru_cache(maxsize=8)
def remote_keys(url: str) -> jwks.RemoteKeys:
    keys = jwks.RemoteKeys(url)
    fetching.append(keys)
    return keys


def forget() -> None:
    """Give up every verifier and end the fetching of its keys."""
    for cached in (configured, remote_keys, local):
        cached.cache_clear()
    while fetching:
        fetching.pop().stop()


@lru_cache(maxsize=8)
def local(data_dir: object) -> Verifier:
    keys = jwks.FixedKey(clerk_local.public_pem())
    return Verifier(keys, clerk_local.ISSUER, clerk_local.PARTIES, party_optional=True)
