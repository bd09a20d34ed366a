"""A language model with a meter: nothing is paid twice, and nothing beyond what a run may spend."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

from django.conf import settings

from accounts import spending
from accounts.models import ModelCall
from manticscore.clients.llm import Model, Reply, Request, Tokens, errors
from manticscore.clients.llm.patience import Patience
from manticscore.lib.faults import crash_point

MILLION = 1_000_000
CHANGED = "The material changed after the language model was asked; the call is not paid for twice."
SHORTEST = 0.05  # seconds below which asking is pointless


@dataclass(frozen=True, slots=True)
class Ceilings:
    """What a run may spend. Of each, `reserve` is kept for the calls that tell what was found."""

    seconds: float
    tokens: int
    micro_usd: int
    reserve: float = 0.25

    @classmethod
    def configured(cls) -> Ceilings:
        dollars = settings.LLM_RUN_DOLLARS
        return cls(settings.LLM_RUN_SECONDS, settings.LLM_RUN_TOKENS, round(dollars * MILLION))

    def below_reserve(self) -> Ceilings:
        share = 1 - self.reserve
        return Ceilings(self.seconds * share, int(self.tokens * share), int(self.micro_usd * share), 0)


@dataclass(frozen=True, slots=True)
class Meter:
    """Asks a model on behalf of a run, whose rows in the ledger are its memory."""

    model: Model
    owner_id: str
    stream_id: UUID
    own_key: bool
    ceilings: Ceilings = field(default_factory=Ceilings.configured)
    patience: Patience = field(default_factory=Patience)
    clock: Callable[[], float] = time.monotonic
    asked: set[str] = field(default_factory=set)  # fingerprints, in this execution

    def complete(self, stage: str, request: Request, *, reserved: bool = False, once: bool = False) -> Reply:
        """The answer, from the ledger when it was given before.

        `once`: an execution asks about one material in this stage, and no other execution about another.

        1. An equal call of this run that was answered, or that failed after it was paid for, is replayed.
        2. One whose end is unknown, because its worker died, is not made again. Nor is one that may be made
           `once`, when an earlier execution paid for it and its material has changed since.
        3. Otherwise the most it can cost must fit under the ceilings.
        4. The call is written down, made, and its end written down before anything else happens.

        Raises LlmError.
        """
        fingerprint = request.fingerprint(self.model.name)
        self.asked.add(fingerprint)
        earlier = spending.find(self.stream_id, stage, fingerprint)
        if earlier is not None and not withdrawn(earlier):
            return replayed(earlier)
        if once and spending.asked_otherwise(self.stream_id, stage, self.asked):
            raise errors.Interrupted(CHANGED)
        seconds = self._afford(request, self.ceilings if reserved else self.ceilings.below_reserve())
        call_id = spending.reserve(
            self.owner_id,
            self.stream_id,
            stage,
            fingerprint,
            model=self.model.name,
            own_key=self.own_key,
            at_most=request.at_most,
            micro_usd=self.model.cost(request.at_most),
        )
        if call_id is None:
            raise errors.Interrupted()
        crash_point(f"{stage}:reserved")
        return self._call(stage, call_id, request, seconds)

    def _afford(self, request: Request, ceilings: Ceilings) -> float:
        """Seconds the call may take. Raises CeilingReached."""
        spent = spending.spent_since_reopening(self.stream_id)
        seconds = ceilings.seconds - spent.duration_ms / 1000
        if seconds < SHORTEST:
            raise errors.CeilingReached("The run's time for language models is used up.")
        if spent.tokens + request.at_most.total > ceilings.tokens:
            raise errors.CeilingReached("The run's tokens for language models are used up.")
        if spent.micro_usd + self.model.cost(request.at_most) > ceilings.micro_usd:
            raise errors.CeilingReached("The run's money for language models is used up.")
        return seconds

    def _call(self, stage: str, call_id: int, request: Request, seconds: float) -> Reply:
        started = self.clock()

        def ask(left: float) -> Reply:
            return self.model.complete(replace(request, timeout=max(SHORTEST, min(request.timeout, left))))

        def settle(outcome: str, tokens: Tokens | None, reply: Reply | None = None) -> None:
            spending.settle(
                call_id,
                outcome=outcome,
                duration_ms=round((self.clock() - started) * 1000),
                used=None if tokens is None else (tokens, self.model.cost(tokens)),
                reply=None if reply is None else kept(reply),
            )

        try:
            reply = self.patience.run(ask, seconds)
        except errors.LlmError as error:
            settle(error.code, error.tokens)
            raise
        crash_point(f"{stage}:answered")
        settle(spending.OK, reply.tokens, reply)
        crash_point(f"{stage}:settled")
        return reply


def kept(reply: Reply) -> dict[str, Any]:
    return {"data": reply.data, "tokens": [reply.tokens.read, reply.tokens.written]}


def withdrawn(call: ModelCall) -> bool:
    """Whether the call may be made again: it failed and cost nothing. Its row remains as it is."""
    unpaid = call.settled_at is not None and call.outcome != spending.OK and call.micro_usd == 0
    if unpaid and call.tokens_in + call.tokens_out == 0:
        spending.withdraw(call.pk)
        return True
    return False


def replayed(call: ModelCall) -> Reply:
    """What the call answered. Raises the error it ended with, or Interrupted when nobody knows."""
    if call.settled_at is None:
        raise errors.Interrupted()
    if call.outcome != spending.OK or call.reply is None:
        raise errors.of_code(call.outcome)
    return Reply(call.reply["data"], Tokens(*call.reply["tokens"]), call.model)
