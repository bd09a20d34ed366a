"""Rows that a test writes behind the server's back."""

from __future__ import annotations

import uuid

from tests.helpers.installation import Installation
from tests.helpers.visitors import Visitor

SESSION = "token_digest = sha256(convert_to(%s, 'UTF8'))"


def open_stream(installation: Installation, visitor: Visitor, channel: str = "research") -> str:
    """A stream of the visitor's on which nothing happens by itself."""
    stream_id = str(uuid.uuid4())
    installation.query(
        "INSERT INTO realtime_stream (id, channel, owner_id, title, status, stage, attempt, last_seq,"
        " first_seq, updated_at) SELECT %s, %s, principal_id, '', 'running', '', 1, 0, 1,"
        f" now() + interval '1 hour' FROM accounts_session WHERE {SESSION}",
        stream_id,
        channel,
        visitor.token,
    )
    return stream_id


def append(installation: Installation, stream_id: str, message: str) -> None:
    """An event, and no hint of it."""
    with installation.connection() as connection, connection.transaction():
        connection.execute(
            "WITH head AS (UPDATE realtime_stream SET last_seq = last_seq + 1 WHERE id = %s RETURNING *)"
            " INSERT INTO realtime_event (stream_id, seq, type, data)"
            " SELECT id, last_seq, 'progress',"
            " jsonb_build_object('stage', 'search', 'message', %s::text) FROM head",
            [stream_id, message],
        )


def set_expiry(installation: Installation, visitor: Visitor, lifetime: str) -> None:
    """Let the visitor's session live so long from now."""
    installation.query(
        f"UPDATE accounts_session SET expires_at = now() + %s::interval WHERE {SESSION}",
        lifetime,
        visitor.token,
    )


def session_expires_in(installation: Installation, visitor: Visitor) -> float:
    """Seconds until the visitor's session ends."""
    text = f"SELECT extract(epoch FROM expires_at - now()) FROM accounts_session WHERE {SESSION}"
    ((seconds,),) = installation.query(text, visitor.token)
    return float(seconds)
