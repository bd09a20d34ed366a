"""A language model that does its work well: it reads what it is given and quotes it as it stands."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from tests.helpers.llm_server import Answer, Asked, Script

Material = dict[str, Any]
SENTENCE = "A sentence that nobody ever wrote about any product in the world."


def stage(material: Material) -> str:
    """Which stage asks, by what only its material has."""
    marks = {"queries": "interpret", "evidence": "synthesize", "asks_for": "analyze"}
    return next((name for mark, name in marks.items() if mark in material), "judge")


def work(asked: Asked) -> Answer:
    return Answer(json.dumps(WORK[stage(asked.material)](asked.material)))


def interpret(material: Material) -> Material:
    return {
        "problem": "Families lose track of recipes and of what to buy.",
        "users": ["families", "home cooks"],
        "search_phrases": ["meal planner app", "grocery list maker"],
    }


def judge(material: Material) -> Material:
    """The first source is what is asked for, the last one is not."""
    first, last = material["sources"][0], material["sources"][-1]
    return {
        "verdicts": [
            {"source": first["id"], "verdict": "direct", "quote": first["sentences"][0], "reason": "it is"},
            {"source": last["id"], "verdict": "unrelated", "quote": "", "reason": "another purpose"},
        ]
    }


def analyze(material: Material) -> Material:
    """A player in another stage, one more player's proof, a feature of two, a gap, and a row to drop."""
    player = material["players"][0]
    own = next(source for source in material["sources"] if source["name"] == player["name"])
    other = next(source for source in material["sources"] if source["name"] != player["name"])
    stage_now = "emerging" if player["stage"] != "emerging" else "incumbent"
    return {
        "players": [
            {**player, "stage": stage_now, "quotes": [cite(own)], "reason": "it says so"},
            {"id": "", "name": "Nobody Ltd", "stage": "incumbent", "quotes": [cite(own, SENTENCE)]},
        ],
        "features": [
            {
                "id": "",
                "label": label_of(own),
                "proofs": [{**cite(own), "state": "present"}, {**cite(other), "state": "present"}],
            }
        ],
        "gaps": [{"label": label_of(own), "reason": "People ask for it.", "quotes": [cite(own)]}],
        "dropped": [{"id": f"p{len(material['players'])}", "reason": "another market"}],
    }


def cite(source: Material, text: str = "", number: int = 0) -> Material:
    return {"source": source["id"], "quote": text or source["sentences"][number]}


def label_of(source: Material) -> str:
    """Two long words of the first sentence."""
    words = [word.strip(".,;:") for word in source["sentences"][0].split()]
    return " ".join([word.lower() for word in words if len(word) > 5 and word.isalpha()][:2])


def synthesize(material: Material) -> Material:
    ref = next(iter(material["evidence"]))
    return {
        "sections": [
            {
                "key": "market",
                "sentences": [
                    {"text": "Products for families exist.", "evidence": [ref]},
                    {"text": "The market is worth 77123 million.", "evidence": [ref]},
                    {"text": "Nothing stands behind this.", "evidence": ["e999"]},
                ],
            }
        ],
        "positioning": {"text": "Build it for families who share one kitchen.", "evidence": [ref]},
    }


WORK: dict[str, Callable[[Material], Material]] = {
    "interpret": interpret,
    "judge": judge,
    "analyze": analyze,
    "synthesize": synthesize,
}


def but(name: str, *answers: Answer | str | Material) -> Script:
    """Good work, except in one stage: there these answers, the last one repeated."""
    waiting = [one if isinstance(one, Answer) else Answer(text(one)) for one in answers]

    def script(asked: Asked) -> Answer:
        if stage(asked.material) != name:
            return work(asked)
        return waiting.pop(0) if len(waiting) > 1 else waiting[0]

    return script


def text(said: str | Material) -> str:
    return said if isinstance(said, str) else json.dumps(said)


def always(said: Answer) -> Script:
    return lambda asked: said
