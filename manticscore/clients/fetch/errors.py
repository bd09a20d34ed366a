"""Why a page was not fetched."""

from __future__ import annotations


class FetchError(Exception):
    """`reason` is a word for programs, `permanent` says that trying again changes nothing.

    The message names no address that was resolved: it may be shown to whoever gave the URL.
    """

    reason = "failed"
    permanent = True

    def __init__(self, message: str, *, reason: str | None = None, permanent: bool | None = None) -> None:
        self.reason = reason or self.reason
        self.permanent = self.permanent if permanent is None else permanent
        super().__init__(message)


class Refused(FetchError):
    """We do not go there: the URL, its host's address or a redirect breaks a rule of ours."""

    reason = "refused"


class Disallowed(FetchError):
    """The site's robots.txt does not want us there."""

    reason = "robots"


class Unreachable(FetchError):
    """No connection, no answer, or none in time."""

    reason = "unreachable"
    permanent = False


class BadStatus(FetchError):
    """The site answered, but not with the page."""

    reason = "status"

    def __init__(self, status: int) -> None:
        self.status = status
        super().__init__(f"the site answered {status}", permanent=status not in TRANSIENT)


class BadContent(FetchError):
    """The answer is no page that we read: too large, of another type, or damaged."""

    reason = "content"


TRANSIENT = frozenset({408, 425, 429, 500, 502, 503, 504})
