"""The admin's style sheets, without which staff see a bare page."""

from __future__ import annotations

import pytest
from django.test import Client


@pytest.mark.parametrize("path", ["admin/css/base.css", "admin/js/core.js"])
def test_static_files_of_the_admin_are_served(client: Client, path: str) -> None:
    response = client.get(f"/static/{path}")
    assert response.status_code == 200
    assert len(b"".join(response.streaming_content)) > 1000


@pytest.mark.parametrize(
    ("path", "status"), [("../manage.py", 400), ("admin/../../settings.py", 400), ("nothing.css", 404)]
)
def test_nothing_else_is(client: Client, path: str, status: int) -> None:
    response = client.get(f"/static/{path}")
    assert response.status_code == status
    assert response.json()["detail"] in {"Bad request", "Not found"}
