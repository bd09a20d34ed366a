"""GitHub's REST API on loopback, as far as plans are shipped to it. What it made it keeps, in order."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.helpers.json_server import Answer, JsonServer, running

TOKEN = "ghp_" + "Ab3" * 12
REPOSITORY = "ada/recipe-box"
REFERENCES = {"full_name": REPOSITORY, "has_issues": True, "archived": False}


class GitHubServer(JsonServer):
    def __init__(self) -> None:
        super().__init__()
        self.repository: dict[str, Any] = dict(REFERENCES)
        self.issues: list[dict[str, Any]] = []
        self.labels: dict[str, str] = {}

    def work(self, method: str, target: str, headers: Mapping[str, str], body: Any) -> Answer:
        if headers["Authorization"] != f"Bearer {TOKEN}":
            return 401, {"message": "Bad credentials"}, {}
        url = urlsplit(target)
        prefix = f"/repos/{self.repository['full_name']}"
        if not url.path.lower().startswith(prefix.lower()):
            return 404, {"message": "Not Found"}, {}
        query = parse_qs(url.query)
        match method, url.path[len(prefix) :]:
            case "GET", "":
                return 200, self.repository, {}
            case "POST", "/labels":
                if body["name"] in self.labels:
                    return 422, {"message": "Validation Failed", "errors": [{"code": "already_exists"}]}, {}
                self.labels[body["name"]] = body["color"]
                return 201, body, {}
            case "GET", "/issues":
                return 200, self._page(int(query["page"][0]), int(query["per_page"][0])), {}
            case "POST", "/issues":
                return self._create(body)
        return 404, {"message": "Not Found"}, {}

    def _page(self, number: int, size: int) -> list[dict[str, Any]]:
        return self.issues[::-1][(number - 1) * size : number * size]

    def _create(self, body: dict[str, Any]) -> Answer:
        if not body["title"] or len(body["body"]) > 65_536:
            return 422, {"message": "Validation Failed"}, {}
        number = len(self.issues) + 1
        made = {
            **body,
            "number": number,
            "html_url": f"https://github.example/{self.repository['full_name']}/issues/{number}",
            "created_at": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        }
        self.issues.append(made)
        return self.done((201, made, {}))


def github_server() -> AbstractContextManager[GitHubServer]:
    return running(GitHubServer())
