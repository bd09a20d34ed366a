"""The seed catalogue: our own descriptions of known products, shipped with the project.

`data/catalogue.jsonl` begins with a head line that says how the file came about and as of when.
`data/catalogue.npz` holds its MiniLM vectors, so that a first start need not compute them; it is used
only while it belongs to exactly that file.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
from django.db import transaction

from research.analyst.documents import Vector
from research.corpus import importing, indexing, spaces
from research.models import CorpusState, EmbeddingSpace, Passage, Source

ORIGIN = "catalogue"
DATA = Path(__file__).parents[1] / "data"
FILE = DATA / "catalogue.jsonl"
VECTORS = DATA / "catalogue.npz"


def load() -> int:
    """Store and index the catalogue; returns how many products are new or changed. 0 when it is loaded.

    A corpus whose indexing was interrupted, or whose model has come or gone since, is indexed again.
    """
    digest = file_digest()
    if CorpusState.objects.filter(pk=1, catalogue=digest).exists():
        if not indexing.is_complete():
            indexing.index()
        return 0
    tally = importing.Tally()
    for batch in importing.batches(records()):
        part = importing.store(ORIGIN, batch)
        tally.created += part.created
        tally.updated += part.updated
    if spaces.minilm() is not None:
        use_shipped_vectors(digest)
    indexing.index()
    CorpusState.objects.update_or_create(pk=1, defaults={"catalogue": digest})
    return tally.changed


def records() -> list[importing.Record]:
    """The catalogue's products. Written from general knowledge, so they carry no date of publication."""
    _, *rows = (json.loads(line) for line in FILE.read_text(encoding="utf-8").splitlines())
    return [importing.parse({**row, "kind": "catalogue"}) for row in rows]


def file_digest() -> str:
    return hashlib.sha256(FILE.read_bytes()).hexdigest()


def shipped_vectors(digest: str) -> Vector | None:
    """The shipped matrix, or None when it was made from another catalogue or by another model."""
    if not VECTORS.exists():
        return None
    with np.load(VECTORS, allow_pickle=False) as file:
        if (str(file["catalogue"]), str(file["model"])) != (digest, spaces.MINILM):
            return None
        vectors = file["vectors"].astype(np.float32)
    unit: Vector = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return unit


@transaction.atomic
def use_shipped_vectors(digest: str) -> None:
    vectors = shipped_vectors(digest)
    sources, passages = rows()
    if vectors is not None and len(vectors) == len(sources) + len(passages):
        space, _ = EmbeddingSpace.objects.get_or_create(id=spaces.MINILM)
        indexing.save_vectors(space, sources, passages, vectors)
        indexing.refresh_statistics(space)


def rows() -> tuple[list[Source], list[Passage]]:
    """The catalogue's sources and passages in the order of the shipped matrix."""
    sources = list(Source.objects.filter(origin=ORIGIN).order_by("key"))
    passages = Passage.objects.filter(source__origin=ORIGIN).order_by("source__key", "start")
    return sources, list(passages)


def ship_vectors() -> int:
    """Write the shipped matrix from the loaded catalogue; returns its number of rows."""
    sources, passages = rows()
    vectors = [source.vector for source in sources] + [passage.vector for passage in passages]
    matrix = np.array(vectors, dtype=np.float16)
    np.savez_compressed(VECTORS, vectors=matrix, catalogue=file_digest(), model=spaces.MINILM)
    return len(matrix)
