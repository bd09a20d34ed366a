"""Starting research over HTTP: when the rate limit is reached, the request is kept and runs later."""

from __future__ import annotations

from rest_framework.response import Response

from accounts import ratelimits
from accounts.http import AuthenticatedRequest
from accounts.ratelimits import Limit
from manticscore import errors
from research.actions import research
from research.actions.research import Identical, Question
from research.serializers import research as shapes


def seconds_to_wait(limit: Limit, request: AuthenticatedRequest) -> int:
    """Counts the call; 0 when it is within the limit, else after how long it would be."""
    try:
        ratelimits.check(limit, request)
    except errors.TooManyRequests as refused:
        return refused.retry_after or 1
    return 0


def ask(request: AuthenticatedRequest, question: Question, wait: int) -> Response:
    """200 for what is known, 202 for a new job. Beyond the limit only new work is kept for later."""
    try:
        found = research.ask(request.user, question, wait=wait)
    except Identical:
        if wait:
            raise errors.TooManyRequests(retry_after=wait) from None
        raise
    if not found.is_cached:
        return Response(shapes.accepted(found.job), status=202)
    if wait:
        raise errors.TooManyRequests(retry_after=wait)
    return Response(shapes.cached(found.job))
