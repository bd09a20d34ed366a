"""Who the tests are about."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.test import Client

from accounts import sessions
from accounts.models import Principal
from tests import factories


@dataclass(frozen=True)
class Person:
    """A principal with a session, and a client that presents its token."""

    name: str
    principal: Principal
    token: str

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}

    @property
    def client(self) -> Client:
        return JSONClient(headers=self.headers)

    def __repr__(self) -> str:
        return self.name


class JSONClient(Client):
    """Django's client with JSON as the form of every body."""

    def post(self, path: str, data: Any = None, content_type: str = "application/json", **rest: Any) -> Any:
        return super().post(path, data, content_type=content_type, **rest)

    def patch(self, path: str, data: Any = None, content_type: str = "application/json", **rest: Any) -> Any:
        return super().patch(path, data, content_type=content_type, **rest)


def person(name: str) -> Person:
    principal = factories.principal()
    return Person(name, principal, sessions.mint(principal))
