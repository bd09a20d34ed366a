"""A token bucket: so many at once, and so many a second in the long run."""

from __future__ import annotations


class TokenBucket:
    """Full at first. Time is in seconds of any clock that does not run backwards."""

    __slots__ = ("_at", "_burst", "_rate", "_tokens")

    def __init__(self, *, rate: float, burst: int, now: float) -> None:
        self._rate = rate
        self._burst = burst
        self._tokens = float(burst)
        self._at = now

    def take(self, now: float) -> bool:
        """Take one token, if there is one."""
        self._tokens = min(self._burst, self._tokens + (now - self._at) * self._rate)
        self._at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True

    def wait(self, now: float) -> float:
        """Seconds until there is a token."""
        return max(0.0, (1 - self._tokens) / self._rate - (now - self._at))
