"""The cache in Redis, which holds counters of rate limits only, and what counts while Redis is away."""

from __future__ import annotations

from typing import Any

from django.core.cache.backends.locmem import LocMemCache
from django.core.cache.backends.redis import RedisCache
from redis.exceptions import RedisError


class CountingRedisCache(RedisCache):
    """Counts in this process while Redis does not answer: limits get looser then, never gone.

    Without it every limited request would fail with Redis, or none would be limited.
    """

    def __init__(self, server: Any, params: dict[str, Any]) -> None:
        super().__init__(server, params)
        self._local = LocMemCache("while redis is away", {**params, "OPTIONS": {"MAX_ENTRIES": 100_000}})

    def add(self, key: Any, value: Any, *args: Any, **kwargs: Any) -> bool:
        try:
            return super().add(key, value, *args, **kwargs)
        except RedisError:
            return self._local.add(key, value, *args, **kwargs)

    def incr(self, key: Any, delta: int = 1, version: int | None = None) -> int:
        try:
            return super().incr(key, delta, version)
        except RedisError:
            self._local.add(key, 0, version=version)
            return self._local.incr(key, delta, version)
