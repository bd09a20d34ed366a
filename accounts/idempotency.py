"""Idempotency-Key: a request that is repeated gets the answer of the first one, and has no second effect.

The key is claimed in the transaction of the effect, so that both are there or neither is. An advisory
lock on the key is held as long; a request that cannot have it comes while the first is at work.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models.functions import Now
from rest_framework.response import Response

from accounts.http import AuthenticatedRequest
from accounts.models import IdempotencyKey
from manticscore import errors

HEADER = "Idempotency-Key"
REPLAYED = "Idempotent-Replayed"
KEY = re.compile(r"[!-~]{1,255}")
KEPT_FOR = timedelta(hours=24)


def idempotent(request: AuthenticatedRequest, route: str, effect: Callable[[], Response]) -> Response:
    """The answer of `effect`, or the one it gave when the same key came first.

    `effect` runs in a transaction; call this after validation, so that a refused request stores nothing.
    `route` keeps keys of different routes apart. Raises Unprocessable for a malformed key and Conflict for
    one that is in use or was used with another body.
    """
    key = request.headers.get(HEADER)
    if key is None:
        return effect()
    if not KEY.fullmatch(key):
        raise errors.Unprocessable(f"{HEADER} must be 1 to 255 visible ASCII characters")
    digest = body_digest(request.data)
    with transaction.atomic():
        lock(request.user.id, route, key)
        earlier = find(request.user.id, route, key)
        if earlier is not None:
            return replay(earlier, digest)
        response = effect()
        IdempotencyKey.objects.create(
            owner_id=request.user.id,
            route=route,
            key=key,
            request_hash=digest,
            status=response.status_code,
            body=response.data,
        )
        return response


def lock(owner_id: str, route: str, key: str) -> None:
    """Hold the key until the transaction ends. Raises Conflict when somebody else does."""
    name = hashlib.sha256("\0".join((owner_id, route, key)).encode()).digest()
    numbers = [int.from_bytes(part, "big", signed=True) for part in (name[:4], name[4:8])]
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s, %s)", numbers)
        if not cursor.fetchone()[0]:
            raise errors.Conflict(f"A request with this {HEADER} is in progress", retry_after=1)


def find(owner_id: str, route: str, key: str) -> IdempotencyKey | None:
    """The stored answer; one that is too old is removed, and its key free again."""
    stored = IdempotencyKey.objects.filter(owner_id=owner_id, route=route, key=key)
    stored.filter(created_at__lt=Now() - KEPT_FOR).delete()
    return stored.first()


def replay(earlier: IdempotencyKey, digest: str) -> Response:
    if earlier.request_hash != digest:
        raise errors.Conflict(f"This {HEADER} was used with another body")
    return Response(earlier.body, status=earlier.status, headers={REPLAYED: "true"})


def body_digest(body: Any) -> str:
    """Equal for bodies that mean the same, whatever the order of their keys."""
    text = json.dumps(body, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
