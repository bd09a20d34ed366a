"""Who may own rows: the database itself keeps users and anonymous devices apart."""

from __future__ import annotations

import uuid

import pytest
from django.db import IntegrityError, transaction

from accounts.models import Principal

pytestmark = pytest.mark.django_db
UUID = "0a1b2c3d-0000-4000-8000-0123456789ab"


@pytest.mark.parametrize("key", ["user_2abc", f"user_{'x' * 128}", "user_A-b_9", f"anon:{UUID}"])
def test_principal(key: str) -> None:
    assert Principal.objects.create(id=key).is_anonymous_device is key.startswith("anon:")


@pytest.mark.parametrize(
    "key",
    [
        "",
        "user_",
        f"user_{'x' * 129}",
        "user_ a",
        "user_a\n",
        f"user_anon:{UUID}",
        "ada",
        "anon:",
        "anon:1",
        f"anon:{UUID.upper()}",
        f"anon:{UUID}x",
        f" anon:{UUID}",
        f"anon:{uuid.UUID(UUID).hex}",
        f"anon:{UUID}\n",
    ],
)
def test_other_keys_are_refused_by_the_database(key: str) -> None:
    with pytest.raises(IntegrityError, match="principal_id_is_user_or_anonymous"), transaction.atomic():
        Principal.objects.create(id=key)
