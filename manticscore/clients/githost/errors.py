"""What goes wrong with GitHub, as codes that a stream can show.

    GitHubError              retryable
    ├── NotConnected         no         GITHUB_NOT_CONNECTED      there is no token
    ├── TokenRejected        no         GITHUB_TOKEN_REJECTED
    ├── AccessDenied         no         GITHUB_ACCESS_DENIED      the token may not do this
    ├── RepositoryMissing    no         GITHUB_REPOSITORY_MISSING absent, moved, or hidden from the token
    ├── RequestRejected      no         GITHUB_REQUEST_REJECTED
    ├── RateLimited          yes        GITHUB_RATE_LIMITED       carries retry_after; nothing was done
    └── Unavailable          yes        GITHUB_UNAVAILABLE        it may have been done all the same

No message holds the token, a URL or text of GitHub's answer.
"""

from __future__ import annotations

from manticscore import errors


class GitHubError(errors.PipelineError):
    """GitHub failed."""

    code = "GITHUB_UNAVAILABLE"


class NotConnected(GitHubError):
    """GitHub is not connected: store a personal access token as github_pat first."""

    code = "GITHUB_NOT_CONNECTED"


class TokenRejected(GitHubError):
    """GitHub does not accept the stored token."""

    code = "GITHUB_TOKEN_REJECTED"


class AccessDenied(GitHubError):
    """The stored token may not do this in the repository."""

    code = "GITHUB_ACCESS_DENIED"


class RepositoryMissing(GitHubError):
    """There is no such repository, or the stored token cannot see it."""

    code = "GITHUB_REPOSITORY_MISSING"


class RequestRejected(GitHubError):
    """GitHub refuses the request."""

    code = "GITHUB_REQUEST_REJECTED"


class RateLimited(GitHubError):
    """GitHub asks to wait before more is done."""

    code = "GITHUB_RATE_LIMITED"
    retryable = True

    def __init__(self, retry_after: float = 60.0) -> None:
        super().__init__()
        self.retry_after = retry_after


class Unavailable(GitHubError):
    """GitHub cannot be reached at the moment."""

    code = "GITHUB_UNAVAILABLE"
    retryable = True
