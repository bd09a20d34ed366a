"""What is asked of a language model and what comes back."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

BYTES_PER_TOKEN = 3  # rather too few, so that an estimate is rather too high
OVERHEAD = 200  # tokens that a provider adds around a request


@dataclass(frozen=True, slots=True)
class Tokens:
    """How much was read and written; what a call is paid by."""

    read: int = 0
    written: int = 0

    @property
    def total(self) -> int:
        return self.read + self.written


@dataclass(frozen=True, slots=True)
class Request:
    """A question with the JSON schema of its answer.

    `system` says what to do and is ours; `user` is the material, which anybody may have written.
    """

    system: str
    user: str
    schema: Mapping[str, Any] = field(hash=False)
    name: str = "answer"
    max_tokens: int = 4_000
    timeout: float = 60.0

    @property
    def at_most(self) -> Tokens:
        """No less than what a call can cost."""
        text = "".join([self.system, self.user, json.dumps(self.schema)])
        return Tokens(len(text.encode()) // BYTES_PER_TOKEN + OVERHEAD, self.max_tokens)

    def fingerprint(self, model: str) -> str:
        """The same for the same question to the same model. How long one may wait does not matter."""
        parts = [model, self.system, self.user, self.schema, self.name, self.max_tokens]
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer: a JSON object, not yet checked against anything but being one."""

    data: dict[str, Any]
    tokens: Tokens
    model: str


class Model(Protocol):
    """A language model that somebody pays for."""

    @property
    def name(self) -> str:
        """What it is called in ledgers, as `anthropic:claude-...`."""

    def complete(self, request: Request) -> Reply:
        """Ask once. Raises LlmError."""

    def cost(self, tokens: Tokens) -> int:
        """What so many tokens cost, in millionths of a dollar."""
