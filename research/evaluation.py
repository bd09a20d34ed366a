"""How good the analyst is: a corpus, ideas with their known competitors, and the real pipeline on them."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

from accounts.models import Principal
from manticscore.errors import EmptyInput, EmptyOutput
from realtime.models import Event, StageResult, Stream
from realtime.topics import Channel
from research import importing, indexing
from research.models import Evidence, ResearchJob, Source
from research.tasks import run_research

ORIGIN = "evaluation"
TOP_PRECISION = 10
TOP_RECALL = 20
UNRESEARCHABLE = {"", EmptyInput.code, EmptyOutput.code}


class BadInput(ValueError):
    """A file that cannot be evaluated; the message says which and why."""


@dataclass(frozen=True, slots=True)
class Case:
    """An idea and the ids of the corpus's products that compete with it."""

    idea: str
    relevant: frozenset[str]


@dataclass(frozen=True, slots=True)
class Run:
    """One execution of the pipeline: products in the order of the search stage, and what came of them."""

    found: list[str]
    seconds: float
    artifact_hash: str
    error: str
    rows: int
    proved_rows: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """A case with its two runs; the second only tells whether the first can be repeated."""

    case: Case
    run: Run
    again: Run

    @property
    def precision(self) -> float:
        return hits(self, TOP_PRECISION) / TOP_PRECISION

    @property
    def recall(self) -> float:
        """Hits over what 20 places can hold: a perfect ranking of 55 competitors finds 20 of them there."""
        return hits(self, TOP_RECALL) / min(TOP_RECALL, len(self.case.relevant))

    @property
    def plain_recall(self) -> float:
        return hits(self, TOP_RECALL) / len(self.case.relevant)

    @property
    def failed(self) -> bool:
        """Whether a run broke, as opposed to finding nothing: then the figures are not the analyst's."""
        return not {self.run.error, self.again.error} <= UNRESEARCHABLE

    @property
    def identical(self) -> bool:
        return bool(self.run.artifact_hash) and self.run.artifact_hash == self.again.artifact_hash


def hits(outcome: Outcome, places: int) -> int:
    return len(outcome.case.relevant.intersection(outcome.run.found[:places]))


@dataclass(frozen=True, slots=True)
class Summary:
    """Means over the ideas; seconds and rows over all runs."""

    precision: float
    recall: float
    plain_recall: float
    valid_quotes: float
    identical: int
    cases: int
    p50: float
    p95: float


def summarise(outcomes: Sequence[Outcome]) -> Summary:
    runs_made = [run for outcome in outcomes for run in (outcome.run, outcome.again)]
    rows = sum(run.rows for run in runs_made)
    p50, p95 = np.percentile([run.seconds for run in runs_made], [50, 95])
    return Summary(
        precision=float(np.mean([outcome.precision for outcome in outcomes])),
        recall=float(np.mean([outcome.recall for outcome in outcomes])),
        plain_recall=float(np.mean([outcome.plain_recall for outcome in outcomes])),
        valid_quotes=sum(run.proved_rows for run in runs_made) / rows if rows else 0.0,
        identical=sum(outcome.identical for outcome in outcomes),
        cases=len(outcomes),
        p50=float(p50),
        p95=float(p95),
    )


# --- Files -----------------------------------------------------------------------------------


def read_cases(path: Path) -> list[Case]:
    """The labelled ideas. Any line that is not one stops the evaluation: a smaller set has other figures."""
    cases = [case(row, f"{path.name}:{number}") for number, row in json_lines(path)]
    if not cases:
        raise BadInput(f"{path.name} holds no ideas")
    return cases


def case(row: Any, place: str) -> Case:
    idea = row.get("idea") if isinstance(row, dict) else None
    relevant = row.get("relevant") if isinstance(row, dict) else None
    if not isinstance(idea, str) or not idea.strip():
        raise BadInput(f'{place}: "idea" must be a text')
    if not isinstance(relevant, list) or not relevant:
        raise BadInput(f'{place}: "relevant" must be a list of product ids')
    if not all(isinstance(key, str | int) for key in relevant):
        raise BadInput(f'{place}: "relevant" must hold product ids only')
    return Case(idea, frozenset(str(key).strip() for key in relevant))


def json_lines(path: Path) -> Iterator[tuple[int, Any]]:
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise BadInput(f"{path.name} is not UTF-8 text") from None
    for number, line in enumerate(lines, 1):
        if line.strip():
            try:
                yield number, json.loads(line)
            except (ValueError, RecursionError) as error:
                raise BadInput(f"{path.name}:{number}: not valid JSON: {error}") from None


