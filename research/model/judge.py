"""Judge, refined: verdicts on sources.

Whoever raises a source must quote it, and so many must stay that lowering them cannot empty a run.
"""

from __future__ import annotations

from collections.abc import Sequence

from manticscore.clients.llm import errors
from research.analyst import judging
from research.analyst.judging import Judgement
from research.model import answers
from research.model.assistant import Assistant, Question
from research.model.notes import Log, StageNotes
from research.model.sources import Shown
from research.pipeline.context import MarketContext

MAX_TOKENS = 4_000
MAX_SOURCES = 30
MIN_RELEVANCE = 0.1  # below it, a source is not worth asking about
DIRECT_RELEVANCE = 0.5
UNRELATED_RELEVANCE = 0.05
# Sources are written by strangers, who may ask for a verdict against others: so much stays in any case.
MIN_LEFT = 3
MIN_SHARE_LEFT = 0.5

Changed = dict[str, Judgement]


def refine(context: MarketContext, assistant: Assistant) -> tuple[list[Judgement], StageNotes]:
    """All judgements, some of them changed. Raises LlmError."""
    judgements = context.judgements or []
    ranked = sorted(context.judged(), key=lambda item: (-item[1].relevance, item[0].id))
    shown = Shown([item for item in ranked if item[1].relevance >= MIN_RELEVANCE], MAX_SOURCES)
    if not len(shown):
        return judgements, StageNotes(stage="judge")
    material = {"idea": context.idea, "sources": shown.material()}
    question = Question("judge", "judge", material, answers.Verdicts, MAX_TOKENS)
    accepted = assistant.ask(question, lambda answer, unread: accept(shown, judgements, answer, unread))
    if accepted is None:
        raise errors.BadOutput()
    changed, log = accepted
    refined = [changed.get(judgement.document_id, judgement) for judgement in judgements]
    return refined, StageNotes(stage="judge", rows=log.rows, rejected=log.rejected)


def accept(
    shown: Shown, judgements: Sequence[Judgement], answer: answers.Verdicts, unread: int
) -> tuple[Changed, Log] | None:
    """None when not a single verdict is about a source that was shown and, if it needs one, has its quote."""
    log = Log(rejected=unread)
    verdicts: dict[str, answers.Verdict] = {}
    for verdict in answer.verdicts:
        if is_proved(verdict, shown) and verdict.source not in verdicts:
            verdicts[verdict.source] = verdict
        else:
            log.reject()
    if not verdicts:
        return None
    changed = raised(shown, verdicts, log)
    changed |= lowered(shown, judgements, verdicts, log)
    return changed, log


def is_proved(verdict: answers.Verdict, shown: Shown) -> bool:
    if shown.get(verdict.source) is None:
        return False
    return verdict.verdict != "direct" or shown.quote(verdict.source, verdict.quote) is not None


def raised(shown: Shown, verdicts: dict[str, answers.Verdict], log: Log) -> Changed:
    changed: Changed = {}
    for ref, document, judgement in shown.items():
        verdict = verdicts.get(ref)
        if verdict is None or verdict.verdict != "direct" or (judgement.kept and not judgement.adjacent):
            continue
        relevance = max(judgement.relevance, DIRECT_RELEVANCE)
        changed[document.id] = with_relevance(judgement, relevance, adjacent=False)
        log.add(
            "changed" if judgement.kept else "added", "source", document.id, document.name, verdict.reason
        )
    return changed


def lowered(
    shown: Shown, judgements: Sequence[Judgement], verdicts: dict[str, answers.Verdict], log: Log
) -> Changed:
    """The least relevant first, as long as enough sources are left."""
    kept = sum(judgement.kept for judgement in judgements)
    may_go = kept - max(MIN_LEFT, round(kept * MIN_SHARE_LEFT))
    doomed = [
        (document, judgement, verdicts[ref])
        for ref, document, judgement in shown.items()
        if ref in verdicts and verdicts[ref].verdict == "unrelated" and judgement.kept
    ]
    ranked = sorted(doomed, key=lambda item: (item[1].relevance, item[0].id))
    log.reject(max(0, len(ranked) - max(0, may_go)))
    changed: Changed = {}
    for document, judgement, verdict in ranked[: max(0, may_go)]:
        changed[document.id] = with_relevance(judgement, UNRELATED_RELEVANCE, judgement.adjacent)
        log.add("dropped", "source", document.id, document.name, verdict.reason)
    return changed


def with_relevance(judgement: Judgement, relevance: float, adjacent: bool) -> Judgement:
    weight = judging.evidence_weight(
        relevance, judgement.authority, judgement.freshness, judgement.independence
    )
    reasons = {**judgement.reasons, "before_the_model": judgement.relevance}
    update = {
        "relevance": relevance,
        "adjacent": adjacent,
        "fit": "direct",
        "weight": round(weight, judging.DECIMALS),
        "reasons": reasons,
    }
    return judgement.model_copy(update=update)
