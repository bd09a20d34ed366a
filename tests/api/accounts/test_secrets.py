"""GET and PUT /secrets"""

from __future__ import annotations

import logging
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.conf import LazySettings
from django.core.management import CommandError, call_command

from accounts import vault
from accounts.models import Secret
from tests.api.accounts.conftest import Send
from tests.helpers.people import Person
from tests.helpers.threads import at_once

pytestmark = pytest.mark.django_db

PAT = "ghp_" + "Pq7" * 12
FINE = "github_pat_" + "Ab3" * 24
ANTHROPIC = "sk-ant-api03-" + "Zx9" * 20
OPENAI = "sk-proj-" + "Lm5" * 16
NONE = {
    "github_pat": None,
    "anthropic_api_key": None,
    "openai_api_key": None,
    "has_github_pat": False,
    "has_anthropic_key": False,
    "has_openai_key": False,
}


def put(send: Send, person: Person, **body: Any) -> Any:
    return send(person, "PUT", "/secrets", body)


def test_nothing_is_stored_at_first(signed_in: Person) -> None:
    assert signed_in.client.get("/secrets").json() == NONE


def test_what_is_stored_is_shown_masked(signed_in: Person, send: Send) -> None:
    masked = {
        "github_pat": "ghp_...****",
        "anthropic_api_key": "sk-ant-...****",
        "openai_api_key": "sk-proj-...****",
        "has_github_pat": True,
        "has_anthropic_key": True,
        "has_openai_key": True,
    }
    answer = put(send, signed_in, github_pat=PAT, anthropic_api_key=ANTHROPIC, openai_api_key=OPENAI)
    assert (answer.status_code, answer.json()) == (200, masked)
    assert signed_in.client.get("/secrets").json() == masked
    assert put(send, signed_in, github_pat=FINE).json()["github_pat"] == "github_pat_...****"


def test_null_clears_and_absence_keeps(signed_in: Person, send: Send) -> None:
    put(send, signed_in, github_pat=PAT, openai_api_key=OPENAI)
    body = put(send, signed_in, github_pat=None).json()
    assert (body["has_github_pat"], body["has_openai_key"]) == (False, True)
    assert put(send, signed_in).json()["has_openai_key"]
    assert put(send, signed_in, github_pat=None).status_code == 200


def test_somebody_elses_are_not_seen(signed_in: Person, other: Person, send: Send) -> None:
    put(send, signed_in, github_pat=PAT)
    assert other.client.get("/secrets").json() == NONE
    put(send, other, github_pat=None)
    assert signed_in.client.get("/secrets").json()["has_github_pat"]


@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_devices_store_none(guest: Person, send: Send, method: str) -> None:
    response = send(guest, method, "/secrets", {"github_pat": PAT})
    assert (response.status_code, response.json()) == (403, {"detail": "Sign in to use this"})


ODD = [
    {"github_pat": ""},
    {"github_pat": "ghp_short"},
    {"github_pat": f"{PAT}\n"},
    {"github_pat": f" {PAT}"},
    {"github_pat": f"{PAT[:10]}\r\nX-Evil: 1{PAT[10:]}"},
    {"github_pat": f"{PAT}\u00e9"},
    {"github_pat": "x" + PAT},
    {"github_pat": PAT + "a" * 600},
    {"github_pat": 5},
    {"github_pat": [PAT]},
    {"github_pat": {"a": PAT}},
    {"github_pat": ANTHROPIC},
    {"anthropic_api_key": OPENAI},
    {"openai_api_key": ANTHROPIC},
]


@pytest.mark.parametrize("body", ODD)
def test_what_is_no_key_is_refused_without_an_echo(
    signed_in: Person, send: Send, body: dict[str, Any]
) -> None:
    response = put(
        send, signed_in, **body, **({} if "openai_api_key" in body else {"openai_api_key": OPENAI})
    )
    assert response.status_code == 422
    detail = response.json()["detail"]
    assert detail.startswith(next(iter(body)))
    for part in ("Pq7Pq7", "Zx9Zx9", "Lm5Lm5", "short"):
        assert part not in detail
    assert not Secret.objects.exists(), "all of the changes, or none"


def test_the_database_holds_no_clear_text(signed_in: Person, send: Send) -> None:
    put(send, signed_in, github_pat=PAT)
    secret = Secret.objects.get()
    assert PAT.encode() not in bytes(secret.ciphertext)
    assert PAT not in f"{secret!r} {secret} {vars(secret)}"
    assert vault.reveal(signed_in.principal.id, "github_pat") == PAT
    assert vault.reveal(signed_in.principal.id, "openai_api_key") is None


def test_a_ciphertext_opens_in_its_own_place_only(signed_in: Person, other: Person, send: Send) -> None:
    put(send, signed_in, github_pat=PAT, openai_api_key=OPENAI)
    put(send, other, github_pat=FINE)
    stolen = Secret.objects.get(owner=signed_in.principal, kind="github_pat").ciphertext
    Secret.objects.filter(owner=other.principal).update(ciphertext=stolen)
    Secret.objects.filter(owner=signed_in.principal, kind="openai_api_key").update(ciphertext=stolen)
    for owner, kind in ((other, "github_pat"), (signed_in, "openai_api_key")):
        with pytest.raises(vault.Unreadable) as caught:
            vault.reveal(owner.principal.id, kind)
        assert "ghp_" not in str(caught.value)


