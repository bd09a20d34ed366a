"""The process behind `Extractor`: HTML in, text out, until its input ends."""

from __future__ import annotations

import json
import resource
import sys
from typing import Any

from trafilatura import bare_extraction, html2txt, load_html

from manticscore.clients.extraction import framing

MEMORY = 2 * 1024**3  # bytes of address space
MAX_TEXT = 200_000  # characters of an answer


def main() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    framing.write(sys.stdout.buffer, b"{}")  # ready
    while (message := framing.read(sys.stdin.buffer)) is not None:
        question = json.loads(message)
        framing.write(sys.stdout.buffer, json.dumps(answer(question["html"], question["url"])).encode())


def answer(html: str, url: str) -> dict[str, str]:
    """{} for a page in which there is nothing to read."""
    try:
        tree = load_html(html)
        return {} if tree is None else extract(tree, url)
    except (MemoryError, RecursionError, ValueError, TypeError, AttributeError, KeyError, IndexError):
        return {}  # trafilatura meets a page it does not understand


def extract(tree: Any, url: str) -> dict[str, str]:
    everything = html2txt(tree) or " ".join(tree.itertext())  # of a page without a body
    language = str(tree.get("lang") or "")
    found: Any = bare_extraction(
        tree,
        url=url,
        with_metadata=True,
        include_comments=False,
        include_tables=False,
        favor_precision=True,
        date_extraction_params={"extensive_search": False, "original_date": False},
    )
    if found is None and not everything:
        return {}
    return {
        "text": told(found, "text")[:MAX_TEXT],
        "everything": everything[:MAX_TEXT],
        "title": told(found, "title")[:500],
        "site": told(found, "sitename")[:200],
        "published_on": told(found, "date")[:10],
        "language": language[:20].lower(),
    }


def told(found: Any, name: str) -> str:
    return getattr(found, name, None) or ""


if __name__ == "__main__":
    main()
