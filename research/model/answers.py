"""What a language model is asked to answer with, and how an answer is read: row by row."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeVar, get_args, get_origin

from pydantic import BaseModel, ConfigDict, StringConstraints, TypeAdapter, ValidationError

MAX_ROWS = 60  # of one kind; what follows is not looked at

Text = Annotated[str, StringConstraints(strip_whitespace=True, max_length=1200)]
Label = Annotated[str, StringConstraints(strip_whitespace=True, min_length=2, max_length=80)]
Ref = Annotated[str, StringConstraints(strip_whitespace=True, max_length=12)]


class Answer(BaseModel):
    """Fields that nobody asked for are passed over."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class Interpretation(Answer):
    problem: Text = ""
    users: list[Label] = []
    search_phrases: list[Label] = []


class Verdict(Answer):
    source: Ref
    verdict: Literal["direct", "related", "unrelated"]
    quote: Text = ""
    reason: Text = ""


class Verdicts(Answer):
    verdicts: list[Verdict] = []


class Citation(Answer):
    source: Ref
    quote: Text


class Player(Answer):
    id: Ref = ""
    name: Label
    stage: Literal["incumbent", "emerging", "established niche"]
    quotes: list[Citation] = []
    reason: Text = ""


class Proof(Citation):
    state: Literal["present", "absent"]


class Feature(Answer):
    id: Ref = ""
    label: Label
    proofs: list[Proof] = []


class Gap(Answer):
    label: Label
    reason: Text = ""
    quotes: list[Citation] = []


class Drop(Answer):
    id: Ref
    reason: Text = ""


class Analysis(Answer):
    players: list[Player] = []
    features: list[Feature] = []
    gaps: list[Gap] = []
    dropped: list[Drop] = []


class Sentence(Answer):
    text: Text
    evidence: list[Ref] = []


class Section(Answer):
    key: Literal["market", "incumbents", "emerging", "features", "gaps", "signals"]
    sentences: list[Sentence] = []


class Summary(Answer):
    sections: list[Section] = []
    positioning: Sentence | None = None


Shape = TypeVar("Shape", bound=Answer)


def read(shape: type[Shape], data: dict[str, Any]) -> tuple[Shape, int]:
    """The answer without what does not have its form, and how many rows that were."""
    kept: dict[str, Any] = {}
    refused = 0
    for name, field in shape.model_fields.items():
        if name not in data:
            continue
        if get_origin(field.annotation) is list:
            kept[name], bad = _rows(get_args(field.annotation)[0], data[name])
            refused += bad
        elif _fits(field.annotation, data[name]):
            kept[name] = data[name]
        else:
            refused += 1
    return shape.model_validate(kept), refused


def _rows(kind: Any, found: Any) -> tuple[list[Any], int]:
    if not isinstance(found, list):
        return [], 1
    good = [row for row in found[:MAX_ROWS] if _fits(kind, row)]
    return good, len(found) - len(good)


def _fits(kind: Any, value: Any) -> bool:
    try:
        TypeAdapter(kind).validate_python(value)
    except (ValidationError, RecursionError):
        return False
    return True
