"""How good the analyst is: a corpus, ideas with their known competitors, and the real pipeline on them."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from accounts import language_models, spending
from accounts.models import Principal
from manticscore.errors import EmptyInput, EmptyOutput
from realtime import runs
from realtime.models import Event, StageResult, Stream
from realtime.topics import Channel
from research.analyst import reading
from research.corpus import catalogue, importing, indexing
from research.models import Evidence, ResearchJob, Source
from research.pipeline import market
from research.results import artifacts

ORIGIN = "evaluation"
LABELLED = catalogue.DATA / "labelled.jsonl"
TOP_PRECISION = 10
TOP_RECALL = 20
UNRESEARCHABLE = {"", EmptyInput.code, EmptyOutput.code}


class BadInput(ValueError):
    """A file that cannot be evaluated; the message says which and why."""


@dataclass(frozen=True, slots=True)
class Case:
    """An idea and the ids of the corpus's products that compete with it.

    Where somebody labelled them too: the largest and the young ones among those products, and what the
    market lacks. A lack may be worded in several ways.
    """

    idea: str
    relevant: frozenset[str]
    incumbents: frozenset[str] = frozenset()
    emerging: frozenset[str] = frozenset()
    gaps: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class Run:
    """One execution of the pipeline: products in the order of the search stage, and what came of them."""

    found: list[str]
    seconds: float
    artifact_hash: str
    error: str
    rows: int
    proved_rows: int
    listed: frozenset[str] = frozenset()
    micro_usd: int = 0
    incumbents: frozenset[str] = frozenset()
    emerging: frozenset[str] = frozenset()
    gaps: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Outcome:
    """A case with its two runs; the second only tells whether the first can be repeated.

    A language model is paid, and need not repeat itself: there both are the same run.
    """

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
    def listed_precision(self) -> float:
        """The share of the products in the artifact that compete."""
        listed = self.run.listed
        return len(listed & self.case.relevant) / len(listed) if listed else 0.0

    @property
    def gaps_that_hold(self) -> int:
        """How many gaps of the artifact somebody labelled."""
        return sum(any(says(gap, label) for label in self.case.gaps) for gap in self.run.gaps)

    @property
    def gaps_found(self) -> int:
        """How many labelled gaps the artifact has."""
        return sum(any(says(gap, label) for gap in self.run.gaps) for label in self.case.gaps)

    @property
    def failed(self) -> bool:
        """Whether a run broke, as opposed to finding nothing: then the figures are not the analyst's."""
        return not {self.run.error, self.again.error} <= UNRESEARCHABLE

    @property
    def identical(self) -> bool:
        return bool(self.run.artifact_hash) and self.run.artifact_hash == self.again.artifact_hash


def says(gap: str, label: Sequence[str]) -> bool:
    """Whether a gap has all words of one of the label's wordings, whatever their ending."""
    said = {token.stem for token in reading.read(gap)}
    return any({token.stem for token in reading.read(wording)} <= said for wording in label)


def hits(outcome: Outcome, places: int) -> int:
    return len(outcome.case.relevant.intersection(outcome.run.found[:places]))


@dataclass(frozen=True, slots=True)
class Summary:
    """Means over the ideas; seconds and rows over all runs; stages and gaps over all labels there are."""

    precision: float
    recall: float
    plain_recall: float
    valid_quotes: float
    identical: int
    cases: int
    p50: float
    p95: float
    listed_precision: float = 0.0
    micro_usd: float = 0.0
    incumbents: float | None = None
    emerging: float | None = None
    gap_precision: float | None = None
    gap_recall: float | None = None
    repeated: bool = True


def summarise(outcomes: Sequence[Outcome]) -> Summary:
    executed = [run for outcome in outcomes for run in (outcome.run, outcome.again)]
    rows = sum(run.rows for run in executed)
    p50, p95 = np.percentile([run.seconds for run in executed], [50, 95])
    return Summary(
        precision=float(np.mean([outcome.precision for outcome in outcomes])),
        recall=float(np.mean([outcome.recall for outcome in outcomes])),
        plain_recall=float(np.mean([outcome.plain_recall for outcome in outcomes])),
        valid_quotes=sum(run.proved_rows for run in executed) / rows if rows else 0.0,
        identical=sum(outcome.identical for outcome in outcomes),
        cases=len(outcomes),
        p50=float(p50),
        p95=float(p95),
        listed_precision=float(np.mean([outcome.listed_precision for outcome in outcomes])),
        micro_usd=float(np.mean([outcome.run.micro_usd for outcome in outcomes])),
        incumbents=share((one.case.incumbents & one.run.incumbents, one.case.incumbents) for one in outcomes),
        emerging=share((one.case.emerging & one.run.emerging, one.case.emerging) for one in outcomes),
        repeated=any(outcome.run is not outcome.again for outcome in outcomes),
        **gap_figures([outcome for outcome in outcomes if outcome.case.gaps]),
    )


def share(counted: Iterable[tuple[Collection[str], Collection[str]]]) -> float | None:
    """Part of whole over all pairs; None where there is nothing to count."""
    pairs = [(len(part), len(whole)) for part, whole in counted]
    return ratio(sum(part for part, _ in pairs), sum(whole for _, whole in pairs))


