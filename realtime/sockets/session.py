"""The rules of a WebSocket connection without I/O (spec: websocket).

Inputs are text frames, answers to questions and the time; outputs are actions for the consumer to
carry out. Time is in seconds of any monotonic clock.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from uuid import UUID

from manticscore import errors
from manticscore.lib.bucket import TokenBucket
from realtime.events import frame
from realtime.sockets import messages
from realtime.sockets.messages import MAX_SUBSCRIPTIONS, BadFrame, Fields

PING_INTERVAL = 30.0
IDLE_TIMEOUT = 90.0
REVALIDATION_INTERVAL = 300.0

MESSAGE_RATE = 20.0  # frames a second
MESSAGE_BURST = 120  # at once, so that every subscription may come in a frame of its own
RATE_LIMITED_INTERVAL = 1.0  # between two frames that say so
FLOOD_LIMIT = 10.0  # of frames beyond the rate, then the connection ends
FLOOD_PAUSE = 2.0  # without one, and the next is a new flood

AUTH_INTERVAL = 30.0  # between tokens, in the long run
AUTH_BURST = 5

SLOW_WRITE = 1.0  # from then on a client that is behind is told
LAGGING_INTERVAL = 5.0  # between two such frames about one stream

NORMAL = 1000
POLICY_VIOLATION = 1008
TRY_AGAIN_LATER = 1013
AUTH_EXPIRED = 4001
INVALID_TOKEN = 4002
REPLACED = 4003

# What an `error` frame calls a token that cannot be used, the first that fits.
AUTH_CODES: tuple[tuple[type[errors.ApiError], str], ...] = (
    (errors.TokenExpired, "TOKEN_EXPIRED"),
    (errors.Unauthorized, "INVALID_TOKEN"),
    (errors.ApiError, "UNAVAILABLE"),
)


@dataclass(frozen=True, slots=True)
class Send:
    """Write this frame."""

    frame: bytes


@dataclass(frozen=True, slots=True)
class Subscribe:
    """Check access to the stream and follow it from the cursor."""

    entity_id: UUID
    channel: str
    cursor: int


@dataclass(frozen=True, slots=True)
class Unsubscribe:
    """Stop following."""

    entity_id: UUID


@dataclass(frozen=True, slots=True)
class Cancel:
    """Ask the stream's job to stop; `cancelled` takes what came of it."""

    entity_id: UUID
    channel: str


@dataclass(frozen=True, slots=True)
class Authenticate:
    """Look the token up; `authenticated`, `auth_refused` or `auth_of_another` takes what came of it."""

    token: str


@dataclass(frozen=True, slots=True)
class Revalidate:
    """Look whether the connection's session is still good; `auth_ended` when it is not."""


@dataclass(frozen=True, slots=True)
class Close:
    """Close the connection, once everything else was written. Nothing more is to be expected."""

    code: int
    reason: str


Action = Send | Subscribe | Unsubscribe | Cancel | Authenticate | Revalidate | Close


