"""Asking a language model for one stage: prompt, material, shape, and one strict repetition."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar
from uuid import UUID

from django.conf import settings

from accounts import language_models
from accounts.metering import Meter
from manticscore.clients.llm import Request, errors
from research.model import answers, prompts
from research.model.answers import Shape
from research.schemas import PromptUse

Accepted = TypeVar("Accepted")
STRICT = "strict"


@dataclass(frozen=True, slots=True)
class Question(Generic[Shape]):
    """What a stage asks. `reserved` stages may use what is kept for telling what was found."""

    stage: str
    prompt: str
    material: Mapping[str, Any]
    shape: type[Shape]
    max_tokens: int
    reserved: bool = False


@dataclass(slots=True)
class Assistant:
    """A metered language model at work on one run."""

    meter: Meter
    timeout: float = 60.0
    asked: list[PromptUse] = field(default_factory=list)
    hopeless: errors.LlmError | None = None

    @property
    def model(self) -> str:
        return self.meter.model.name

    def ask(
        self, question: Question[Shape], accept: Callable[[Shape, int], Accepted | None]
    ) -> Accepted | None:
        """What `accept` makes of the answer and the number of its rows that could not be read.

        An answer that is unusable, or of which it accepts nothing, is asked for once more, strictly. None
        when nothing was accepted then either. Raises LlmError; where a key was refused, without asking again.
        """
        if self.hopeless is not None:
            raise self.hopeless
        failure: errors.BadOutput | None = None
        for strict in (False, True):
            try:
                reply = self.meter.complete(
                    question.stage, self._request(question, strict), reserved=question.reserved, once=True
                )
            except (errors.KeyRejected, errors.QuotaExceeded, errors.RequestRejected) as error:
                self.hopeless = error
                raise
            except errors.EmptyReply:
                failure = None
            except errors.BadOutput as error:
                failure = error
            else:
                failure = None
                accepted = accept(*answers.read(question.shape, reply.data))
                if accepted is not None:
                    return accepted
        if failure is not None:
            raise failure
        return None

    def _request(self, question: Question[Shape], strict: bool) -> Request:
        used = [prompts.load(name) for name in ([question.prompt, STRICT] if strict else [question.prompt])]
        uses = [PromptUse(stage=question.stage, name=one.name, version=one.version) for one in used]
        self.asked += [use for use in uses if use not in self.asked]
        return Request(
            system="\n\n".join(prompt.text for prompt in used),
            user=json.dumps(question.material, ensure_ascii=False),
            schema=question.shape.model_json_schema(),
            name=question.prompt,
            max_tokens=question.max_tokens,
            timeout=self.timeout,
        )


def for_run(owner_id: str, run_id: UUID) -> Assistant | None:
    """The assistant of somebody's run; None where no language model is configured."""
    choice = language_models.choose(owner_id)
    if choice is None:
        return None
    return Assistant(Meter(choice.model, owner_id, run_id, choice.own_key), settings.LLM_TIMEOUT)
