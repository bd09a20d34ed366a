"""From what a model wrote to the JSON object in it.

Models that are asked for JSON only still think aloud, apologise and put fences around it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from manticscore.clients.llm.errors import BadOutput, EmptyReply
from manticscore.lib import storable

MAX_STARTS = 200  # braces that are tried as the beginning of the object
MAX_DEPTH = 20  # of arrays and objects in one another

_TAG = re.compile(r"<(/?)think(?:ing)?>", re.IGNORECASE)


def read_object(text: str) -> dict[str, Any]:
    """The largest JSON object in a text. Raises BadOutput when there is none that could be stored."""
    spoken = without_thoughts(text).strip()
    if not spoken:
        raise EmptyReply()
    found = max(objects(spoken), key=lambda item: item[0], default=None)
    if found is None:
        raise BadOutput("The language model's answer holds no JSON object.")
    if too_deep(found[1]) or storable.objection(found[1]):
        raise BadOutput("The language model's answer holds what cannot be stored.")
    return found[1]


def without_thoughts(text: str) -> str:
    """What is said outside of `<think>` blocks. An opening tag may be missing: servers swallow it."""
    spoken: list[str] = []
    at, thinking = 0, False
    for tag in _TAG.finditer(text):
        if tag[1]:
            if not thinking:
                spoken.clear()
            thinking, at = False, tag.end()
        elif not thinking:
            spoken.append(text[at : tag.start()])
            thinking = True
    return "".join(spoken) if thinking else "".join([*spoken, text[at:]])


def objects(text: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """The outermost JSON objects of a text, with their lengths."""
    decoder = json.JSONDecoder(parse_constant=_refuse)
    at = text.find("{")
    for _ in range(MAX_STARTS):
        if at < 0:
            return
        end = at + 1
        try:
            value, end = decoder.raw_decode(text, at)
            yield end - at, value
        except (ValueError, RecursionError):
            pass
        at = text.find("{", end)


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


def too_deep(value: Any) -> bool:
    waiting = [(value, 1)]
    while waiting:
        item, depth = waiting.pop()
        if depth > MAX_DEPTH:
            return True
        if isinstance(item, dict | list):
            inner = item.values() if isinstance(item, dict) else item
            waiting += [(one, depth + 1) for one in inner]
    return False
