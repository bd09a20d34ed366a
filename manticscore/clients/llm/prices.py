"""What tokens cost. Known prices come from the table of genai-prices, which is part of its release."""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import Decimal

from manticscore.clients.llm.interface import Tokens

MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class Rates:
    """Dollars per million tokens; also millionths of a dollar per token."""

    read: float
    written: float

    def micro_usd(self, tokens: Tokens) -> int:
        return math.ceil(tokens.read * self.read + tokens.written * self.written)


def micro_usd(provider: str, model: str, tokens: Tokens, unknown: Rates) -> int:
    """Millionths of a dollar, rounded up; at `unknown` rates when the model is in no table."""
    from genai_prices import Usage, calc_price  # a large table, not needed by most processes

    usage = Usage(input_tokens=tokens.read, output_tokens=tokens.written)
    try:
        price: Decimal = calc_price(usage, model, provider_id=provider).total_price
    except LookupError:
        return unknown.micro_usd(tokens)
    return math.ceil(price * MILLION)
