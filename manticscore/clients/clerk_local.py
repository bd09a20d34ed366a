"""A stand-in for Clerk during development: this installation signs the JWTs itself.

The key pair is made on first use and stays under DATA_DIR. Whoever can read it can sign in as anybody,
which is why the issuer exists with DEBUG only, and only while no real Clerk is configured.
"""

from __future__ import annotations

import secrets
import time

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from django.conf import settings

from manticscore.lib.keyfile import keep_file

ISSUER = "https://clerk.localhost"
PARTIES = frozenset({"http://localhost:8000", "http://127.0.0.1:8000"})
KEY_ID = "ins_local"
KEY_BITS = 2048


class NotActive(Exception):
    """The development issuer is off: Clerk is configured, or DEBUG is."""


def is_active() -> bool:
    configured = settings.CLERK_ISSUER or settings.CLERK_JWKS_URL or settings.CLERK_JWT_PEM
    return bool(settings.DEBUG and not configured)


def issue(user_id: str, *, seconds: int, azp: str = "") -> str:
    """A JWT like Clerk's session tokens. Raises NotActive."""
    if not is_active():
        raise NotActive
    now = int(time.time())
    claims = {
        "iss": ISSUER,
        "sub": user_id,
        "sid": f"sess_{secrets.token_hex(12)}",
        "iat": now,
        "nbf": now - 10,
        "exp": now + seconds,
        **({"azp": azp} if azp else {}),
    }
    return jwt.encode(claims, _private_key(), "RS256", headers={"kid": KEY_ID, "cat": "cl_B7d4PD111AAA"})


def public_pem() -> str:
    """The public half. Raises NotActive."""
    if not is_active():
        raise NotActive
    public = _private_key().public_key()
    return public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def _private_key() -> rsa.RSAPrivateKey:
    pem = keep_file(settings.DATA_DIR / "clerk_local_key.pem", _new_key)
    key = load_pem_private_key(pem.encode(), password=None)
    assert isinstance(key, rsa.RSAPrivateKey)
    return key


def _new_key() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=KEY_BITS)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
