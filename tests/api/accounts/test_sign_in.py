"""POST /auth/session: every JWT that must not open it, and those that must."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import jwt
import pytest
from django.conf import LazySettings

from accounts.models import Principal, Session
from manticscore.clients import clerk as client
from manticscore.clients import jwks
from tests.helpers import clerk
from tests.helpers.people import JSONClient, Person
from tests.helpers.threads import at_once

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def endpoint() -> Iterator[clerk.Endpoint]:
    with clerk.endpoint() as served:
        yield served


@pytest.fixture(autouse=True)
def configured(settings: LazySettings, endpoint: clerk.Endpoint) -> None:
    settings.CLERK_ISSUER = clerk.ISSUER
    settings.CLERK_AUTHORIZED_PARTIES = [clerk.PARTY]
    settings.CLERK_JWKS_URL = endpoint.url


def sign_in(token: str, **headers: str) -> Any:
    return JSONClient().post("/auth/session", headers={"Authorization": f"Bearer {token}", **headers})


def shifted(**changes: int) -> Callable[[], str]:
    """A token whose times are so many seconds from now; made when the test runs."""
    return lambda: clerk.token(**{name: int(time.time()) + by for name, by in changes.items()})


def with_payload(payload: bytes) -> Callable[[], str]:
    return lambda: clerk.signed(clerk.header(), payload)


def foreign(algorithm: str, key: Any) -> Callable[[], str]:
    def make() -> str:
        content = f"{clerk.encoded(json.dumps(clerk.header(alg=algorithm)).encode())}." + clerk.encoded(
            json.dumps(clerk.claims()).encode()
        )
        implementation = jwt.PyJWS().get_algorithm_by_name(algorithm)
        if algorithm == "HS256":
            signature = __import__("hmac").digest(key, content.encode(), "sha256")
        else:
            signature = implementation.sign(content.encode(), key)
        return f"{content}.{clerk.encoded(signature)}"

    return make


def tampered() -> str:
    head, _, signature = clerk.token().split(".")
    return f"{head}.{clerk.encoded(json.dumps(clerk.claims(sub='user_mallory')).encode())}.{signature}"


def raw_number(name: str, text: str) -> Callable[[], str]:
    def make() -> str:
        payload = json.dumps(clerk.claims(**{name: "@"})).replace('"@"', text)
        return clerk.signed(clerk.header(), payload.encode())

    return make


REFUSED: dict[str, Callable[[], str]] = {
    "nothing like a JWT": lambda: "abc",
    "two parts": lambda: "a.b",
    "four parts": lambda: f"{clerk.token()}.x",
    "empty parts": lambda: "..",
    "no signature": lambda: clerk.token().rpartition(".")[0] + ".",
    "alg none": lambda: (
        clerk.encoded(b'{"alg":"none"}') + "." + clerk.encoded(json.dumps(clerk.claims()).encode()) + ".AA"
    ),
    "alg none, honestly signed": lambda: clerk.token(head={"alg": "none"}),
    "alg in lower case": lambda: clerk.token(head={"alg": "rs256"}),
    "alg is a list": lambda: clerk.token(head={"alg": ["RS256"]}),
    "no alg": lambda: clerk.token(head={"alg": ...}),
    "HS256 with the public PEM": foreign("HS256", clerk.pem().encode()),
    "HS256 with the public JWK": foreign("HS256", json.dumps(clerk.jwk()).encode()),
    "PS256": foreign("PS256", clerk.key()),
    "RS512": foreign("RS512", clerk.key()),
    "ES256": foreign("ES256", clerk.ec_key()),
    "no kid": lambda: clerk.token(head={"kid": ...}),
    "kid is a list": lambda: clerk.token(head={"kid": [clerk.KID]}),
    "kid is an object": lambda: clerk.token(head={"kid": {"a": 1}}),
    "kid is a number": lambda: clerk.token(head={"kid": 1}),
    "kid is null": lambda: clerk.token(head={"kid": None}),
    "kid is long": lambda: clerk.token(head={"kid": "k" * 300}),
    "kid is a path": lambda: clerk.token(head={"kid": "../../etc/passwd\0"}),
    "unknown kid": lambda: clerk.token(head={"kid": "ins_2"}),
    "jku": lambda: clerk.token(head={"jku": "https://evil.example/jwks.json"}),
    "x5u": lambda: clerk.token(head={"x5u": "https://evil.example/cert"}),
    "jwk": lambda: clerk.token("second", head={"jwk": clerk.jwk(name="second")}),
    "x5c": lambda: clerk.token(head={"x5c": ["AAAA"]}),
    "crit": lambda: clerk.token(head={"crit": ["exp"], "exp": 1}),
    "b64": lambda: clerk.token(head={"b64": False, "crit": ["b64"]}),
    "typ of an access token": lambda: clerk.token(head={"typ": "at+jwt"}),
    "a template token": lambda: clerk.token(head={"cat": "cl_B7d4PD222AAA"}),
    "cat is a list": lambda: clerk.token(head={"cat": []}),
    "header of 3 KB": lambda: clerk.token(head={"x": "y" * 3000}),
    "header is a list": lambda: f"{clerk.encoded(b'[]')}.{clerk.encoded(b'{}')}.AAAA",
    "header nested deeply": lambda: f"{clerk.encoded(b'[' * 700)}.{clerk.encoded(b'{}')}.AAAA",
    "another key": lambda: clerk.token("second"),
    "signature over other bytes": tampered,
    "signature cut": lambda: clerk.token()[:-8],
    "padding": lambda: clerk.token() + "==",
    "padding inside": lambda: clerk.token().replace(".", "=.", 1),
    "standard base64": lambda: clerk.token().replace(".", "+.", 1),
    "issuer missing": lambda: clerk.token(iss=...),
    "issuer is a prefix": lambda: clerk.token(iss=clerk.ISSUER[:-1]),
    "issuer has a suffix": lambda: clerk.token(iss=f"{clerk.ISSUER}.evil.example"),
    "issuer with a slash": lambda: clerk.token(iss=f"{clerk.ISSUER}/"),
    "issuer is a list": lambda: clerk.token(iss=[clerk.ISSUER]),
    "azp missing": lambda: clerk.token(azp=...),
    "azp null": lambda: clerk.token(azp=None),
    "azp wrong": lambda: clerk.token(azp="https://evil.example"),
    "azp is a list": lambda: clerk.token(azp=[clerk.PARTY]),
    "azp is a prefix": lambda: clerk.token(azp=clerk.PARTY[:-1]),
    "sub missing": lambda: clerk.token(sub=...),
    "sub empty": lambda: clerk.token(sub=""),
    "sub is a number": lambda: clerk.token(sub=7),
    "sub of a device": lambda: clerk.token(sub="anon:00000000-0000-4000-8000-000000000000"),
    "sub with NUL": lambda: clerk.token(sub="user_ada\0"),
    "sub with a line end": lambda: clerk.token(sub="user_ada\n"),
    "sub too long": lambda: clerk.token(sub="user_" + "a" * 129),
    "sub of 10 KB": lambda: clerk.token(sub="user_" + "a" * 10_000),
    "sub of a machine": lambda: clerk.token(sub="mch_1"),
    "sub not ASCII": lambda: clerk.token(sub="user_ädä"),
    "pending session": lambda: clerk.token(sts="pending"),
    "exp missing": lambda: clerk.token(exp=...),
    "exp null": lambda: clerk.token(exp=None),
    "exp is text": lambda: clerk.token(exp=str(int(time.time()) + 60)),
    "exp is a fraction": lambda: clerk.token(exp=time.time() + 60.5),
    "exp is true": lambda: clerk.token(exp=True),
    "exp is negative": lambda: clerk.token(exp=-1),
    "exp is 1e400": raw_number("exp", "1e400"),
    "exp is NaN": raw_number("exp", "NaN"),
    "exp has 5000 digits": raw_number("exp", "9" * 5000),
    "nbf missing": lambda: clerk.token(nbf=...),
    "iat missing": lambda: clerk.token(iat=...),
    "nbf in the future": shifted(nbf=30),
    "iat in the future": shifted(iat=30),
    "payload of 1 MB": lambda: clerk.token(x="y" * 1_000_000),
    "payload nested deeply": with_payload(b'{"a":' * 1000),
    "payload is a list": with_payload(b"[1]"),
    "payload is no JSON": with_payload(b"\xff\xfe"),
    "payload is empty": with_payload(b" "),
}


@pytest.mark.parametrize("make", REFUSED.values(), ids=REFUSED)
def test_a_bad_token_is_refused(make: Callable[[], str]) -> None:
    token = make()
    response = sign_in(token)
    assert response.status_code == 401
    detail = response.json()["detail"]
    assert detail.startswith("Invalid token: ")
    assert token not in response.content.decode()
    assert response["WWW-Authenticate"] == "Bearer"
    assert not Session.objects.exists()


@pytest.mark.parametrize(("seconds", "status"), [(1, 200), (9, 200), (11, 401), (3600, 401)])
def test_expiry_has_ten_seconds_of_leeway(seconds: int, status: int) -> None:
    response = sign_in(shifted(exp=-seconds)())
    assert response.status_code == status
    if status == 401:
        assert response.json() == {"detail": "Token expired"}


@pytest.mark.parametrize("claim", ["nbf", "iat"])
def test_a_clock_that_is_a_little_ahead_is_forgiven(claim: str) -> None:
    assert sign_in(shifted(**{claim: 8})()).status_code == 200


HEADERS = {
    None: "Missing Bearer token",
    "": "Missing Bearer token",
    "Bearer": "Missing Bearer token",
    "Bearer ": "Missing Bearer token",
    "Basic dXNlcjpwYXNz": "Missing Bearer token",
    "Bearer a b": "Invalid token: ",
    "Bearer \x00": "Invalid token: ",
    "Bearer t\u00f6ken": "Invalid token: ",
    "Bearer a.b.c,Bearer a.b.c": "Invalid token: ",
    "Bearer " + "x" * 100_000: "Invalid token: ",
    "Bearer " + "x." * 50_000: "Invalid token: ",
}


@pytest.mark.parametrize(("header", "detail"), HEADERS.items(), ids=lambda value: str(value)[:20])
def test_a_bad_header_is_refused(header: str | None, detail: str) -> None:
    headers = {} if header is None else {"Authorization": header}
    response = JSONClient().post("/auth/session", headers=headers)
    assert response.status_code == 401
    assert response.json()["detail"].startswith(detail)


def test_a_session_token_is_refused(signed_in: Person) -> None:
    response = signed_in.client.post("/auth/session")
    assert response.status_code == 401
    assert response.json() == {
        "detail": "Invalid token: a session token cannot be exchanged, send a Clerk JWT"
    }


def test_a_good_token_opens_a_session() -> None:
    response = sign_in(clerk.token())
    assert response.status_code == 200
    body = response.json()
    assert set(body) == {"token", "expires_in"}
    assert body["expires_in"] == 1800
    assert body["token"].startswith("ms_sess_")
    profile = JSONClient(headers={"Authorization": f"Bearer {body['token']}"}).get("/auth/bootstrap")
    assert profile.status_code == 200
    assert Session.objects.get().principal_id == "user_ada"


def test_absent_azp_is_accepted_where_it_is_configured(settings: LazySettings) -> None:
    settings.CLERK_ALLOW_MISSING_AZP = True
    assert sign_in(clerk.token(azp=...)).status_code == 200
    assert sign_in(clerk.token(azp=None)).status_code == 401
    assert sign_in(clerk.token(azp="https://evil.example")).status_code == 401


@pytest.mark.parametrize("cat", ["cl_B7d4PD111AAA", "cl_I7d4PD111III"])
def test_tokens_as_clerk_makes_them_are_accepted(cat: str) -> None:
    assert sign_in(clerk.token(head={"cat": cat}, sts="active", v=2, fva=[0, -1])).status_code == 200


def test_a_pem_needs_no_network_and_no_kid(settings: LazySettings) -> None:
    settings.CLERK_JWKS_URL, settings.CLERK_JWT_PEM = "http://127.0.0.1:9/", clerk.pem()
    assert sign_in(clerk.token(head={"kid": ...})).status_code == 200
    assert sign_in(clerk.token("second")).status_code == 401


def test_keys_that_were_never_loaded_are_our_fault(settings: LazySettings) -> None:
    settings.CLERK_JWKS_URL = "http://127.0.0.1:9/jwks.json"
    response = sign_in(clerk.token())
    assert (response.status_code, response.json()) == (503, {"detail": "JWKS not loaded"})
    assert int(response["Retry-After"]) >= 1
    assert sign_in("a.b.c").status_code == 401, "what is no JWT is wrong all the same"


def test_known_keys_outlive_their_endpoint(settings: LazySettings) -> None:
    with clerk.endpoint() as gone:
        settings.CLERK_JWKS_URL = gone.url
        assert sign_in(clerk.token()).status_code == 200
    assert sign_in(clerk.token()).status_code == 200
    assert sign_in(clerk.token(head={"kid": "ins_2"})).status_code == 401


def test_nobody_signs_in_where_clerk_is_not_configured(settings: LazySettings) -> None:
    settings.CLERK_ISSUER = settings.CLERK_JWKS_URL = ""
    response = sign_in(clerk.token())
    assert (response.status_code, response.json()) == (503, {"detail": "JWKS not loaded"})


def test_keys_without_an_issuer_open_nothing(settings: LazySettings) -> None:
    settings.CLERK_ISSUER, settings.DEBUG = "", True
    assert sign_in(clerk.token()).status_code == 503
    assert sign_in(clerk.token(iss="")).status_code == 503


@pytest.mark.django_db(transaction=True)
def test_a_first_sign_in_that_happens_twenty_times_at_once_makes_one_principal(clerk_pem: None) -> None:
    token = clerk.token(sub="user_new")
    assert {response.status_code for response in at_once(20, lambda _: sign_in(token))} == {200}
    assert Principal.objects.filter(id="user_new").count() == 1
    assert Session.objects.filter(principal_id="user_new").count() == 20


def test_the_verifier_is_kept(settings: LazySettings) -> None:
    assert client.current() is client.current()
    assert isinstance(client.current()._keys, jwks.RemoteKeys)
