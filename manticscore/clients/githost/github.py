"""Repositories and issues of GitHub."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

from manticscore.clients.githost import errors, transport

PAGE = 100
MAX_PAGES = 50
MAX_TITLE = 256
MAX_BODY = 65_536

T = TypeVar("T")


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
    seconds: float = transport.SECONDS

    def repository(self, name: str) -> Repository:
        """Raises RepositoryMissing."""
        return understood(repository, self._ask("GET", f"repos/{name}"))

    def create_label(self, repository: str, name: str, color: str) -> None:
        """Make a label, unless it is there. Raises AccessDenied to who may not write."""
        body = {"name": name, "color": color}
        try:
            self._ask("POST", f"repos/{repository}/labels", body=body)
        except errors.RequestRejected:
            return  # 422: it is there

    def create_issue(self, repository: str, title: str, body: str, labels: Sequence[str]) -> Issue:
        """After Unavailable it may have been created all the same: look for it before asking again."""
        sent = {"title": title, "body": body, "labels": list(labels)}
        return understood(issue, self._ask("POST", f"repos/{repository}/issues", body=sent))

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
        raise errors.Unavailable("The repository has too many new issues to look through")

    def _page(self, repository: str, number: int) -> list[Issue]:
        params = {"state": "all", "sort": "created", "direction": "desc", "per_page": PAGE, "page": number}
        return understood(issues, self._ask("GET", f"repos/{repository}/issues", params=params))

    def _ask(self, method: str, path: str, **content: Mapping[str, Any]) -> Any:
        url = f"{self.url.rstrip('/')}/{path}"
        return asyncio.run(
            transport.ask(
                method,
                url,
                self.token(),
                params=content.get("params"),
                body=content.get("body"),
                seconds=self.seconds,
            )
        )


def understood(read: Callable[[Any], T], answer: Any) -> T:
    """Raises Unavailable for an answer of another shape."""
    try:
        return read(answer)
    except (KeyError, TypeError, ValueError, AttributeError):
        raise errors.Unavailable("GitHub's answer is not understood") from None


def repository(answer: Any) -> Repository:
    return Repository(str(answer["full_name"]), bool(answer["has_issues"]) and not answer["archived"])


def issue(answer: Any) -> Issue:
    made = datetime.fromisoformat(answer["created_at"])
    if made.tzinfo is None:
        raise ValueError("a moment without a time zone")
    return Issue(int(answer["number"]), str(answer["html_url"]), answer["body"] or "", made)


def issues(answer: Any) -> list[Issue]:
    return [issue(each) for each in answer]
