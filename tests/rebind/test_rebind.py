"""POST /auth/rebind, one caller at a time."""

from __future__ import annotations

import re
from typing import Any

import pytest

from accounts import devices, rebind, sessions
from accounts.models import (
    Device,
    OutboxMessage,
    Profile,
    PushToken,
    Rebind,
    RebindConflict,
    Secret,
    UsagePeriod,
)
from accounts.models.idempotency import IdempotencyKey
from manticscore import errors
from tests.helpers.people import Person
from tests.rebind import actors
from tests.rebind.actors import DEVICE

pytestmark = pytest.mark.django_db
NO_OP = {"rebound": False, "rows_updated": 0, "anon_uuid": None}


@pytest.fixture
def grace() -> Person:
    return actors.signed_in("grace")


@pytest.fixture
def guest() -> Person:
    return actors.on_device()


def claim(person: Person, device_id: Any = DEVICE) -> Any:
    return person.client.post("/auth/rebind", {"device_id": device_id})


def test_it_gives_every_row_to_the_user(grace: Person, guest: Person) -> None:
    rows = actors.one_of_everything(guest.principal)
    Profile.objects.create(owner=guest.principal, name="Guest")
    response = claim(grace)
    assert response.status_code == 200
    anon_uuid = guest.principal.id.removeprefix("anon:")
    number = len(rows) + actors.MORE_STREAMS + 1  # the profile
    assert response.json() == {"rebound": True, "rows_updated": number, "anon_uuid": anon_uuid}
    assert actors.rows_owned_by(guest.principal.id) == {}
    for row in rows.values():
        row.refresh_from_db()
        assert row.owner_id == "user_grace"
    assert Profile.objects.get(owner_id="user_grace").name == "Guest"


def test_the_uuid_is_that_of_the_principal(grace: Person, guest: Person) -> None:
    uuid = claim(grace).json()["anon_uuid"]
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", uuid)


def test_it_writes_down_what_moved(grace: Person, guest: Person) -> None:
    rows = actors.one_of_everything(guest.principal)
    claim(grace)
    written = Rebind.objects.get()
    assert (written.source_id, written.target_id, written.rows) == (
        guest.principal.id,
        "user_grace",
        len(rows) + actors.MORE_STREAMS,
    )
    keys = {label: {str(key) for key in keys} for label, keys in written.moved.items()}
    expected = {model._meta.label_lower: {str(row.pk)} for model, row in rows.items()}
    assert keys == expected | {"realtime.stream": set(actors.streams_of(rows))}


def test_a_device_that_was_never_seen_is_a_no_op(grace: Person) -> None:
    response = claim(grace, "never seen")
    assert (response.status_code, response.json()) == (200, NO_OP)
    assert not Device.objects.exists()


def test_the_same_pair_again_is_a_no_op(grace: Person, guest: Person) -> None:
    actors.one_of_everything(guest.principal)
    claim(grace)
    assert claim(grace).json() == NO_OP
    assert Rebind.objects.count() == OutboxMessage.objects.exclude(kind="test").count() == 1


def test_the_first_claim_counts_even_without_rows(grace: Person, guest: Person) -> None:
    """The visit itself becomes the user's: its sessions end and analytics learn who it was."""
    assert claim(grace).json() == {
        "rebound": True,
        "rows_updated": 0,
        "anon_uuid": guest.principal.id.removeprefix("anon:"),
    }


def test_the_next_anonymous_session_is_somebody_new(grace: Person, guest: Person) -> None:
    claim(grace)
    later = actors.on_device()
    assert later.principal.id != guest.principal.id
    assert later.principal.is_anonymous_device


def test_a_later_rebind_by_the_same_user_moves_what_came_since(grace: Person, guest: Person) -> None:
    claim(grace)
    later = actors.on_device()
    assert claim(grace).json() == NO_OP
    assert sessions.find(later.token), "a no-op ends no session"
    actors.one_of_everything(later.principal)
    assert claim(grace).json()["rebound"] is True
    assert actors.rows_owned_by(later.principal.id) == {}


def test_the_old_anonymous_token_dies(grace: Person, guest: Person) -> None:
    claim(grace)
    with pytest.raises(errors.InvalidToken):
        sessions.find(guest.token)
    response = guest.client.get("/research/00000000-0000-4000-8000-000000000000")
    assert response.status_code == 401
    assert response.json()["detail"].startswith("Invalid token: ")


def test_a_session_minted_after_the_rebind_is_dead_at_birth(grace: Person, guest: Person) -> None:
    """As when the principal was looked up before the rebind and the session stored after it."""
    claim(grace)
    late = sessions.mint(guest.principal)
    with pytest.raises(errors.InvalidToken):
        sessions.find(late)


def test_an_anonymous_session_cannot_claim(guest: Person) -> None:
    response = claim(guest)
    assert response.status_code == 401
    assert response.json() == {"detail": "Rebind requires an authenticated user token; got anonymous session"}
    assert response["WWW-Authenticate"] == "Bearer"


def test_an_anonymous_session_hears_that_before_its_body_is_looked_at(guest: Person) -> None:
    assert claim(guest, "").status_code == 401


@pytest.mark.parametrize("body", [{}, {"device_id": None}, {"device_id": ""}, {"clerk_user_id": "user_ada"}])
def test_without_a_device_id_it_is_422(grace: Person, body: dict[str, Any]) -> None:
    response = grace.client.post("/auth/rebind", body)
    assert response.status_code == 422
    assert response.json() == {"detail": "device_id and clerk_user_id required"}


@pytest.mark.parametrize("device_id", [7, 1.5, True, ["a"], {"a": 1}, "x" * 201, "nul\x00", "\ud800"])
def test_an_impossible_device_id_is_422(grace: Person, device_id: Any) -> None:
    response = claim(grace, device_id)
    assert response.status_code == 422
    assert isinstance(response.json()["detail"], str)


