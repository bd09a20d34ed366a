"""Dead messages in the admin: found, and sent again by those who may."""

from __future__ import annotations

import pytest
from django.test import Client

from accounts.models import OutboxMessage, Principal
from tests.admin import desk

pytestmark = pytest.mark.django_db
URL = "/admin/accounts/outboxmessage/"
VIEW, CHANGE = "accounts.view_outboxmessage", "accounts.change_outboxmessage"


@pytest.fixture
def messages() -> dict[str, OutboxMessage]:
    owner = Principal.objects.create(id="user_grace")
    return {
        state: OutboxMessage.objects.create(
            owner=owner, kind="posthog_alias", payload={}, state=state, tries=9
        )
        for state in ("pending", "sent", "dead")
    }


def resend(client: Client, messages: dict[str, OutboxMessage]) -> str:
    chosen = [str(message.pk) for message in messages.values()]
    response = client.post(URL, {"action": "resend", "_selected_action": chosen}, follow=True)
    return " ".join(str(message) for message in response.context["messages"])


def test_dead_ones_can_be_listed(messages: dict[str, OutboxMessage]) -> None:
    page = desk.browser(desk.staff("viewer", VIEW)).get(URL, {"state__exact": "dead"})
    assert [row.pk for row in page.context["cl"].result_list] == [messages["dead"].pk]


def test_only_dead_ones_are_revived(messages: dict[str, OutboxMessage]) -> None:
    said = resend(desk.browser(desk.staff("operator", VIEW, CHANGE)), messages)
    assert "1 dead messages are pending again." in said
    assert "2 were not dead" in said
    found = dict(OutboxMessage.objects.values_list("pk", "state"))
    assert found == {
        messages["pending"].pk: "pending",
        messages["sent"].pk: "sent",
        messages["dead"].pk: "pending",
    }
    messages["dead"].refresh_from_db()
    assert messages["dead"].tries == 0


def test_not_by_those_who_may_only_look(messages: dict[str, OutboxMessage]) -> None:
    client = desk.browser(desk.staff("viewer", VIEW))
    assert "resend" not in client.get(URL).content.decode()
    resend(client, messages)
    messages["dead"].refresh_from_db()
    assert messages["dead"].state == "dead"
