"""The client of GitHub, against a server on this machine."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from manticscore.clients import services
from manticscore.clients.githost import github as client
from manticscore.clients.githost.github import GitHub
from tests.helpers.github_server import REPOSITORY, TOKEN, GitHubServer, github_server
from tests.helpers.json_server import refusal

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


@pytest.fixture
def server() -> Iterator[GitHubServer]:
    with github_server() as running:
        yield running


@pytest.fixture
def github(server: GitHubServer) -> GitHub:
    return GitHub(server.url, lambda: TOKEN)


def test_a_repository_by_its_own_spelling(github: GitHub, server: GitHubServer) -> None:
    found = github.repository("Ada/Recipe-Box")
    assert (found.name, found.takes_issues) == (REPOSITORY, True)
    server.repository["archived"] = True
    assert not github.repository(REPOSITORY).takes_issues


def test_an_issue_is_made_and_found(github: GitHub, server: GitHubServer) -> None:
    made = github.create_issue(REPOSITORY, "a title", "a body", ["risk: red"])
    assert (made.number, made.body) == (1, "a body")
    assert server.issues[0]["labels"] == ["risk: red"]
    assert list(github.issues_since(REPOSITORY, LONG_AGO)) == [made]
    assert list(github.issues_since(REPOSITORY, made.created_at + timedelta(seconds=1))) == []


def test_issues_over_pages_until_they_are_too_old(github: GitHub, server: GitHubServer) -> None:
    row = {"html_url": "", "body": None}
    days = [datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=n) for n in range(350)]
    server.issues = [{**row, "number": n, "created_at": day.isoformat()} for n, day in enumerate(days)]
    assert [each.number for each in github.issues_since(REPOSITORY, LONG_AGO)] == list(range(349, -1, -1))
    assert [each.number for each in github.issues_since(REPOSITORY, days[240])] == list(range(349, 239, -1))
    assert server.count("GET", "/issues") == 4 + 2


def test_a_label_that_is_there_is_fine(github: GitHub, server: GitHubServer) -> None:
    github.create_label(REPOSITORY, "risk: red", "b60205")
    github.create_label(REPOSITORY, "risk: red", "b60205")
    assert server.labels == {"risk: red": "b60205"}


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (401, services.TokenRejected),
        (403, services.AccessDenied),
        (404, services.Missing),
        (301, services.Missing),
        (410, services.AccessDenied),
        (422, services.RequestRejected),
        (500, services.Unavailable),
        (503, services.Unavailable),
    ],
)
def test_failures_by_status(
    github: GitHub, server: GitHubServer, status: int, expected: type[services.ServiceError]
) -> None:
    server.fail("POST", "/issues", refusal(status, Location="http://127.0.0.1:1/"))
    with pytest.raises(expected) as caught:
        github.create_issue(REPOSITORY, "a title", "", [])
    assert type(caught.value) is expected
    assert caught.value.retryable is (status >= 500)
    assert TOKEN not in repr(caught.value) + repr(github)
    assert "on purpose" not in caught.value.message


@pytest.mark.parametrize(
    ("status", "headers", "seconds"),
    [
        (403, {"Retry_After": "7"}, 7),
        (429, {"Retry_After": "7"}, 7),
        (429, {}, services.RETRY_AFTER),
        (403, {"X_RateLimit_Remaining": "0", "X_RateLimit_Reset": "1"}, 1),
        (403, {"X_RateLimit_Remaining": "0", "X_RateLimit_Reset": "soon"}, services.RETRY_AFTER),
    ],
)
def test_rate_limits_say_how_long(
    github: GitHub, server: GitHubServer, status: int, headers: dict[str, str], seconds: float
) -> None:
    server.fail("GET", REPOSITORY, refusal(status, **headers))
    with pytest.raises(services.RateLimited) as caught:
        github.repository(REPOSITORY)
    assert caught.value.retry_after == seconds
    assert caught.value.retryable


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"null", b"{}", b"[" * 100_000, b'{"full_name": "a/b", "has_issues": true}'],
    ids=str,
)
def test_answers_that_are_no_repository(github: GitHub, server: GitHubServer, content: bytes) -> None:
    server.fail("GET", REPOSITORY, lambda: (200, content, {}))
    with pytest.raises(services.Unavailable):
        github.repository(REPOSITORY)


def test_an_answer_is_bounded(github: GitHub, server: GitHubServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "MAX_BYTES", 1000)
    server.fail("GET", REPOSITORY, lambda: (200, b" " * 1001, {}))
    with pytest.raises(services.Unavailable, match="too large"):
        github.repository(REPOSITORY)
    server.fail("GET", REPOSITORY, lambda: (200, b"", {"Content-Encoding": "gzip"}))
    with pytest.raises(services.Unavailable, match="compressed"):
        github.repository(REPOSITORY)


def test_a_server_that_does_not_answer(server: GitHubServer) -> None:
    server.fail("GET", REPOSITORY, server.hang)
    began = time.monotonic()
    with pytest.raises(services.Unavailable, match=r"within 0\.2 s"):
        GitHub(server.url, lambda: TOKEN, seconds=0.2).repository(REPOSITORY)
    assert time.monotonic() - began < 20, "the server alone would have taken longer"


def test_nothing_is_sent_after_the_moment_when_it_must_be_over(github: GitHub, server: GitHubServer) -> None:
    with pytest.raises(services.Unavailable, match="no answer"):
        github.create_issue(REPOSITORY, "a title", "", [], until=time.monotonic() - 0.001)
    assert server.asked == []


def test_nobody_there() -> None:
    with pytest.raises(services.Unavailable, match="not reachable"):
        GitHub("http://127.0.0.1:1", lambda: TOKEN).repository(REPOSITORY)


def test_no_proxy_of_the_environment_is_used(github: GitHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    assert github.repository(REPOSITORY).name == REPOSITORY
