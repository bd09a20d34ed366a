"""Making the corpus searchable: vectors for every source and passage, and its word statistics."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from django.db import connection, reset_queries, transaction
from django.db.models import Avg, Count, F, Func, IntegerField, QuerySet

from manticscore import locks
from research.analyst import text as texts
from research.analyst.documents import Embed, Vector
from research.corpus import spaces
from research.models import CorpusState, EmbeddingSpace, Passage, Source, Term

LEAD_WORDS = 60
BATCH = 64
FITTED_ON = 4000  # texts
MAX_STEM = 100  # characters; longer ones are no words, and PostgreSQL cannot index them

MOST_ADDED = 50  # sources at a time

# The counts of stems: first a row for each, then the change, then without those that occur nowhere now.
ADJUST_TERMS = """
    INSERT INTO research_term (stem, sources) SELECT unnest(%(stems)s::text[]), 0 ON CONFLICT DO NOTHING;
    UPDATE research_term SET sources = greatest(sources + moved.number, 0)
    FROM unnest(%(stems)s::text[], %(numbers)s::int[]) AS moved (stem, number)
    WHERE research_term.stem = moved.stem;
    DELETE FROM research_term WHERE sources = 0 AND stem = ANY (%(stems)s::text[])
"""
ADJUST_STATE = """
    UPDATE research_corpusstate SET revision = revision + 1, (sources, mean_length) = (
        SELECT count(*), coalesce(avg(cardinality(terms)), 0) FROM research_source
    ) WHERE id = 1
"""

Progress = Callable[[int, int], None]


def index(progress: Progress = lambda done, total: None) -> int:
    """Give every source vectors of the current space; returns how many got new ones.

    With MiniLM only what changed is embedded, a batch at a time, and a run that is interrupted goes on
    where it stopped. A space fitted on the corpus changes with it, so everything is embedded anew and
    appears in one step.
    """
    with locks.exclusive(locks.INDEX):
        return index_with_minilm(progress) if spaces.minilm() else index_with_corpus(progress)


def add(sources: QuerySet[Source]) -> bool:
    """Make these sources searchable in the space the corpus is in, without touching any others.

    For a few new pages during a run: the statistics are adjusted, not counted anew, and a space fitted on
    the corpus stays as it is until the next `index`. False when the corpus is being indexed meanwhile;
    then nothing is done, and the sources are found by the next call.
    """
    state = CorpusState.objects.select_related("space").filter(pk=1).first()
    if state is None or state.space is None:
        index()
        return True
    newest = sources.exclude(vector_model=state.space.id).order_by("-fetched_at", "id")[:MOST_ADDED]
    stale = sorted(newest, key=lambda source: source.pk)  # they are locked in this order, as everywhere
    vectors = [embedded(source, spaces.embedder(state.space.id)) for source in stale]
    with transaction.atomic():
        if not locks.taken_for_transaction(locks.INDEX) or not is_current(state):
            return False
        change: Counter[str] = Counter()
        for source, (passages, matrix) in zip(stale, vectors, strict=True):
            change.update(replaced(source, state.space, passages, matrix))
        adjust_statistics(change)
    return True


def recount() -> None:
    """Bring the statistics up to date after sources were deleted."""
    with locks.exclusive(locks.INDEX):
        state = CorpusState.objects.select_related("space").filter(pk=1).first()
        if state is not None and state.space is not None:
            refresh_statistics(state.space)


def is_current(state: CorpusState) -> bool:
    """Locks the state; False when the corpus has moved to another space since it was read."""
    return CorpusState.objects.select_for_update().filter(pk=1, space=state.space).exists()


def embedded(source: Source, embed: Embed) -> tuple[list[Passage], Vector]:
    """The source's passages, and vectors for itself and for them."""
    passages = list(source.passages.order_by("start"))
    sentences = [source.text[passage.start : passage.end] for passage in passages]
    return passages, embed([lead(source.name, source.text), *sentences])


def replaced(
    source: Source, space: EmbeddingSpace, passages: Sequence[Passage], vectors: Vector
) -> Counter[str]:
    """Store the vectors; returns in how many more sources each stem occurs now.

    Nothing is stored for a source that was changed, embedded or deleted meanwhile.
    """
    now = Source.objects.select_for_update(no_key=True).filter(
        pk=source.pk, name=source.name, text=source.text
    )
    current = now.exclude(vector_model=space.id).first()
    if current is None:
        return Counter()
    change = Counter({stem: -1 for stem in set(current.terms)})
    save_vectors(space, [current], passages, vectors)
    change.update(set(current.terms))
    return change


def adjust_statistics(change: Counter[str]) -> None:
    """Move the corpus to its next revision, with counts that changed by this much."""
    moved = {stem: number for stem, number in sorted(change.items()) if number}
    with connection.cursor() as cursor:
        cursor.execute(ADJUST_TERMS, {"stems": list(moved), "numbers": list(moved.values())})
        cursor.execute(ADJUST_STATE)


def is_complete() -> bool:
    """Whether every source has its vectors, in the space that this installation can embed queries in."""
    state = CorpusState.objects.filter(pk=1).first()
    if state is None or state.space_id is None:
        return False
    possible = (state.space_id == spaces.MINILM) == (spaces.minilm() is not None)
    return possible and not Source.objects.exclude(vector_model=state.space_id).exists()


