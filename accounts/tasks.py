"""Jobs of this app."""

from __future__ import annotations

from uuid import UUID

from procrastinate.contrib.django import app

from accounts import outbox

SWEEP_LIMIT = 500  # messages given a new job at a time


@app.task(name=outbox.TASK)
def send_outbox(message_id: str) -> None:
    outbox.deliver(UUID(message_id))


@app.periodic(cron="* * * * *")
@app.task(name="accounts.sweep_outbox", queue=outbox.QUEUE)
def sweep_outbox(timestamp: int) -> None:
    """Messages whose job was lost, with its worker or by a restore, get a new one."""
    outbox.resend_overdue(SWEEP_LIMIT)
