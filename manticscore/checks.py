"""Combinations of settings that would fail later, or quietly do the wrong thing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from cryptography.fernet import Fernet
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register

from manticscore.clients import jwks
from manticscore.clients.fetch.rules import Rules

LOCAL_HOSTS = {"localhost", "127.0.0.1", "::1", "[::1]", "testserver"}
PROVIDER_ADDRESSES = (
    "ANTHROPIC_BASE_URL",
    "ANTHROPIC_USER_BASE_URL",
    "OPENAI_BASE_URL",
    "OPENAI_USER_BASE_URL",
)


def is_local(host: str | None) -> bool:
    return host is not None and (host in LOCAL_HOSTS or host.endswith(".localhost"))


@register(Tags.security)
def check_hosts(**_: Any) -> Iterator[CheckMessage]:
    public = [host for host in settings.ALLOWED_HOSTS if not is_local(host)]
    if not settings.DEBUG and not settings.EMBEDDED and not public:
        yield Warning(
            "Only requests to this machine's own names are answered.",
            hint="Set ALLOWED_HOSTS to the names under which clients reach the API.",
            id="manticscore.W001",
        )
    if settings.DEBUG and public:
        yield Warning(
            "DEBUG is on while the API is reachable under a public name.",
            hint="Set DEBUG=0. It shows internals, and lets the development issuer sign people in.",
            id="manticscore.W002",
        )


@register(Tags.security)
def check_sign_in(**_: Any) -> Iterator[CheckMessage]:
    if not (settings.CLERK_ISSUER or settings.CLERK_JWKS_URL or settings.CLERK_JWT_PEM):
        if not settings.DEBUG:
            yield Warning(
                "Nobody can sign in: Clerk is not configured, and the development issuer needs DEBUG=1.",
                hint="Set CLERK_ISSUER and CLERK_AUTHORIZED_PARTIES. Anonymous sessions work without.",
                id="manticscore.W003",
            )
        return
    if not settings.CLERK_ISSUER:
        yield Error(
            "Clerk's keys are configured, its issuer is not, so every sign-in is refused.",
            hint="Set CLERK_ISSUER to the Frontend API URL of your Clerk instance.",
            id="manticscore.E001",
        )
    if not settings.CLERK_AUTHORIZED_PARTIES and not settings.CLERK_ALLOW_MISSING_AZP:
        yield Error(
            "No authorized party is allowed, so every sign-in is refused.",
            hint="Set CLERK_AUTHORIZED_PARTIES to your apps' origins, as https://app.example.com; for"
            " native apps only, set CLERK_ALLOW_MISSING_AZP=1.",
            id="manticscore.E002",
        )
    yield from check_keys()


def check_keys() -> Iterator[CheckMessage]:
    """Where Clerk's keys come from: a PEM, else a URL that nobody can tamper with on the way."""
    if settings.CLERK_JWT_PEM:
        try:
            jwks.load_pem(settings.CLERK_JWT_PEM)
        except jwks.BadKey as error:
            yield Error(
                f"CLERK_JWT_PEM cannot be used: {error}.",
                hint="Copy the PEM public key from the API keys page of Clerk, or unset it to use the JWKS.",
                id="manticscore.E003",
            )
        return
    url = urlsplit(settings.CLERK_JWKS_URL or settings.CLERK_ISSUER)
    if url.scheme != "https" and not (url.scheme == "http" and is_local(url.hostname)):
        yield Error(
            "Clerk's keys would be fetched over a connection that is not protected.",
            hint="CLERK_ISSUER and CLERK_JWKS_URL must start with https://, except on this machine.",
            id="manticscore.E004",
        )


@register(Tags.security)
def check_secrets(**_: Any) -> Iterator[CheckMessage]:
    if not settings.FIELD_KEYS:
        yield Error(
            "There is no key to encrypt stored secrets with.",
            hint="Set FIELD_KEYS. Make a key with: python -c 'from cryptography.fernet import Fernet;"
            " print(Fernet.generate_key().decode())'",
            id="manticscore.E005",
        )
    for number, key in enumerate(settings.FIELD_KEYS, 1):
        try:
            Fernet(key)
        except ValueError:
            yield Error(
                f"Key {number} of FIELD_KEYS is not a Fernet key.",
                hint="Each is 32 bytes in URL-safe base64; several are separated by commas.",
                id="manticscore.E006",
            )


@register(Tags.compatibility)
def check_language_model(**_: Any) -> Iterator[CheckMessage]:
    if settings.OPENAI_BASE_URL != settings.OPENAI_URL and not settings.LLM_MODEL:
        yield Warning(
            "OPENAI_BASE_URL is another server than OpenAI's, and LLM_MODEL does not say which model it has.",
            hint="Set LLM_MODEL to a model of that server, as openai:NAME.",
            id="manticscore.W006",
        )
    for name in PROVIDER_ADDRESSES:
        url = urlsplit(getattr(settings, name))
        if url.scheme not in ("http", "https") or not url.hostname:
            yield Error(
                f"{name} is not the address of a server.",
                hint="It begins with https://, or with http:// inside your own network.",
                id="manticscore.E008",
            )


@register(Tags.security)
def check_credits(**_: Any) -> Iterator[CheckMessage]:
    if not settings.DEBUG and not settings.EMBEDDED and not settings.CREDITS_ENFORCED:
        yield Warning(
            "Credits are counted but not enforced: everybody may start any number of jobs.",
            hint="Unset CREDITS_ENFORCED, or set it to 1.",
            id="manticscore.W004",
        )


@register(Tags.security)
def check_fetching(**_: Any) -> Iterator[CheckMessage]:
    try:
        Rules.of(allow=settings.FETCH_ALLOW_PRIVATE, deny=settings.FETCH_DENY)
    except ValueError as error:
        yield Error(
            f"FETCH_ALLOW_PRIVATE cannot be used: {error}.",
            hint="List the addresses inside that pages may come from, as wiki.example.lan:8080.",
            id="manticscore.E007",
        )
    if not settings.DEBUG and settings.FETCH_ALLOW_PRIVATE:
        yield Warning(
            "Pages are fetched from private addresses that FETCH_ALLOW_PRIVATE opens.",
            hint="Whoever can start research can have these pages read: keep nothing secret there.",
            id="manticscore.W005",
        )
