"""One request to GitHub's REST API: bounded in time and size, never redirected, never by a proxy."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping
from typing import Any

import httpx

from manticscore.clients.githost import errors

SECONDS = 15.0  # for a whole request
CONNECT_SECONDS = 5.0
MAX_BYTES = 8 * 1024 * 1024  # a page of a hundred long issues
RETRY_AFTER = 60.0  # where GitHub does not say how long
VERSION = "2022-11-28"

REFUSALS: dict[int, type[errors.GitHubError]] = {
    301: errors.RepositoryMissing,  # renamed; a token goes where it was meant to go
    302: errors.RepositoryMissing,
    307: errors.RepositoryMissing,
    308: errors.RepositoryMissing,
    401: errors.TokenRejected,
    403: errors.AccessDenied,
    404: errors.RepositoryMissing,
    408: errors.Unavailable,
    410: errors.AccessDenied,  # issues are switched off
    425: errors.Unavailable,
    451: errors.AccessDenied,
}


async def ask(
    method: str,
    url: str,
    token: str,
    *,
    params: Mapping[str, Any] | None = None,
    body: Mapping[str, Any] | None = None,
    seconds: float = SECONDS,
) -> Any:
    """The JSON answer. Raises GitHubError."""
    sent = {
        "Accept": "application/vnd.github+json",
        "Accept-Encoding": "identity",
        "Authorization": f"Bearer {token}",
        "User-Agent": "ManticScore",
        "X-GitHub-Api-Version": VERSION,
    }
    limits = httpx.Timeout(seconds, connect=min(seconds, CONNECT_SECONDS))
    try:
        async with (
            asyncio.timeout(seconds),
            httpx.AsyncClient(timeout=limits, follow_redirects=False, trust_env=False) as client,
            client.stream(method, url, params=params, json=body, headers=sent) as response,
        ):
            check(response.status_code, response.headers)
            content = await read(response)
    except TimeoutError:
        raise errors.Unavailable(f"GitHub did not answer within {seconds:g} s") from None
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        raise errors.Unavailable(f"GitHub is not reachable ({type(error).__name__})") from None
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        raise errors.Unavailable("GitHub's answer is not JSON") from None


def check(status: int, headers: Mapping[str, str]) -> None:
    if status in (200, 201):
        return
    if status == 429 or (status == 403 and is_limit(headers)):
        raise errors.RateLimited(wait(headers))
    if status >= 500:
        raise errors.Unavailable(f"GitHub answered {status}")
    kind = REFUSALS.get(status)
    raise kind() if kind else errors.RequestRejected(f"GitHub refuses the request ({status})")


def is_limit(headers: Mapping[str, str]) -> bool:
    """Whether a 403 means to come back later rather than never."""
    return "retry-after" in headers or headers.get("x-ratelimit-remaining") == "0"


def wait(headers: Mapping[str, str]) -> float:
    """Seconds until GitHub wants to be asked again."""
    if headers.get("retry-after", "").isdecimal():
        return float(headers["retry-after"])
    if headers.get("x-ratelimit-reset", "").isdecimal():
        return max(1.0, float(headers["x-ratelimit-reset"]) - time.time())
    return RETRY_AFTER


async def read(response: httpx.Response) -> bytes:
    if response.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise errors.Unavailable("GitHub's answer is compressed, which was not asked for")
    content = bytearray()
    async for chunk in response.aiter_raw():
        content += chunk
        if len(content) > MAX_BYTES:
            raise errors.Unavailable("GitHub's answer is too large")
    return bytes(content)
