"""What PostgreSQL can store: no text of it holds U+0000 or half a surrogate pair."""

from __future__ import annotations

import re
from typing import Any

_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


def objection(value: Any) -> str:
    """Why a JSON value cannot be stored, in keys as in values; "" when it can."""
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, str):
            if "\x00" in item:
                return "Text must not contain U+0000"
            if _LONE_SURROGATE.search(item):
                return "Text contains an unpaired surrogate"
        elif isinstance(item, dict):
            waiting += [*item.keys(), *item.values()]
        elif isinstance(item, list):
            waiting += item
    return ""
