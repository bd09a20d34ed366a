"""The artifact's `refinement`: everything that stages noted, and what the language model cost."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from accounts import spending
from accounts.models import ModelCall
from research.model.notes import StageNotes
from research.schemas import Landscape, ModelSpending, Refinement


def with_refinement(landscape: Landscape, notes: Sequence[StageNotes], run_id: UUID) -> Landscape:
    """The landscape that says what the model did to it. It is the model's only where a stage was refined."""
    block = refinement(notes, spending.of_run(run_id))
    refined = any(note.failure is None for note in notes)
    provenance = landscape.provenance.model_copy(update={"analyst": "model" if refined else "extractive"})
    return landscape.model_copy(update={"refinement": block, "provenance": provenance})


def refinement(notes: Sequence[StageNotes], calls: Sequence[ModelCall]) -> Refinement:
    last = notes[-1]  # a key may be stored or removed between two executions of a run
    rows = [row for note in notes for row in note.rows]
    failures = [note.failure for note in notes if note.failure is not None]
    return Refinement(
        model=last.model,
        own_key=last.own_key,
        degraded=bool(failures),
        prompts=[prompt for note in notes for prompt in note.prompts],
        problem=next((note.problem for note in notes if note.problem), ""),
        users=[user for note in notes for user in note.users],
        positioning=next((note.positioning for note in notes if note.positioning), None),
        added=sum(row.action == "added" for row in rows),
        changed=sum(row.action == "changed" for row in rows),
        dropped=sum(row.action == "dropped" for row in rows),
        rejected=sum(note.rejected for note in notes),
        rows=rows,
        failures=failures,
        calls=[spent(call) for call in calls],
        tokens_in=sum(call.tokens_in for call in calls),
        tokens_out=sum(call.tokens_out for call in calls),
        cost_micro_usd=sum(call.micro_usd for call in calls),
    )


def spent(call: ModelCall) -> ModelSpending:
    return ModelSpending(
        stage=call.stage,
        model=call.model,
        outcome=call.outcome,
        tokens_in=call.tokens_in,
        tokens_out=call.tokens_out,
        cost_micro_usd=call.micro_usd,
        duration_ms=call.duration_ms,
        settled=call.settled_at is not None,
    )