def test_a_row_stays_readable_under_a_new_owner(signed_in: Person, other: Person, send: Send) -> None:
    put(send, signed_in, github_pat=PAT)
    Secret.objects.update(owner=other.principal)
    assert vault.reveal(other.principal.id, "github_pat") == PAT


def test_a_lost_key_shows_in_words_that_tell_nothing(
    signed_in: Person, send: Send, settings: LazySettings
) -> None:
    put(send, signed_in, github_pat=PAT)
    settings.FIELD_KEYS = [Fernet.generate_key().decode()]
    with pytest.raises(vault.Unreadable):
        vault.reveal(signed_in.principal.id, "github_pat")
    assert signed_in.client.get("/secrets").json()["github_pat"] == "ghp_...****"


def test_without_a_field_key_nothing_is_stored(signed_in: Person, send: Send, settings: LazySettings) -> None:
    settings.FIELD_KEYS = []
    assert put(send, signed_in, github_pat=PAT).status_code == 503
    assert not Secret.objects.exists()


def test_nothing_of_a_secret_is_logged(
    signed_in: Person, send: Send, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.DEBUG)
    logging.getLogger("django.db.backends").setLevel(logging.INFO)  # shows every parameter, by design
    put(send, signed_in, github_pat=PAT, anthropic_api_key=ANTHROPIC, openai_api_key=OPENAI)
    put(send, signed_in, github_pat=f"{PAT} ")
    monkeypatch.setattr(vault, "store", lambda *_: 1 / 0)
    signed_in_client = signed_in.client
    signed_in_client.raise_request_exception = False
    answer = signed_in_client.generic("PUT", "/secrets", f'{{"github_pat": "{PAT}"}}', "application/json")
    assert answer.status_code == 500
    told = caplog.text + answer.content.decode()
    for part in ("Pq7Pq7", "Zx9Zx9", "Lm5Lm5"):
        assert part not in told


@pytest.mark.django_db(transaction=True)
def test_keys_put_at_once_leave_one_of_them(signed_in: Person, send: Send) -> None:
    texts = [f"ghp_{number:036}" for number in range(8)]
    answers = at_once(8, lambda n: put(send, signed_in, github_pat=texts[n]).status_code)
    assert set(answers) == {200}
    assert vault.reveal(signed_in.principal.id, "github_pat") in texts


def rotate(**options: Any) -> str:
    return str(call_command("rotate_secrets", **options))


def test_rotation(signed_in: Person, other: Person, send: Send, settings: LazySettings) -> None:
    put(send, signed_in, github_pat=PAT, openai_api_key=OPENAI)
    old, new = settings.FIELD_KEYS[0], Fernet.generate_key().decode()
    settings.FIELD_KEYS = [new, old]
    assert vault.reveal(signed_in.principal.id, "github_pat") == PAT, "old keys stay readable"
    put(send, other, github_pat=FINE)
    assert rotate() == "2 rotated, 1 already current, 0 unreadable."
    assert rotate() == "0 rotated, 3 already current, 0 unreadable."
    settings.FIELD_KEYS = [new]
    assert vault.reveal(signed_in.principal.id, "github_pat") == PAT
    assert vault.reveal(other.principal.id, "github_pat") == FINE


def test_a_rotation_that_was_stopped_goes_on(
    signed_in: Person, send: Send, settings: LazySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(send, signed_in, github_pat=PAT, openai_api_key=OPENAI, anthropic_api_key=ANTHROPIC)
    settings.FIELD_KEYS = [Fernet.generate_key().decode(), *settings.FIELD_KEYS]
    rotate_one = vault.rotate_one

    def stop(secret: Secret, done: vault.Rotation) -> None:
        if done.rotated == 1:
            raise KeyboardInterrupt
        rotate_one(secret, done)

    monkeypatch.setattr(vault, "rotate_one", stop)
    with pytest.raises(KeyboardInterrupt):
        vault.rotate(batch=1)
    monkeypatch.undo()
    done = vault.rotate(batch=1)
    assert (done.rotated, done.current, done.unreadable) == (2, 1, 0)


def test_a_rotation_reports_what_it_cannot_read(signed_in: Person, send: Send) -> None:
    put(send, signed_in, github_pat=PAT)
    Secret.objects.update(ciphertext=b"nonsense")
    with pytest.raises(CommandError, match="0 rotated, 0 already current, 1 unreadable"):
        rotate()


@pytest.mark.django_db(transaction=True)
def test_two_rotations_at_once_share_the_work(
    signed_in: Person, other: Person, send: Send, settings: LazySettings
) -> None:
    put(send, signed_in, github_pat=PAT, openai_api_key=OPENAI, anthropic_api_key=ANTHROPIC)
    put(send, other, github_pat=FINE, openai_api_key=OPENAI, anthropic_api_key=ANTHROPIC)
    settings.FIELD_KEYS = [Fernet.generate_key().decode(), *settings.FIELD_KEYS]
    done = at_once(2, lambda _: vault.rotate(batch=2))
    assert sum(part.rotated for part in done) == 6
    assert vault.rotate().current == 6