def index_with_minilm(progress: Progress) -> int:
    space, _ = EmbeddingSpace.objects.get_or_create(id=spaces.MINILM)
    stale = list(Source.objects.exclude(vector_model=space.id).order_by("id").values_list("id", flat=True))
    embed = spaces.embedder(space.id)
    for start in range(0, len(stale), BATCH):
        batch = Batch.of(Source.objects.filter(id__in=stale[start : start + BATCH]), embed)
        with transaction.atomic():
            batch.save(space)
            if start + BATCH >= len(stale):
                refresh_statistics(space)  # with the last vectors, so that no interruption leaves it out
        reset_queries()  # with DEBUG=1 Django would keep every statement, vectors included
        progress(min(start + BATCH, len(stale)), len(stale))
    if not stale and not CorpusState.objects.filter(space=space).exists():
        refresh_statistics(space)
    return len(stale)


def index_with_corpus(progress: Progress) -> int:
    sources = Source.objects.order_by("id")
    content = [lead(name, text) for name, text in sources.values_list("name", "text")]
    if not content:
        return 0
    space, embed = spaces.fit(sample(content) + leads_of_background(content))
    count = sources.exclude(vector_model=space.id).count()
    if count:
        batch = Batch.of(sources, embed)
        with transaction.atomic():
            batch.save(space)
            refresh_statistics(space)
        progress(count, count)
    return count


def sample(content: Sequence[str]) -> list[str]:
    """At most FITTED_ON texts, evenly from all: more teach little, and the fit holds them all in memory."""
    step = max(1, -(-len(content) // FITTED_ON))
    return list(content[::step])


def leads_of_background(content: Sequence[str]) -> list[str]:
    """The catalogue's products are told by the same words, so they help to learn which belong together."""
    from research.corpus import catalogue

    known = set(content)
    leads = [lead(record.name, record.text) for record in catalogue.records()]
    return [text for text in leads if text not in known]


def lead(name: str, text: str) -> str:
    """What a source's own vector is made of: its name and the sentences that say what it is.

    Later sentences are about complaints and prices, which all products share.
    """
    kept: list[str] = []
    for span in texts.sentences(text):
        if kept and len(" ".join(kept).split()) + len(span.text.split()) > LEAD_WORDS:
            break
        kept.append(span.text)
    return f"{name}: {' '.join(kept)}"


@dataclass(frozen=True, slots=True)
class Batch:
    """Sources with their passages, and vectors for the former, then for the latter."""

    sources: list[Source]
    passages: list[Passage]
    vectors: Vector

    @classmethod
    def of(cls, sources: QuerySet[Source], embed: Embed) -> Batch:
        """For outside of transactions: the model takes its time, and locks would be held meanwhile."""
        batch = list(sources.order_by("id"))
        passages = list(Passage.objects.filter(source__in=batch).order_by("source_id", "start"))
        content = {source.pk: source.text for source in batch}
        vectors = embed(
            [lead(source.name, source.text) for source in batch]
            + [content[passage.source_id][passage.start : passage.end] for passage in passages]
        )
        return cls(batch, passages, vectors)

    def save(self, space: EmbeddingSpace) -> None:
        """Store what belongs to sources that are still the same; the others wait for the next `index`."""
        ids = [source.pk for source in self.sources]
        locked = Source.objects.select_for_update(no_key=True).filter(pk__in=ids).order_by("id")
        now = {source.pk: (source.name, source.text) for source in locked}
        same = {source.pk for source in self.sources if now.get(source.pk) == (source.name, source.text)}
        owners = [*ids, *(passage.source_id for passage in self.passages)]
        save_vectors(
            space,
            [source for source in self.sources if source.pk in same],
            [passage for passage in self.passages if passage.source_id in same],
            self.vectors[[owner in same for owner in owners]],
        )


def save_vectors(
    space: EmbeddingSpace, sources: Sequence[Source], passages: Sequence[Passage], vectors: Vector
) -> None:
    """Store one row of `vectors` per source, then per passage."""
    for source, vector in zip(sources, vectors[: len(sources)], strict=True):
        source.vector = vector
        source.vector_model = space.id
        source.terms = terms(source)
    for passage, vector in zip(passages, vectors[len(sources) :], strict=True):
        passage.vector = vector
    Source.objects.bulk_update(sources, ["vector", "vector_model", "terms"], batch_size=BATCH)
    replace_passages(passages)


def terms(source: Source) -> list[str]:
    return [stem for stem in texts.stems(f"{source.name}: {source.text}") if len(stem) <= MAX_STEM]


def replace_passages(passages: Sequence[Passage]) -> None:
    # bulk_update does not know composite keys; an upsert on the key does the same in one statement.
    Passage.objects.bulk_create(
        passages,
        update_conflicts=True,
        unique_fields=["source", "start"],
        update_fields=["end", "vector"],
        batch_size=500,
    )


@transaction.atomic
def refresh_statistics(space: EmbeddingSpace) -> None:
    """Recount in how many sources each stem occurs, and move the corpus to its next revision."""
    counts: Counter[str] = Counter()
    for (stems,) in Source.objects.values_list("terms").iterator():
        counts.update(set(stems))
    Term.objects.all().delete()
    Term.objects.bulk_create(
        (Term(stem=stem, sources=number) for stem, number in sorted(counts.items())), batch_size=2000
    )
    size = Source.objects.aggregate(
        sources=Count("id"),
        mean=Avg(Func(F("terms"), function="cardinality", output_field=IntegerField()), default=0.0),
    )
    CorpusState.objects.get_or_create(pk=1)
    CorpusState.objects.filter(pk=1).update(
        revision=F("revision") + 1, sources=size["sources"], mean_length=size["mean"], space=space
    )
