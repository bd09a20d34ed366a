"""What `make bench` measures: a module for each thing, with a floor from the same run where there is one.

Absolute figures say more about the machine than about us; ratios to a bare psycopg loop on the same
server, in rounds that alternate with ours, can be compared and therefore required.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

Note = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Measurement:
    """One figure. With `required` it must be at least that; `rounds` are the values it is the median of."""

    name: str
    value: float
    unit: str
    required: float | None = None
    rounds: tuple[float, ...] = ()

    @property
    def passed(self) -> bool:
        return self.required is None or self.value >= self.required

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "passed": self.passed}