def test_200_characters_are_enough_and_allowed(grace: Person) -> None:
    actors.on_device("x" * 200)
    assert claim(grace, "x" * 200).json()["rebound"] is True


@pytest.mark.parametrize(
    "twin", [f" {DEVICE}", f"{DEVICE} ", DEVICE.lower(), "'; DROP TABLE accounts_device; --", "<b>%s{0}</b>"]
)
def test_ids_are_taken_literally(grace: Person, guest: Person, twin: str) -> None:
    assert claim(grace, twin).json() == NO_OP


def test_composed_and_decomposed_letters_are_different_ids(grace: Person) -> None:
    actors.on_device("caf\u00e9")
    assert claim(grace, "cafe\u0301").json() == NO_OP


def test_the_user_in_the_body_is_ignored(grace: Person, guest: Person) -> None:
    grace.client.post("/auth/rebind", {"device_id": DEVICE, "clerk_user_id": "user_mallory"})
    assert Device.objects.get().rebound_to_id == "user_grace"


def test_a_user_without_a_row_yet_gets_one(guest: Person) -> None:
    """As after a sign-in whose JWT is used directly."""
    assert rebind.rebind(user_id="user_brandnew", device_id=DEVICE).rebound


class TestAnotherUser:
    @pytest.fixture
    def mallory(self) -> Person:
        return actors.signed_in("mallory")

    @pytest.fixture(autouse=True)
    def _claimed(self, grace: Person, guest: Person) -> None:
        actors.one_of_everything(guest.principal)
        claim(grace)

    def test_is_refused_and_nothing_changes(self, mallory: Person) -> None:
        later = actors.on_device()
        actors.one_of_everything(later.principal)
        before = actors.rows_owned_by("user_grace"), actors.rows_owned_by(later.principal.id)
        device = Device.objects.values().get()
        response = claim(mallory)
        assert response.status_code == 409
        assert response.json() == {"detail": f"device {DEVICE} already rebound to a different user"}
        assert (actors.rows_owned_by("user_grace"), actors.rows_owned_by(later.principal.id)) == before
        assert Device.objects.values().get() == device
        assert actors.rows_owned_by("user_mallory") == {}
        assert sessions.find(later.token)

    def test_leaves_one_conflict_that_counts(self, mallory: Person) -> None:
        for _ in range(3):
            assert claim(mallory).status_code == 409
        conflict = RebindConflict.objects.get()
        assert (conflict.present_owner_id, conflict.claimant_id) == ("user_grace", "user_mallory")
        assert conflict.claims == 3
        assert conflict.last_claimed_at >= conflict.created_at
        claim(actors.signed_in("trudy"))
        assert RebindConflict.objects.count() == 2

    def test_whose_claim_was_turned_down_is_not_asked_about_again(self, mallory: Person) -> None:
        claim(mallory)
        conflict = RebindConflict.objects.get()
        conflict.resolution, conflict.resolved_at = "keep", conflict.created_at
        conflict.save()
        assert claim(mallory).status_code == 409
        assert RebindConflict.objects.get().claims == 2

    def test_the_detail_echoes_the_id_as_it_was_sent(self, mallory: Person) -> None:
        odd = "dévice \u202e<script>%s"
        actors.on_device(odd)
        claim(actors.signed_in("grace"), odd)
        assert claim(mallory, odd).json() == {"detail": f"device {odd} already rebound to a different user"}


class TestCollisions:
    """Both sides have a row where only one may be."""

    def test_the_users_own_secret_and_answer_win(self, grace: Person, guest: Person) -> None:
        for owner, text in ((guest.principal, b"old"), (grace.principal, b"own")):
            Secret.objects.create(owner=owner, kind="github_pat", ciphertext=text, hint="")
            IdempotencyKey.objects.create(owner=owner, route="r", key="k", request_hash=text.decode())
        assert claim(grace).json()["rows_updated"] == 0
        assert bytes(Secret.objects.get().ciphertext) == b"own"
        assert IdempotencyKey.objects.get().request_hash == "own"

    def test_used_months_add_up(self, grace: Person, guest: Person) -> None:
        UsagePeriod.objects.create(owner=guest.principal, key="2026-11", credits=3, questions=1)
        UsagePeriod.objects.create(owner=guest.principal, key="2026-10", credits=5)
        UsagePeriod.objects.create(owner=grace.principal, key="2026-11", credits=4, tts_seconds=2)
        claim(grace)
        months = {period.key: (period.credits, period.questions) for period in UsagePeriod.objects.all()}
        assert months == {"2026-10": (5, 0), "2026-11": (7, 1)}
        assert set(UsagePeriod.objects.values_list("owner_id", flat=True)) == {"user_grace"}

    def test_the_users_own_profile_wins(self, grace: Person, guest: Person) -> None:
        Profile.objects.create(owner=guest.principal, name="Guest")
        Profile.objects.create(owner=grace.principal, name="Grace")
        assert claim(grace).json()["rows_updated"] == 0
        assert list(Profile.objects.values_list("owner_id", "name")) == [("user_grace", "Grace")]


def test_opening_a_session_is_one_step() -> None:
    token = devices.start_session(DEVICE)
    assert sessions.find(token).principal_id == Device.objects.get().principal_id
    assert sessions.find(devices.start_session(DEVICE)).principal_id == sessions.find(token).principal_id


def test_a_push_token_moves_with_its_device(grace: Person, guest: Person) -> None:
    PushToken.objects.create(owner=guest.principal, device_token="t", environment="production")
    claim(grace)
    assert PushToken.objects.get().owner_id == "user_grace"
