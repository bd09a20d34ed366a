"""A language model at an HTTP address."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from manticscore.clients import lookups
from manticscore.clients.llm import prices
from manticscore.clients.llm.interface import Reply, Request, Tokens
from manticscore.clients.llm.prices import Rates

ANTHROPIC, OPENAI = "anthropic", "openai"


@dataclass(frozen=True, slots=True)
class HttpModel:
    """A model at an address. The key is asked for at the moment of a call and kept nowhere.

    `rates` are for models whose price nobody knows; with `fixed` they are for this one in any case.
    """

    provider: str
    model: str
    url: str
    key: Callable[[], str] = field(repr=False)
    rates: Rates
    fixed: bool = False

    @property
    def name(self) -> str:
        return f"{self.provider}:{self.model}"

    def cost(self, tokens: Tokens) -> int:
        if self.fixed:
            return self.rates.micro_usd(tokens)
        return prices.micro_usd(self.provider, self.model, tokens, self.rates)

    def complete(self, request: Request) -> Reply:
        """For threads without an event loop."""
        # Not before it is needed: loading it takes longer than all the rest of a start.
        from manticscore.clients.llm import providers

        return lookups.run(providers.ask(self, request, self.key()))