def gap_figures(labelled: Sequence[Outcome]) -> dict[str, float | None]:
    """Of the gaps told, those that hold; of the labelled ones, those that were told."""
    told = sum(len(outcome.run.gaps) for outcome in labelled)
    known = sum(len(outcome.case.gaps) for outcome in labelled)
    return {
        "gap_precision": ratio(sum(outcome.gaps_that_hold for outcome in labelled), told),
        "gap_recall": ratio(sum(outcome.gaps_found for outcome in labelled), known),
    }


def ratio(part: int, whole: int) -> float | None:
    return part / whole if whole else None


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
    stages = {name: row.get(name, []) for name in ("incumbents", "emerging")}
    for name, labels in {"relevant": relevant, **stages}.items():
        if not isinstance(labels, list) or not all(isinstance(key, str | int) for key in labels):
            raise BadInput(f'{place}: "{name}" must hold product ids only')
    return Case(
        idea, ids(relevant), **{name: ids(keys) for name, keys in stages.items()}, gaps=wordings(row, place)
    )


def ids(keys: Iterable[str | int]) -> frozenset[str]:
    return frozenset(str(key).strip() for key in keys)


def wordings(row: dict[str, Any], place: str) -> tuple[tuple[str, ...], ...]:
    """The labelled gaps, each a list of its wordings."""
    gaps = row.get("gaps", [])
    if not isinstance(gaps, list) or not all(is_worded(gap) for gap in gaps):
        raise BadInput(f'{place}: "gaps" must be a list of lists of words')
    return tuple(tuple(gap) for gap in gaps)


def is_worded(gap: Any) -> bool:
    return (
        isinstance(gap, list)
        and bool(gap)
        and all(isinstance(text, str) and reading.read(text) for text in gap)
    )


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
    labelled = {key for case in cases for key in case.relevant | case.incumbents | case.emerging}
    if known.isdisjoint(labelled):
        raise BadInput("none of the labelled products is in the corpus")
    return sorted(labelled - known)


# --- Runs ------------------------------------------------------------------------------------


def load(records: Sequence[importing.Record], progress: indexing.Progress) -> None:
    """Import and index the corpus, as an operator would."""
    for batch in importing.batches(records):
        importing.store(ORIGIN, batch)
    indexing.index(progress)


def has_model() -> bool:
    """Whether a language model is configured, so that its path can be measured too."""
    return any(map(language_models.is_configured, language_models.DEFAULTS))


def evaluate(cases: Sequence[Case], as_of: date) -> Iterator[Outcome]:
    """The offline analyst on every case twice, the second time to see whether the artifact is the same."""
    owner = Principal.new_anonymous()
    keys = {str(pk): key for pk, key in Source.objects.values_list("id", "key")}
    for case in cases:
        first, second = (execute(owner, case.idea, as_of, keys, refined=False) for _ in range(2))
        yield Outcome(case, first, second)


def evaluate_model(cases: Sequence[Case], as_of: date) -> Iterator[Outcome]:
    """The language model's path on every case once."""
    owner = Principal.new_anonymous()
    keys = {str(pk): key for pk, key in Source.objects.values_list("id", "key")}
    for case in cases:
        run = execute(owner, case.idea, as_of, keys, refined=True)
        yield Outcome(case, run, run)


def execute(owner: Principal, idea: str, as_of: date, keys: dict[str, str], *, refined: bool) -> Run:
    """A research run, and what came of it."""
    started = time.perf_counter()
    job = research(owner, idea, as_of, refined=refined)
    seconds = time.perf_counter() - started
    search = StageResult.objects.filter(stream=job.pk, stage="search").first()
    found = [keys[source_id] for source_id, _ in search.output["scores"]] if search else []
    error = Event.objects.filter(stream=job.pk, type="error").values_list("data__code", flat=True).first()
    proofs = list(proved_rows(job))
    return Run(
        found,
        seconds,
        job.artifact_hash,
        error or "",
        len(proofs),
        sum(proofs),
        micro_usd=spending.spent_by_run(job.pk).micro_usd,
        **told(job.artifact or {}, keys),
    )


def research(owner: Principal, idea: str, as_of: date, *, refined: bool = False) -> ResearchJob:
    """A run as a worker does it, with its event stream, checkpoints and stored artifact."""
    stream = Stream.objects.create(id=uuid.uuid4(), owner=owner, channel=Channel.RESEARCH, title=idea[:120])
    job = ResearchJob.objects.create(stream=stream, owner=owner, idea=idea, as_of=as_of)
    runs.execute(job.pk, market.pipeline(), partial(market.context, job, refined=refined, live=False))
    job.refresh_from_db()
    return job


def told(artifact: dict[str, Any], keys: dict[str, str]) -> dict[str, Any]:
    """What the artifact lists: products by the first source that is quoted for each, gaps by their label."""
    stages = {
        stage: frozenset(keys[row["evidence"][0]["source_id"]] for row in artifact.get(stage, []))
        for stage in artifacts.PLAYERS
    }
    return {
        "listed": frozenset().union(*stages.values()),
        "incumbents": stages["incumbents"],
        "emerging": stages["emerging"],
        "gaps": tuple(row["label"] for row in artifact.get("gaps", [])),
    }


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