def read_corpus(path: Path) -> tuple[list[importing.Record], list[str]]:
    """The corpus's records and one message per record that an import would refuse."""
    records: list[importing.Record] = []
    refused: list[str] = []
    for number, row in rows(path):
        try:
            records.append(importing.parse(row))
        except importing.BadRecord as error:
            refused.append(f"{path.name}:{number}: {error}")
    if not records:
        raise BadInput(refused[0] if refused else f"{path.name} holds no products")
    return records, refused


def rows(path: Path) -> Iterator[tuple[int, Any]]:
    if path.suffix.lower() != ".csv":
        for number, row in json_lines(path):
            if not isinstance(row, dict):
                raise BadInput(f"{path.name}:{number}: not a JSON object")
            yield number, row
        return
    try:
        for number, row in importing.read_csv(path):
            if isinstance(row, importing.BadRecord):
                raise BadInput(f"{path.name}:{number}: {row}")
            yield number, row
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror}") from None


def check_labels(cases: Sequence[Case], records: Sequence[importing.Record]) -> list[str]:
    """Ids that are labelled but not in the corpus, which no ranking can find."""
    known = {record.key for record in records}
    labelled = {key for case in cases for key in case.relevant}
    if known.isdisjoint(labelled):
        raise BadInput("none of the labelled products is in the corpus")
    return sorted(labelled - known)


# --- Runs ------------------------------------------------------------------------------------


def load(records: Sequence[importing.Record], progress: indexing.Progress) -> None:
    """Import and index the corpus, as an operator would."""
    for batch in importing.batches(records):
        importing.store(ORIGIN, batch)
    indexing.index(progress)


def evaluate(cases: Sequence[Case], as_of: date) -> Iterator[Outcome]:
    """Every case twice, the second time to see whether the artifact is the same."""
    owner = Principal.new_anonymous()
    keys = {str(pk): key for pk, key in Source.objects.values_list("id", "key")}
    for case in cases:
        yield Outcome(case, execute(owner, case.idea, as_of, keys), execute(owner, case.idea, as_of, keys))


def execute(owner: Principal, idea: str, as_of: date, keys: dict[str, str]) -> Run:
    """A research run as a worker does it, with its event stream, checkpoints and stored artifact."""
    stream = Stream.objects.create(id=uuid.uuid4(), owner=owner, channel=Channel.RESEARCH, title=idea[:120])
    job = ResearchJob.objects.create(stream=stream, owner=owner, idea=idea, as_of=as_of)
    started = time.perf_counter()
    run_research(stream_id=str(job.pk))
    seconds = time.perf_counter() - started
    job.refresh_from_db()
    search = StageResult.objects.filter(stream=stream, stage="search").first()
    found = [keys[source_id] for source_id, _ in search.output["scores"]] if search else []
    error = Event.objects.filter(stream=stream, type="error").values_list("data__code", flat=True).first()
    proofs = list(proved_rows(job))
    return Run(found, seconds, job.artifact_hash, error or "", len(proofs), sum(proofs))


# --- Quotes ----------------------------------------------------------------------------------


def proved_rows(job: ResearchJob) -> Iterator[bool]:
    """For every row of the stored artifact and of the stored evidence, whether its sources still say it.

    Reads what was written, by its JSON alone: the check shares no code with the stage that wrote it.
    """
    texts = {str(pk): text for pk, text in Source.objects.values_list("id", "text")}
    for quotes in quoted_rows(job.artifact):
        yield bool(quotes) and all(stands(quote, texts) for quote in quotes)
    for row in Evidence.objects.filter(job=job):
        yield texts[str(row.source_id)][row.start : row.end] == row.quote


def quoted_rows(node: Any) -> Iterator[list[Any]]:
    """The quotes of every row that makes a claim: `evidence`, or a matrix cell that is not unknown."""
    if isinstance(node, list):
        for item in node:
            yield from quoted_rows(item)
    if isinstance(node, dict):
        if "evidence" in node:
            yield node["evidence"]
        if node.get("state") in ("present", "absent"):
            yield [node["quote"]]
        for item in node.values():
            yield from quoted_rows(item)


def stands(quote: Any, texts: dict[str, str]) -> bool:
    if not isinstance(quote, dict) or not str(quote["text"]).strip():
        return False
    return bool(texts.get(quote["source_id"], "")[quote["start"] : quote["end"]] == quote["text"])
