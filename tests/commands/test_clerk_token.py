"""The development issuer and `manage.py clerk_token`."""

from __future__ import annotations

import time
from pathlib import Path

import jwt
import pytest
from django.conf import LazySettings
from django.core.management import CommandError, call_command

from accounts.models import Session
from manticscore.clients import clerk, clerk_local
from tests.helpers.people import JSONClient
from tests.helpers.threads import at_once


@pytest.fixture(autouse=True)
def developing(settings: LazySettings, tmp_path: Path) -> None:
    settings.DEBUG, settings.DATA_DIR = True, tmp_path
    settings.CLERK_ISSUER = settings.CLERK_JWKS_URL = settings.CLERK_JWT_PEM = ""


def token(user: str = "ada", **options: object) -> str:
    return str(call_command("clerk_token", user, **options))


def claims(text: str) -> dict[str, object]:
    return jwt.decode(text, options={"verify_signature": False})


@pytest.mark.django_db
@pytest.mark.parametrize("user", ["ada", "user_ada"])
def test_one_can_sign_in_with_it(user: str) -> None:
    response = JSONClient().post("/auth/session", headers={"Authorization": f"Bearer {token(user)}"})
    assert response.status_code == 200
    assert Session.objects.get().principal_id == "user_ada"


def test_the_key_is_made_once_and_is_private(tmp_path: Path) -> None:
    tokens = at_once(5, lambda _: token())
    path = tmp_path / "clerk_local_key.pem"
    assert path.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["clerk_local_key.pem"]
    assert {clerk.current().user_id(each) for each in tokens} == {"user_ada"}


@pytest.mark.parametrize("life", [60, 3600])
def test_its_life(life: int) -> None:
    made = claims(token(life=life))
    assert made["exp"] - made["iat"] == life  # type: ignore[operator]
    assert abs(made["iat"] - time.time()) < 5  # type: ignore[operator]


@pytest.mark.parametrize("life", [0, 59, 3601, -1])
def test_odd_lives_are_refused(life: int) -> None:
    with pytest.raises(CommandError, match="60 to 3600"):
        token(life=life)


@pytest.mark.parametrize("user", ["", "a b", "anon:1", "ä", "x" * 129, "a\n"])
def test_odd_users_are_refused(user: str) -> None:
    with pytest.raises(CommandError):
        token(user)


def test_another_party_is_refused_at_sign_in() -> None:
    assert claims(token(azp="https://evil.example"))["azp"] == "https://evil.example"
    with pytest.raises(clerk.TokenRefused):
        clerk.current().user_id(token(azp="https://evil.example"))
    assert "azp" not in claims(token(azp=""))


@pytest.mark.parametrize(
    "changes",
    [
        {"DEBUG": False},
        {"CLERK_ISSUER": "https://clerk.example.com"},
        {"CLERK_JWKS_URL": "https://clerk.example.com/jwks"},
        {"CLERK_JWT_PEM": "pem"},
    ],
)
def test_it_is_off_unless_developing(settings: LazySettings, changes: dict[str, object]) -> None:
    made = token()
    for name, value in changes.items():
        setattr(settings, name, value)
    with pytest.raises(CommandError, match="DEBUG=1"):
        token()
    with pytest.raises(clerk_local.NotActive):
        clerk_local.public_pem()
    with pytest.raises((clerk.TokenRefused, clerk.KeysUnavailable, ValueError)):
        clerk.current().user_id(made)
