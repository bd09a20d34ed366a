"""Repositories and issues of GitHub."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any

from manticscore.clients import services

NAME = "GitHub"
VERSION = "2022-11-28"
PAGE = 100
MAX_PAGES = 50
MAX_BYTES = 8 * 1024 * 1024  # a page of a hundred long issues

understood = partial(services.understood, NAME)


@dataclass(frozen=True, slots=True)
class Repository:
    """`name` is owner/name as GitHub spells it."""

    name: str
    takes_issues: bool


@dataclass(frozen=True, slots=True)
class Issue:
    number: int
    url: str
    body: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class GitHub:
    """GitHub in somebody's name. The token is asked for at the moment of a request and kept nowhere."""

    url: str
    token: Callable[[], str] = field(repr=False)
    seconds: float = services.SECONDS

    def repository(self, name: str) -> Repository:
        """Raises services.Missing."""
        return understood(repository, self._ask("GET", f"repos/{name}"))

    def create_label(self, repository: str, name: str, color: str) -> None:
        """Make a label, unless it is there. Raises AccessDenied to who may not write."""
        body = {"name": name, "color": color}
        try:
            self._ask("POST", f"repos/{repository}/labels", body=body)
        except services.RequestRejected:
            return  # 422: it is there

    def create_issue(
        self, repository: str, title: str, body: str, labels: Sequence[str], until: float | None = None
    ) -> Issue:
        """After Unavailable it may have been created all the same: look for it before asking again."""
        sent = {"title": title, "body": body, "labels": list(labels)}
        return understood(issue, self._ask("POST", f"repos/{repository}/issues", body=sent, until=until))

    def issues_since(self, repository: str, moment: datetime) -> Iterator[Issue]:
        """Issues that were created at or after that moment, open and closed, the latest first."""
        for number in range(1, MAX_PAGES + 1):
            page = self._page(repository, number)
            for found in page:
                if found.created_at < moment:
                    return
                yield found
            if len(page) < PAGE:
                return
        raise services.Unavailable(NAME, "The repository has too many new issues to look through")

    def _page(self, repository: str, number: int) -> list[Issue]:
        params = {"state": "all", "sort": "created", "direction": "desc", "per_page": PAGE, "page": number}
        return understood(issues, self._ask("GET", f"repos/{repository}/issues", params=params))

    def _ask(self, method: str, path: str, **request: Any) -> Any:
        headers = {
            "Accept": "application/vnd.github+json",
            "Authorization": f"Bearer {self.token()}",
            "User-Agent": "ManticScore",
            "X-GitHub-Api-Version": VERSION,
        }
        url = f"{self.url.rstrip('/')}/{path}"
        limits = {"seconds": self.seconds, "max_bytes": MAX_BYTES}
        return services.ask(NAME, method, url, headers=headers, **limits, **request)


def repository(answer: Any) -> Repository:
    return Repository(str(answer["full_name"]), bool(answer["has_issues"]) and not answer["archived"])


def issue(answer: Any) -> Issue:
    made = datetime.fromisoformat(answer["created_at"])
    if made.tzinfo is None:
        raise ValueError("a moment without a time zone")
    return Issue(int(answer["number"]), str(answer["html_url"]), answer["body"] or "", made)


def issues(answer: Any) -> list[Issue]:
    return [issue(each) for each in answer]
