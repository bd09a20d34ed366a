"""The desk at which staff settle conflicts over devices."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.db.models import F
from django.test import Client
from django.urls import reverse

from accounts import ownership, rebind, resolutions
from accounts.models import Device, OutboxMessage, Rebind, RebindAudit, RebindConflict, Secret, User
from manticscore import errors
from realtime.models import Stream
from research.models import Evidence, ResearchJob
from tests import factories
from tests.admin import desk
from tests.rebind import actors

pytestmark = pytest.mark.django_db
VIEW = "accounts.view_rebindconflict"
RESOLVE = "accounts.resolve_rebindconflict"
REASON = "Both people wrote from the family's address."
WORK = {
    "realtime.stream": 1 + actors.MORE_STREAMS,
    "projects.project": 1,
    "projects.indexedidea": 1,
    "projects.clip": 1,
    "research.researchjob": 1,
    "research.card": 1,
    "research.evidence": 1,
    "research.featureresearchjob": 1,
    "research.featureevidence": 1,
    "buildgraphs.buildgraph": 1,
    "chat.chatsession": 1,
    "accounts.pushtoken": 1,
}
RESOLUTIONS = ("keep", "transfer", "release")


@pytest.fixture
def resolver() -> User:
    return desk.staff("resolver", VIEW, RESOLVE)


@pytest.fixture
def client(resolver: User) -> Client:
    return desk.browser(resolver)


@pytest.fixture
def conflict() -> RebindConflict:
    return desk.contested()


def page(conflict: RebindConflict, resolution: str) -> str:
    return reverse("admin:accounts_rebindconflict_resolve", args=(conflict.pk, resolution))


def detail(conflict: RebindConflict) -> str:
    return reverse("admin:accounts_rebindconflict_change", args=(conflict.pk,))


def undo_page(audit: RebindAudit) -> str:
    return reverse("admin:accounts_rebindconflict_undo", args=(audit.conflict_id, audit.pk))


def form(client: Client, url: str, **changes: Any) -> dict[str, Any]:
    """What a person who has read the page sends."""
    fingerprint = client.get(url).context["form"].initial["fingerprint"]
    return {"reason": REASON, "confirmed": "on", "fingerprint": fingerprint, **changes}


def settle(client: Client, conflict: RebindConflict, resolution: str) -> RebindAudit:
    url = page(conflict, resolution)
    response = client.post(url, form(client, url))
    assert response.status_code == 302
    return RebindAudit.objects.latest("id")


def undo(client: Client, audit: RebindAudit) -> RebindAudit:
    url = undo_page(audit)
    assert client.post(url, form(client, url)).status_code == 302
    return RebindAudit.objects.latest("id")


def owned(user_id: str) -> dict[str, int]:
    return actors.rows_owned_by(user_id)


def world() -> Any:
    """Everything that a resolution may touch."""
    return (
        ownership.counts(["user_grace", "user_mallory"]),
        list(Device.objects.values()),
        list(RebindConflict.objects.values()),
        Rebind.objects.count(),
        RebindAudit.objects.count(),
    )


class TestWhoMay:
    def test_look_but_not_act(self, conflict: RebindConflict) -> None:
        """With the right to view, and even to change, but not to resolve."""
        client = desk.browser(desk.staff("viewer", VIEW, "accounts.change_rebindconflict"))
        response = client.get(detail(conflict))
        assert response.status_code == 200
        assert response.context["resolutions"] == []
        assert "/resolve/" not in response.content.decode()
        before = world()
        for resolution in RESOLUTIONS:
            assert client.get(page(conflict, resolution)).status_code == 403
            assert client.post(page(conflict, resolution), {"confirmed": "on"}).status_code == 403
        changelist = client.get(reverse("admin:accounts_rebindconflict_changelist"))
        assert changelist.context["action_form"] is None
        assert world() == before

    def test_not_undo_either(self, client: Client, conflict: RebindConflict) -> None:
        audit = settle(client, conflict, "transfer")
        viewer = desk.browser(desk.staff("viewer", VIEW))
        assert "/undo/" not in viewer.get(detail(conflict)).content.decode()
        assert viewer.get(undo_page(audit)).status_code == 403
        assert viewer.post(undo_page(audit)).status_code == 403

    def test_nobody_else(self, conflict: RebindConflict) -> None:
        for client in (Client(), desk.browser(User.objects.create(username="customer"))):
            assert client.get(page(conflict, "transfer")).status_code == 302
        assert desk.browser(desk.staff("newcomer", RESOLVE)).get(page(conflict, "keep")).status_code == 403

    def test_not_even_a_superuser_by_accident(self, conflict: RebindConflict) -> None:
        client = desk.browser(desk.staff("root", superuser=True))
        before = world()
        url = page(conflict, "transfer")
        client.get(url)
        for missing in ("reason", "confirmed", "fingerprint"):
            data = form(client, url)
            del data[missing]
            assert client.post(url, data).status_code == 200
        assert client.post(url, form(client, url, reason="   ok    ")).status_code == 200
        assert client.post(url, form(client, url, fingerprint="0" * 64)).status_code == 302
        assert world() == before

    def test_only_with_the_csrf_token(self, resolver: User, conflict: RebindConflict) -> None:
        strict = Client(enforce_csrf_checks=True)
        strict.force_login(resolver)
        url, before = page(conflict, "transfer"), world()
        data = form(strict, url)
        assert strict.post(url, data).status_code == 403
        assert world() == before
        token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', strict.get(url).content.decode())
        assert token is not None
        assert strict.post(url, {**data, "csrfmiddlewaretoken": token[1]}).status_code == 302
        assert world() != before


class TestList:
    url = "/admin/accounts/rebindconflict/"

    def shown(self, client: Client, **query: str) -> list[int]:
        return [row.pk for row in client.get(self.url, query).context["cl"].result_list]

    def test_filters(self, client: Client, conflict: RebindConflict) -> None:
        old = desk.contested("another device")
        RebindConflict.objects.filter(pk=old.pk).update(created_at=F("created_at") - timedelta(days=9))
        settle(client, conflict, "keep")
        assert self.shown(client) == [old.pk, conflict.pk]
        assert self.shown(client, state="open") == [old.pk]
        assert self.shown(client, state="resolved") == [conflict.pk]
        assert self.shown(client, age="day") == self.shown(client, age="week") == [conflict.pk]
        assert self.shown(client, age="older") == [old.pk]
        assert self.shown(client, resolution__exact="keep") == [conflict.pk]

    def test_search(self, client: Client, conflict: RebindConflict) -> None:
        assert self.shown(client, q="user_mallory") == [conflict.pk]
        assert self.shown(client, q="user_grace") == [conflict.pk]
        assert self.shown(client, q="mallory") == []

    @pytest.mark.parametrize("resolution", RESOLUTIONS)
    def test_actions_lead_to_the_page(
        self, client: Client, conflict: RebindConflict, resolution: str
    ) -> None:
        before = world()
        response = client.post(self.url, {"action": resolution, "_selected_action": [conflict.pk]})
        assert response.headers["Location"] == page(conflict, resolution)
        other = desk.contested("another device")
        both = {"action": resolution, "_selected_action": [conflict.pk, other.pk]}
        assert client.post(self.url, both).headers["Location"] == self.url
        assert RebindConflict.objects.filter(resolved_at=None).count() == 2
        assert before[-1] == RebindAudit.objects.count()


def test_the_detail_counts_the_rows_of_both(client: Client, conflict: RebindConflict) -> None:
    factories.stream(actors.signed_in("mallory").principal)
    text = client.get(detail(conflict)).content.decode()
    assert "user_grace" in text
    assert "user_mallory" in text
    streams = WORK["realtime.stream"]
    assert f"<td>realtime.stream</td><td>{streams}</td><td>1</td><td>{streams}</td>" in text


@pytest.mark.parametrize("resolution", RESOLUTIONS)
def test_looking_changes_nothing(client: Client, conflict: RebindConflict, resolution: str) -> None:
    before = world()
    assert client.get(page(conflict, resolution)).status_code == 200
    assert world() == before


@pytest.mark.parametrize("resolution", RESOLUTIONS)
def test_the_preview_is_what_happens(client: Client, conflict: RebindConflict, resolution: str) -> None:
    url = page(conflict, resolution)
    promised = client.get(url).context["effect"]
    audit = settle(client, conflict, resolution)
    assert audit.effect["moved"] == promised.moved
    assert audit.effect["left"] == promised.left
    assert (audit.effect["owner_before"], audit.effect["owner_after"]) == (
        promised.owner_before,
        promised.owner_after,
    )


class TestKeep:
    def test_settles_and_moves_nothing(
        self, client: Client, conflict: RebindConflict, resolver: User
    ) -> None:
        before = owned("user_grace")
        audit = settle(client, conflict, "keep")
        conflict.refresh_from_db()
        assert (conflict.resolution, conflict.resolved_at is not None) == ("keep", True)
        assert (audit.staff, audit.action, audit.reason) == (resolver, "keep", REASON)
        assert owned("user_grace") == before
        assert Device.objects.get().rebound_to_id == "user_grace"

    def test_undo_opens_it_again(self, client: Client, conflict: RebindConflict) -> None:
        undo(client, settle(client, conflict, "keep"))
        conflict.refresh_from_db()
        assert (conflict.resolution, conflict.resolved_at) == ("", None)


class TestRelease:
    def test_lets_the_next_user_have_the_device(self, client: Client, conflict: RebindConflict) -> None:
        before = owned("user_grace")
        settle(client, conflict, "release")
        assert Device.objects.get().rebound_to_id is None
        assert owned("user_grace") == before
        later = actors.on_device()
        factories.stream(later.principal)
        assert rebind.rebind(user_id="user_mallory", device_id=actors.DEVICE).rows_updated == 1
        assert owned("user_grace") == before

    def test_undo_gives_it_back_unless_somebody_has_it(
        self, client: Client, conflict: RebindConflict
    ) -> None:
        first = settle(client, conflict, "release")
        undo(client, first)
        assert Device.objects.get().rebound_to_id == "user_grace"
        second = settle(client, conflict, "release")
        actors.on_device()
        rebind.rebind(user_id="user_mallory", device_id=actors.DEVICE)
        audit = undo(client, second)
        assert Device.objects.get().rebound_to_id == "user_mallory"
        assert any("changed hands" in note for note in audit.effect["notes"])


class TestTransfer:
    def test_moves_the_devices_rows_and_no_others(self, client: Client, conflict: RebindConflict) -> None:
        grace = actors.signed_in("grace").principal
        own = factories.research_job(grace)
        settle(client, conflict, "transfer")
        assert owned("user_mallory") == WORK
        own.refresh_from_db()
        assert (own.owner_id, own.stream.owner_id) == ("user_grace", "user_grace")
        assert Device.objects.get().rebound_to_id == "user_mallory"
        assert rebind.rebind(user_id="user_mallory", device_id=actors.DEVICE) == rebind.NOTHING
        with pytest.raises(errors.Conflict):
            rebind.rebind(user_id="user_grace", device_id=actors.DEVICE)

    def test_never_passes_on_what_is_personal(self, client: Client, conflict: RebindConflict) -> None:
        Secret.objects.update(ciphertext=b"what Grace stored since")
        audit = settle(client, conflict, "transfer")
        assert Secret.objects.get().owner_id == "user_grace"
        assert {
            "accounts.secret",
            "accounts.usageperiod",
            "accounts.ledgerentry",
            "accounts.modelcall",
        } <= set(audit.effect["left"])
        assert OutboxMessage.objects.exclude(kind="test").get().owner_id == "user_grace"

    def test_takes_along_what_was_written_later(self, client: Client, conflict: RebindConflict) -> None:
        """Evidence of a job that was still running when its device was rebound."""
        job = ResearchJob.objects.get()
        later = Evidence.objects.get()
        later.pk, later.key = None, later.pk
        later.save(force_insert=True)
        settle(client, conflict, "transfer")
        assert set(job.evidence.values_list("owner_id", flat=True)) == {"user_mallory"}

    def test_leaves_what_the_owner_gave_away_or_deleted(
        self, client: Client, conflict: RebindConflict
    ) -> None:
        trudy = actors.signed_in("trudy").principal
        Stream.objects.update(owner=trudy)
        Evidence.objects.all().delete()
        settle(client, conflict, "transfer")
        streams = WORK["realtime.stream"]
        assert owned("user_trudy") == {"realtime.stream": streams}
        gone = {"realtime.stream", "research.evidence"}
        assert owned("user_mallory") == {table: rows for table, rows in WORK.items() if table not in gone}

    def test_undo_restores_exactly_those_rows(self, client: Client, conflict: RebindConflict) -> None:
        before = owned("user_grace")
        audit = settle(client, conflict, "transfer")
        mallorys_own = factories.stream(actors.signed_in("mallory").principal)
        taken_back = undo(client, audit)
        assert owned("user_grace") == before
        mallorys_own.refresh_from_db()
        assert mallorys_own.owner_id == "user_mallory"
        assert Device.objects.get().rebound_to_id == "user_grace"
        audit.refresh_from_db()
        assert audit.undone_at is not None
        assert (taken_back.action, taken_back.effect["moved"]) == ("undo", audit.effect["moved"])
        conflict.refresh_from_db()
        assert conflict.resolved_at is None

    def test_undo_says_what_it_cannot_restore(self, client: Client, conflict: RebindConflict) -> None:
        audit = settle(client, conflict, "transfer")
        [gone] = audit.effect["moved"]["research.evidence"]
        Evidence.objects.all().delete()
        url = undo_page(audit)
        text = client.get(url).content.decode()
        assert gone in text
        assert "cannot be restored" in text
        assert undo(client, audit).effect["left"] == {"research.evidence": [gone]}
        assert owned("user_grace")["research.researchjob"] == 1

    def test_the_next_transfer_knows_the_rows(self, client: Client, conflict: RebindConflict) -> None:
        settle(client, conflict, "transfer")
        with pytest.raises(errors.Conflict):
            rebind.rebind(user_id="user_grace", device_id=actors.DEVICE)
        settle(client, RebindConflict.objects.get(claimant_id="user_grace"), "transfer")
        assert owned("user_mallory") == {}
        assert owned("user_grace").items() >= WORK.items()

    def test_a_colliding_row_stays(self, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
        """As a table that allows each owner one row of a kind would have it."""
        monkeypatch.setattr(resolutions, "PERSONAL", ())
        conflict = desk.contested()
        mallory = actors.signed_in("mallory").principal
        Secret.objects.create(owner=mallory, kind="github_pat", ciphertext=b"own", hint="")
        audit = settle(client, conflict, "transfer")
        assert set(audit.effect["left"]) == {"accounts.secret"}
        assert "accounts.usageperiod" in audit.effect["moved"]


class TestStale:
    def refused(self, client: Client, url: str, data: dict[str, Any]) -> str:
        before = world()
        response = client.post(url, data, follow=True)
        assert world() == before
        return " ".join(str(message) for message in response.context["messages"])

    def test_a_row_that_came_since(self, client: Client, conflict: RebindConflict) -> None:
        url = page(conflict, "transfer")
        data = form(client, url)
        later = Evidence.objects.get()
        later.pk, later.key = None, later.pk
        later.save(force_insert=True)
        assert "changed since the preview" in self.refused(client, url, data)
        assert client.post(url, form(client, url)).status_code == 302
        assert owned("user_mallory")["research.evidence"] == 2

    def test_a_device_that_changed_hands(self, client: Client, conflict: RebindConflict) -> None:
        url = page(conflict, "release")
        data = form(client, url)
        actors.signed_in("trudy")
        Device.objects.update(rebound_to="user_trudy")
        assert "changed since" in self.refused(client, url, data)

    def test_a_conflict_that_a_colleague_settled(self, client: Client, conflict: RebindConflict) -> None:
        url = page(conflict, "transfer")
        data = form(client, url)
        settle(client, conflict, "keep")
        assert "resolved already" in self.refused(client, url, data)
        assert client.get(detail(conflict)).context["resolutions"] == []

    def test_an_undo_that_somebody_else_did(self, client: Client, conflict: RebindConflict) -> None:
        audit = settle(client, conflict, "transfer")
        data = form(client, undo_page(audit))
        undo(client, audit)
        assert "undone already" in self.refused(client, undo_page(audit), data)

    def test_a_preview_of_something_else(self, client: Client, conflict: RebindConflict) -> None:
        data = form(client, page(conflict, "keep"))
        assert "changed since" in self.refused(client, page(conflict, "release"), data)

    def test_an_undo_after_seven_days(self, client: Client, conflict: RebindConflict) -> None:
        audit = settle(client, conflict, "transfer")
        RebindAudit.objects.update(created_at=F("created_at") - timedelta(days=7))
        assert "/undo/" not in client.get(detail(conflict)).content.decode()
        response = client.get(undo_page(audit), follow=True)
        assert "seven days" in " ".join(str(message) for message in response.context["messages"])


class TestOnlyWhatIsLegal:
    def test_a_claimant_who_has_the_device_by_now(self, client: Client, conflict: RebindConflict) -> None:
        Device.objects.update(rebound_to="user_mallory")
        assert client.get(detail(conflict)).context["resolutions"] == ["keep"]
        assert client.get(page(conflict, "transfer")).status_code == 302

    def test_unknown_pages(self, client: Client, conflict: RebindConflict) -> None:
        assert client.get(page(conflict, "burn")).status_code == 404
        conflict.pk = 10**9
        assert client.get(page(conflict, "keep")).status_code == 404
        audit = RebindAudit(pk=10**9, conflict=conflict)
        assert client.get(undo_page(audit)).status_code == 404

    def test_an_undo_is_not_undone(self, client: Client, conflict: RebindConflict) -> None:
        audit = undo(client, settle(client, conflict, "keep"))
        assert client.get(undo_page(audit)).status_code == 404

    def test_a_newer_claim_stays_the_open_one(self, client: Client, conflict: RebindConflict) -> None:
        audit = settle(client, conflict, "release")
        Device.objects.update(rebound_to="user_grace")
        with pytest.raises(errors.Conflict):
            rebind.rebind(user_id="user_mallory", device_id=actors.DEVICE)
        taken_back = undo(client, audit)
        assert RebindConflict.objects.filter(resolved_at=None).count() == 1
        assert any("newer conflict" in note for note in taken_back.effect["notes"])
