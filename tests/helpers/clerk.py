"""A Clerk that does what a test tells it: JWTs of every kind, and a key endpoint with every ailment."""

from __future__ import annotations

import base64
import functools
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from manticscore.clients import clerk as client
from manticscore.clients import jwks

ISSUER = "https://clerk.example.com"
PARTY = "https://app.example.com"
KID = "ins_1"


def key(name: str = "first", bits: int = 2048) -> rsa.RSAPrivateKey:
    """The same key for the same name."""
    return made(name, bits)


@functools.cache
def made(name: str, bits: int) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


@functools.cache
def ec_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def pem(name: str = "first") -> str:
    public = key(name).public_key()
    return public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def jwk(kid: Any = KID, name: str = "first", bits: int = 2048, **changes: Any) -> dict[str, Any]:
    member = RSAAlgorithm.to_jwk(key(name, bits).public_key(), as_dict=True)
    return {**member, "kid": kid, "use": "sig", "alg": "RS256", **changes}


def ec_jwk(kid: str = KID) -> dict[str, Any]:
    return {**ECAlgorithm.to_jwk(ec_key().public_key(), as_dict=True), "kid": kid, "use": "sig"}


def key_set(*members: Any) -> bytes:
    return json.dumps({"keys": list(members)}).encode()


def claims(**changes: Any) -> dict[str, Any]:
    """Those of a session token that was just made; `...` removes one."""
    now = int(time.time())
    usual = {
        "iss": ISSUER,
        "azp": PARTY,
        "sub": "user_ada",
        "sid": "sess_1",
        "iat": now,
        "nbf": now - 10,
        "exp": now + 60,
    }
    return without_removed({**usual, **changes})


def header(**changes: Any) -> dict[str, Any]:
    return without_removed({"alg": "RS256", "typ": "JWT", "kid": KID, **changes})


def without_removed(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not ...}


def token(name: str = "first", head: dict[str, Any] | None = None, **changes: Any) -> str:
    return signed(header(**(head or {})), json.dumps(claims(**changes)).encode(), name)


def signed(head: dict[str, Any], payload: bytes, name: str = "first") -> str:
    """A JWT over any header and payload, with an honest RS256 signature."""
    content = f"{encoded(json.dumps(head).encode())}.{encoded(payload)}"
    signature = key(name).sign(content.encode(), padding.PKCS1v15(), hashes.SHA256())
    return f"{content}.{encoded(signature)}"


def encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


@pytest.fixture(scope="module", autouse=True)
def keys_forgotten() -> Iterator[None]:
    """No thread that fetches keys outlives the tests of its module."""
    yield
    client.forget()
    left = [thread for thread in threading.enumerate() if thread.name == jwks.THREAD]
    assert not left, "something that fetches keys was not stopped"


class Endpoint:
    """Serves keys, or something else, on this machine and counts how often it is asked."""

    def __init__(self) -> None:
        self.status = 200
        self.body = key_set(jwk())
        self.headers: dict[str, str] = {}
        self.delay = 0.0
        self.before_body: Callable[[Any], None] | None = None
        self.asked = 0
        self.url = ""

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        self.asked += 1
        time.sleep(self.delay)
        try:
            handler.send_response(self.status)
            for name, value in self.headers.items():
                handler.send_header(name, value)
            handler.end_headers()
            if self.before_body:
                self.before_body(handler)
            handler.wfile.write(self.body)
        except (BrokenPipeError, ConnectionResetError):
            pass  # the client gave up, as it should


@contextmanager
def endpoint() -> Iterator[Endpoint]:
    served = Endpoint()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            served.answer(self)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    served.url = f"http://127.0.0.1:{server.server_port}/.well-known/jwks.json"
    try:
        yield served
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