class SocketSession:
    """One connection's state: what is subscribed, when something was last heard or said."""

    __slots__ = (
        "_active_at",
        "_auth_tokens",
        "_authenticating",
        "_closing",
        "_dropped_at",
        "_flooding_since",
        "_lag_told_at",
        "_messages",
        "_pinged_at",
        "_rate_told_at",
        "_revalidated_at",
        "subscriptions",
    )

    def __init__(self, now: float) -> None:
        self.subscriptions: set[UUID] = set()
        self._closing = False
        self._active_at = self._pinged_at = self._revalidated_at = now
        self._messages = TokenBucket(rate=MESSAGE_RATE, burst=MESSAGE_BURST, now=now)
        self._dropped_at = self._flooding_since = self._rate_told_at = -math.inf
        self._auth_tokens: TokenBucket | None = None
        self._authenticating = False
        self._lag_told_at: dict[UUID, float] = {}

    def opened(self, user_id: str, server_time: str) -> list[Action]:
        return [Send(frame("connected", {"user_id": user_id, "server_time": server_time}))]

    def received(self, text: str | None, now: float) -> list[Action]:
        """A frame from the client; None stands for a binary one."""
        if self._closing:
            return []
        self._active_at = now
        if not self._messages.take(now):
            return self._drop(now)
        try:
            return self._act(messages.parse(text), now)
        except BadFrame as error:
            return [refusal(error)]

    def _drop(self, now: float) -> list[Action]:
        """A frame too many: told once in a while, and held against a client that goes on and on."""
        if now - self._dropped_at > FLOOD_PAUSE:
            self._flooding_since = now
        self._dropped_at = now
        if now - self._flooding_since > FLOOD_LIMIT:
            return self._close(POLICY_VIOLATION, "too many messages")
        if now - self._rate_told_at < RATE_LIMITED_INTERVAL:
            return []
        self._rate_told_at = now
        return [refusal(rate_limited("too many messages, this one was dropped", 1))]

    def _act(self, message: Fields, now: float) -> list[Action]:
        match message.get("action"):
            case "ping":
                return [Send(frame("pong"))]
            case "subscribe":
                return [action for one in messages.subscriptions(message) for action in self._subscribe(one)]
            case "unsubscribe":
                entity_id = messages.entity(message)
                self._forget(entity_id)
                return [Unsubscribe(entity_id)]
            case "cancel":
                return [Cancel(messages.entity(message), messages.channel(message))]
            case "auth":
                return self._authenticate(messages.token(message), now)
        raise BadFrame("UNKNOWN_ACTION", "action must be subscribe, unsubscribe, cancel, auth or ping")

    def _subscribe(self, wanted: object) -> list[Action]:
        """Each is answered as if it had come alone. Subscribing again moves the cursor."""
        try:
            fields = messages.fields(wanted)
            entity_id = messages.entity(fields)
        except BadFrame as error:
            return [refusal(error)]
        try:
            wish = Subscribe(entity_id, messages.channel(fields), messages.cursor(fields))
            again = entity_id in self.subscriptions
            if not again and len(self.subscriptions) >= MAX_SUBSCRIPTIONS:
                raise BadFrame("TOO_MANY_SUBSCRIPTIONS", f"at most {MAX_SUBSCRIPTIONS} subscriptions")
        except BadFrame as error:
            return [refusal(error, entity_id)]
        self.subscriptions.add(entity_id)
        return [Unsubscribe(entity_id), wish] if again else [wish]

    def _authenticate(self, token: str, now: float) -> list[Action]:
        """One token at a time, and few of them: a socket is no place to try tokens out."""
        if self._authenticating:
            raise BadFrame("AUTH_IN_PROGRESS", "the token before this one is still being checked")
        self._auth_tokens = self._auth_tokens or TokenBucket(
            rate=1 / AUTH_INTERVAL, burst=AUTH_BURST, now=now
        )
        if not self._auth_tokens.take(now):
            raise rate_limited("too many tokens", math.ceil(self._auth_tokens.wait(now)))
        self._authenticating = True
        return [Authenticate(token)]

    def authenticated(self, expires_at: str) -> list[Action]:
        """The connection goes on with the new token, at least until then."""
        self._authenticating = False
        return [Send(frame("auth", {"expires_at": expires_at}))]

    def auth_refused(self, error: errors.ApiError) -> list[Action]:
        """The connection goes on with the token it has."""
        self._authenticating = False
        code = next(code for kind, code in AUTH_CODES if isinstance(error, kind))
        return [refusal(BadFrame(code, error.detail, retryable=code == "UNAVAILABLE"))]

    def auth_of_another(self) -> list[Action]:
        """The token is good, but another principal's, whose streams these are not."""
        self._authenticating = False
        return [refusal(BadFrame("WRONG_USER", "the token is of another user"))]

    def auth_ended(self) -> list[Action]:
        if self._closing:
            return []
        return [Send(frame("auth_expired")), *self._close(AUTH_EXPIRED, "session ended")]

    def replaced(self) -> list[Action]:
        """The principal has a newer connection."""
        return self._close(REPLACED, "replaced by a newer connection")

    def unread(self) -> list[Action]:
        """The client asks and asks, but does not read the answers."""
        return self._close(POLICY_VIOLATION, "answers are not read")

    def _close(self, code: int, reason: str) -> list[Action]:
        if self._closing:
            return []
        self._closing = True
        return [Close(code, reason)]

    def denied(self, entity_id: UUID) -> list[Action]:
        """Access was refused. Foreign and unknown entities get the same answer."""
        self._forget(entity_id)
        return [not_found(entity_id)]

    def subscribed(self, wish: Subscribe, *, replayed: int, cursor: int, live: bool) -> list[Action]:
        """`cursor` is how far the replay has got, `live` whether more may follow."""
        data = {
            "entity_id": str(wish.entity_id),
            "channel": wish.channel,
            "replayed": replayed,
            "from": cursor - replayed,
            "to": cursor,
            "live": live,
        }
        return [Send(frame("subscribed", data))]

    def cancelled(self, wish: Cancel, asked: bool | None) -> list[Action]:
        """None: there is no such stream for this principal; False: there is nothing (left) to stop."""
        if asked is None:
            return [not_found(wish.entity_id)]
        if not asked:
            return [refusal(BadFrame("NOT_CANCELLABLE", "the job has ended"), wish.entity_id)]
        return [Send(frame("cancelling", {"entity_id": str(wish.entity_id), "channel": wish.channel}))]

    def not_now(self, entity_id: UUID) -> list[Action]:
        """The question could not be asked; the client may ask again."""
        return [refusal(unavailable(), entity_id)]

    def ended(self, entity_id: UUID) -> None:
        """The stream's end was forwarded: the subscription is over without a frame of its own."""
        self._forget(entity_id)

    def delivered(self, now: float) -> None:
        """Events went out, which keeps the connection alive; our own pings do not."""
        self._active_at = now

    def written(self, wish: Subscribe, took: float, behind: int, now: float) -> list[Action]:
        """Events went out in so many seconds, with `behind` more waiting: a slow reader is told, not cut."""
        self.delivered(now)
        told_at = self._lag_told_at.get(wish.entity_id, -math.inf)
        if took < SLOW_WRITE or not behind or now - told_at < LAGGING_INTERVAL:
            return []
        self._lag_told_at[wish.entity_id] = now
        data = {"entity_id": str(wish.entity_id), "channel": wish.channel, "behind": behind}
        return [Send(frame("lagging", data))]

    def _forget(self, entity_id: UUID) -> None:
        self.subscriptions.discard(entity_id)
        self._lag_told_at.pop(entity_id, None)

    def tick(self, now: float) -> list[Action]:
        if now - self._active_at >= IDLE_TIMEOUT:
            return self._close(NORMAL, "idle")
        if self._closing:
            return []
        actions: list[Action] = []
        if now - self._pinged_at >= PING_INTERVAL:
            self._pinged_at = now
            actions.append(Send(frame("ping")))
        if now - self._revalidated_at >= REVALIDATION_INTERVAL:
            self._revalidated_at = now
            actions.append(Revalidate())
        return actions

    def next_tick(self, now: float) -> float:
        """Seconds until `tick` has something to do."""
        due = min(
            self._active_at + IDLE_TIMEOUT,
            self._pinged_at + PING_INTERVAL,
            self._revalidated_at + REVALIDATION_INTERVAL,
        )
        return max(0.0, due - now)


def refusal(error: BadFrame, entity_id: UUID | None = None) -> Send:
    """An `error` frame; it says what it is about where that is known."""
    about = {} if entity_id is None else {"entity_id": str(entity_id)}
    return Send(frame("error", error.data | about))


def not_found(entity_id: UUID) -> Send:
    return refusal(BadFrame("NOT_FOUND", "Not found"), entity_id)


def rate_limited(message: str, retry_after: int) -> BadFrame:
    return BadFrame("RATE_LIMITED", message, retryable=True, retry_after=retry_after)


def unavailable() -> BadFrame:
    return BadFrame("UNAVAILABLE", "Service unavailable", retryable=True, retry_after=2)
