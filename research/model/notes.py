"""What a refined stage leaves behind, beside its output, for the artifact to tell."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from research.analyst.quotes import identity
from research.schemas import ModelFailure, PromptUse, RowChange, Sentence, Shape

MAX_REASON = 200

Kind = Literal["query", "source", "competitor", "feature", "gap", "section", "positioning"]
Action = Literal["added", "changed", "dropped"]


class StageNotes(Shape):
    """One stage's part of the artifact's `refinement`."""

    stage: str
    model: str = ""
    own_key: bool = False
    prompts: list[PromptUse] = []
    rows: list[RowChange] = []
    rejected: int = 0
    failure: ModelFailure | None = None
    problem: str = ""
    users: list[str] = []
    positioning: Sentence | None = None


@dataclass(slots=True)
class Log:
    """Collects what happens to rows while an answer is applied."""

    rows: list[RowChange] = field(default_factory=list)
    rejected: int = 0

    def add(self, action: Action, kind: Kind, row_id: str, label: str, reason: str = "") -> None:
        row = RowChange(kind=kind, row_id=row_id, action=action, label=label, reason=reason[:MAX_REASON])
        self.rows.append(row)

    def reject(self, number: int = 1) -> None:
        self.rejected += number

    def told(self) -> str:
        """In words, for people who watch the run."""
        counts = {
            action: sum(row.action == action for row in self.rows)
            for action in ("added", "changed", "dropped")
        }
        done = (
            ", ".join(f"{number} {action}" for action, number in counts.items() if number)
            or "nothing changed"
        )
        return f"{done}; {self.rejected} proposals without proof left out" if self.rejected else done


def row_id(kind: str, text: str) -> str:
    """The id of a row that has no other: the same text always gets the same."""
    return identity(kind, "model", text.casefold())
