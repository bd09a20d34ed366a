"""A graph as a file: each format is a function from what was read to text or bytes."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from buildgraphs import issues, plansheet, serializers, vocabulary
from buildgraphs.models import BuildNode
from buildgraphs.reading import Reading

# What a spreadsheet may take for a formula, at the start of a cell or of a line in it; full-width signs too.
FORMULA = re.compile(
    r"(?:^|(?<=[\n\v\f\r\x85\u2028\u2029]))(?=[^\S\r\n]*[=+\-@\uff1d\uff0b\uff0d\uff20]|[\t\r])"
)
HEADINGS = frozenset({"name", "Title", "Parent issue", "Summary"})  # columns of one line
# What begins a block of Markdown at the start of a line.
BLOCK = re.compile(r"^(\d*)(?=[#>+*=~|_.)-])")

Lines = Sequence[BuildNode]


@dataclass(frozen=True, slots=True)
class File:
    """What is handed out."""

    body: bytes
    content_type: str
    name: str


def export(reading: Reading, name: str, *, top_level_only: bool = False) -> File:
    nodes = reading.chosen(top_level_only=top_level_only)
    ending, content_type, write = FORMATS[name]
    return File(write(reading, nodes), content_type, f"build-graph-{reading.graph.pk}{ending}")


def markdown(reading: Reading, nodes: Lines) -> bytes:
    parts = [f"# {inline(reading.graph.stream.title)}", *(section(reading, node) for node in nodes)]
    return ("\n\n".join(parts) + "\n").encode()


def section(reading: Reading, node: BuildNode) -> str:
    done = "x" if node.user_status in ("done", "skipped") else " "
    facts = [f"`{node.node_key}`", f"risk {node.risk}", f"effort {(node.effort or 'open').replace('_', ' ')}"]
    keys = {each.pk: each.node_key for each in reading.nodes}
    needs = ", ".join(f"`{keys[each]}`" for each in reading.needs.get(node.pk, []))
    lines = [
        f"{'#' * min(node.depth + 2, 6)} {inline(node.name)}",
        ", ".join(facts) + (f", after {needs}" if needs else ""),
        inline(node.description),
        bullets("Constraints", node.spec["constraints"], "-"),
        bullets("Acceptance criteria", node.spec["acceptance_criteria"], f"- [{done}]"),
        bullets("Tests", node.spec["test_checklist"], f"- [{done}]"),
        bullets("Open questions", node.unknowns, "-"),
    ]
    return "\n\n".join(line for line in lines if line)


def inline(text: str) -> str:
    """Text of strangers as Markdown in one line: neither HTML, nor a link, nor the start of a block."""
    return BLOCK.sub(r"\1\\", issues.plain(text))


def bullets(title: str, lines: Iterable[str], mark: str) -> str:
    found = [f"{mark} {inline(line)}" for line in lines]
    return "\n".join([f"**{title}**", "", *found]) if found else ""


def as_json(reading: Reading, nodes: Lines) -> bytes:
    whole = serializers.detail(reading)
    if len(nodes) < len(reading.nodes):
        whole["nodes"] = [{**node, "children": []} for node in whole["nodes"]]
    return json.dumps(whole, ensure_ascii=False, indent=2).encode()


def table(rows: Iterable[Mapping[str, Any]]) -> bytes:
    """CSV with the first row's names as head. No cell is taken for a formula by a spreadsheet."""
    found = list(rows)
    out = io.StringIO()
    writer = csv.DictWriter(out, list(found[0]) if found else [], lineterminator="\r\n")
    writer.writeheader()
    writer.writerows({name: cell(name, value) for name, value in row.items()} for row in found)
    return out.getvalue().encode("utf-8-sig")


def cell(column: str, value: Any) -> Any:
    if not isinstance(value, str):
        return value
    return FORMULA.sub("'", " ".join(value.split()) if column in HEADINGS else value)


def as_csv(reading: Reading, nodes: Lines) -> bytes:
    keys = {each.pk: each.node_key for each in reading.nodes}
    return table(
        {
            "key": node.node_key,
            "parent": keys.get(node.parent_id, "") if node.parent_id else "",
            "depth": node.depth,
            "name": node.name,
            "description": node.description,
            "status": node.user_status,
            "node_status": node.node_status,
            "risk": node.risk,
            "effort": node.effort or "",
            "confidence": node.confidence or "",
            "depends_on": " ".join(keys[each] for each in reading.needs.get(node.pk, [])),
            "acceptance_criteria": "\n".join(node.spec["acceptance_criteria"]),
            "tests": "\n".join(node.spec["test_checklist"]),
        }
        for node in nodes
    )


def linear(reading: Reading, nodes: Lines) -> bytes:
    """As Linear's importer reads it: parents by the title of the row."""
    names = {each.pk: each.name for each in reading.nodes}
    return table(
        {
            "Title": node.name,
            "Description": ticket(node),
            **vocabulary.LINEAR.fields(node),
            "Labels": f"{node.archetype}, risk {node.risk}",
            "Parent issue": names[node.parent_id] if node.parent_id else "",
        }
        for node in nodes
    )


def jira(reading: Reading, nodes: Lines) -> bytes:
    """As Jira's importer reads it: ids of the rows, and the id of the parent's row."""
    number = {each.pk: place for place, each in enumerate(reading.nodes, 1)}
    return table(
        {
            "Issue Id": number[node.pk],
            "Parent Id": number[node.parent_id] if node.parent_id else "",
            "Issue Type": vocabulary.JIRA_TYPES[min(node.depth, len(vocabulary.JIRA_TYPES) - 1)],
            "Summary": node.name,
            "Description": ticket(node),
            **vocabulary.JIRA.fields(node),
            "Labels": " ".join(vocabulary.labels(node, node.archetype)),
        }
        for node in nodes
    )


def ticket(node: BuildNode) -> str:
    """A description that can be worked from. Its lists have stars, for a dash could begin a formula."""
    lists = (("Acceptance criteria", "acceptance_criteria"), ("Tests", "test_checklist"))
    parts = ["\n".join([f"{title}:", *(f"* {line}" for line in node.spec[name])]) for title, name in lists]
    return "\n\n".join([node.description, *parts])


Write = Callable[[Reading, Lines], bytes]

FORMATS: dict[str, tuple[str, str, Write]] = {
    "markdown": (".md", "text/markdown; charset=utf-8", markdown),
    "csv": (".csv", "text/csv; charset=utf-8", as_csv),
    "json": (".json", "application/json", as_json),
    "linear": ("-linear.csv", "text/csv; charset=utf-8", linear),
    "jira": ("-jira.csv", "text/csv; charset=utf-8", jira),
    "pdf": (".pdf", "application/pdf", plansheet.pdf),
}
