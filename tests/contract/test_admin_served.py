"""The admin on a real server: its cookies and forms work, and only there."""

from __future__ import annotations

import re
from pathlib import Path

import httpx
import pytest

from accounts.models import User
from tests.helpers.serving import Served, served

TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="(\w+)"')


@pytest.mark.django_db(transaction=True)
def test_staff_sign_in_and_out(tmp_path: Path) -> None:
    User.objects.create_superuser("root", password="correct horse")
    # Cookies are for HTTPS only outside of DEBUG.
    with served(tmp_path, DEBUG="1") as server, server.client() as client:
        assert client.get("/admin/").headers["Location"].startswith("/admin/login/")
        form = {"username": "root", "password": "correct horse", "next": "/admin/"}
        assert client.post("/admin/login/", data=form).status_code == 403, "without the form's own token"
        assert sign_in(client, form).headers["Location"] == "/admin/"
        assert "root" in client.get("/admin/").text
        assert client.get("/profile").status_code == 401, "a cookie is no token"
        check_api_sets_no_cookie(server)


def sign_in(client: httpx.Client, form: dict[str, str]) -> httpx.Response:
    page = TOKEN.search(client.get("/admin/login/").text)
    assert page
    return client.post("/admin/login/", data={**form, "csrfmiddlewaretoken": page[1]})


def check_api_sets_no_cookie(server: Served) -> None:
    with server.client() as client:
        for path in ("/healthz", "/profile", "/nothing"):
            response = client.get(path)
            assert not response.cookies
            assert response.headers["X-Frame-Options"] == "DENY"
            assert response.headers["X-Content-Type-Options"] == "nosniff"
