"""A language model that says what it is told to, for tests and demonstrations without a provider."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

from manticscore.clients.llm.errors import LlmError
from manticscore.clients.llm.interface import Reply, Request, Tokens
from manticscore.clients.llm.prices import Rates
from manticscore.clients.llm.reading import read_object

Line = str | dict[str, Any] | LlmError | Callable[[Request], str | dict[str, Any]]

RATES = Rates(1.0, 5.0)


class ScriptedModel:
    """Answers with its lines in order: a text, an object, an error, or what a function makes of the request.

    The last line is repeated. Token counts follow from lengths, so the same script costs the same.
    """

    def __init__(self, lines: Iterable[Line], name: str = "scripted:model") -> None:
        self.name = name
        self.requests: list[Request] = []
        self._lines = list(lines)

    def complete(self, request: Request) -> Reply:
        line = self._lines[min(len(self.requests), len(self._lines) - 1)]
        self.requests.append(request)
        if isinstance(line, LlmError):
            raise line
        said = line(request) if callable(line) else line
        text = said if isinstance(said, str) else json.dumps(said)
        tokens = Tokens(len(request.system + request.user) // 4, len(text) // 4)
        return Reply(read_object(text), tokens, self.name)

    def cost(self, tokens: Tokens) -> int:
        return RATES.micro_usd(tokens)
