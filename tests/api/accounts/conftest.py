"""People who signed in, and a Clerk for them to sign in with."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.conf import LazySettings

from accounts import sessions
from accounts.models import Principal
from tests.helpers import clerk
from tests.helpers.people import Person

Send = Callable[..., Any]


def user(name: str) -> Person:
    principal = Principal.objects.create(id=f"user_{name}")
    return Person(name, principal, sessions.mint(principal))


@pytest.fixture
def signed_in(db: None) -> Person:
    return user("grace")


@pytest.fixture
def other(db: None) -> Person:
    return user("heidi")


@pytest.fixture
def clerk_pem(settings: LazySettings) -> None:
    """Clerk with its key in the settings: no network."""
    settings.CLERK_ISSUER = clerk.ISSUER
    settings.CLERK_AUTHORIZED_PARTIES = [clerk.PARTY]
    settings.CLERK_JWT_PEM = clerk.pem()


@pytest.fixture
def send() -> Send:
    """`send(person, method, path, body)`: a JSON request of any method."""

    def request(person: Person, method: str, path: str, body: Any = None, **headers: str) -> Any:
        content = json.dumps({} if body is None else body)
        return person.client.generic(method, path, content, "application/json", headers=headers)

    return request
