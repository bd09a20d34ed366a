"""Making the corpus searchable: vectors for every source and passage, and its word statistics."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from django.db import reset_queries, transaction
from django.db.models import Avg, Count, F, Func, IntegerField, QuerySet

from manticscore import locks
from research import spaces
from research.analyst import text as texts
from research.analyst.documents import Embed, Vector
from research.models import CorpusState, EmbeddingSpace, Passage, Source, Term

LEAD_WORDS = 60
BATCH = 64
FITTED_ON = 4000  # texts
MAX_STEM = 100  # characters; longer ones are no words, and PostgreSQL cannot index them

Progress = Callable[[int, int], None]


def index(progress: Progress = lambda done, total: None) -> int:
    """Give every source vectors of the current space; returns how many got new ones.

    With MiniLM only what changed is embedded, a batch at a time, and a run that is interrupted goes on
    where it stopped. A space fitted on the corpus changes with it, so everything is embedded anew and
    appears in one step.
    """
    with locks.exclusive(locks.INDEX):
        return index_with_minilm(progress) if spaces.minilm() else index_with_corpus(progress)


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
        with transaction.atomic():
            embed_sources(Source.objects.filter(id__in=stale[start : start + BATCH]), space, embed)
            if start + BATCH >= len(stale):
                refresh_statistics(space)  # with the last vectors, so that no interruption leaves it out
        reset_queries()  # with DEBUG=1 Django would keep every statement, vectors included
        progress(min(start + BATCH, len(stale)), len(stale))
    if not stale and not CorpusState.objects.filter(space=space).exists():
        refresh_statistics(space)
    return len(stale)


@transaction.atomic
def index_with_corpus(progress: Progress) -> int:
    sources = Source.objects.order_by("id")
    content = [lead(name, text) for name, text in sources.values_list("name", "text")]
    if not content:
        return 0
    space, embed = spaces.fit(sample(content) + leads_of_background(content))
    count = sources.exclude(vector_model=space.id).count()
    if count:
        embed_sources(sources, space, embed)
        progress(count, count)
        refresh_statistics(space)
    return count


def sample(content: Sequence[str]) -> list[str]:
    """At most FITTED_ON texts, evenly from all: more teach little, and the fit holds them all in memory."""
    step = max(1, -(-len(content) // FITTED_ON))
    return list(content[::step])


def leads_of_background(content: Sequence[str]) -> list[str]:
    """The catalogue's products are told by the same words, so they help to learn which belong together."""
    from research import catalogue  # it is stored and indexed through this module

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


def embed_sources(sources: QuerySet[Source], space: EmbeddingSpace, embed: Embed) -> None:
    batch = list(sources.select_for_update(no_key=True).order_by("id"))
    passages = list(Passage.objects.filter(source__in=batch).order_by("source_id", "start"))
    content = {source.pk: source.text for source in batch}
    vectors = embed(
        [lead(source.name, source.text) for source in batch]
        + [content[passage.source_id][passage.start : passage.end] for passage in passages]
    )
    save_vectors(space, batch, passages, vectors)


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
