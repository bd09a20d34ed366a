"""The landscape in the terminal: every claim with the words it stands on and where they are from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.columns import Columns
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from manticscore.demo.screen import clean

Row = Mapping[str, Any]

PLAYERS = 4  # rows shown of each stage of the market
FEATURES = 8
MATRIX_COLUMNS = 12
GAPS = 4
SIGNALS = 4
CATEGORIES = 3
PROOFS = 2
BAR = 10
CELLS = {"present": ("●", "green"), "absent": ("○", "red"), "unknown": ("·", "dim")}
MEANINGS = {"present": "stated", "absent": "said to be missing", "unknown": "not said"}
SEPARATOR = Text("  ·  ", "dim")
CURL = (
    "curl -s localhost:8000/auth/anonymous -H 'Content-Type: application/json' \\",
    '     -d \'{"device_id": "my-laptop"}\'',
    'curl -s localhost:8000/research -H "Authorization: Bearer $TOKEN" \\',
    "     -H 'Content-Type: application/json' -d '{\"idea\": \"a time tracker\"}'",
    "curl -N localhost:8000/research/$JOB_ID/events \\",
    '     -H "Authorization: Bearer $TOKEN"',
)
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def title(idea: str) -> Iterator[RenderableType]:
    yield Rule(Text("ManticScore", "bold"), style="cyan", align="left")
    yield Text.assemble("One research job, end to end: ", (f"“{clean(idea)}”", "bold"))


def draw(artifact: Row) -> Iterator[RenderableType]:
    """The artifact of a market research run, section by section."""
    yield from interpretation(artifact["interpretation"])
    yield from players("Incumbents", artifact["incumbents"])
    yield from players("Emerging players", artifact["emerging"])
    yield from players("Established niche", artifact["established"])
    yield from features(artifact)
    yield from gaps(artifact["gaps"])
    yield from signals(artifact["signals"])
    yield from quality(artifact["quality"], artifact["provenance"])
    yield from against(artifact["argument_against"])


# --- Sections ----------------------------------------------------------------------------------


def interpretation(understood: Row) -> Iterator[RenderableType]:
    yield from heading("How the idea was understood")
    facets = [
        Text.assemble((clean(facet["text"]), "bold"), (f" {facet['type']} {facet['weight']:.0%}", "dim"))
        for facet in understood["facets"]
    ]
    yield labelled("Asks for", SEPARATOR.join(facets))
    guesses = [
        Text(f"{guess['slug']} {guess['probability']:.0%}") for guess in understood["categories"][:CATEGORIES]
    ]
    if guesses:
        yield labelled("Markets", SEPARATOR.join(guesses))
    yield labelled("Certainty", meter(understood["understanding"]))


def players(name: str, rows: Sequence[Row]) -> Iterator[RenderableType]:
    yield from heading(name, len(rows))
    if not rows:
        yield Text("  none found", "dim")
        return
    yield columns(("", "since", "pricing", "relevance", "threat"), style="dim")
    for row in rows[:PLAYERS]:
        year, pricing = row["founded"] or "?", clean(row["pricing"] or "?")
        yield columns((row["name"], f"{year}", pricing, f"{row['relevance']:.2f}", f"{row['threat']:.2f}"))
        yield from proofs(row["evidence"], 1)
    yield from rest(rows[PLAYERS:], "name")


def features(artifact: Row) -> Iterator[RenderableType]:
    rows = artifact["features"]
    yield from heading("Features", len(rows))
    if not rows:
        yield Text("  none found", "dim")
        return
    listed = [*artifact["incumbents"], *artifact["emerging"], *artifact["established"]][:MATRIX_COLUMNS]
    yield legend(listed)
    for row in rows[:FEATURES]:
        yield feature(row, listed)
        yield from proofs(row["evidence"], 1)
    yield from rest(rows[FEATURES:], "label")


def legend(listed: Sequence[Row]) -> RenderableType:
    """Which letter stands for which product, and what the marks mean."""
    products = [
        Text.assemble((letter, "cyan"), (f" {clean(product['name'])}", "dim"))
        for letter, product in zip(LETTERS, listed, strict=False)
    ]
    meanings = [Text.assemble(CELLS[state], (f" {meaning}", "dim")) for state, meaning in MEANINGS.items()]
    sides = (0, 0, 0, 2)
    return Group(
        Padding(Columns(products, padding=(0, 3)), sides), Padding(Columns(meanings, padding=(0, 3)), sides)
    )


def feature(row: Row, listed: Sequence[Row]) -> RenderableType:
    states = {cell["competitor_id"]: cell["state"] for cell in row["cells"]}
    marks = Text()
    for letter, product in zip(LETTERS, listed, strict=False):
        mark, style = CELLS[states.get(product["id"], "unknown")]
        marks.append(letter if mark != "·" else " ", "dim").append(f"{mark} ", style)
    name = Text(clean(row["label"]), "bold")
    if row["in_idea"]:
        name.append("  asked for", "yellow")
    stated = list(states.values()).count("present")
    table = Table.grid(padding=(0, 2), expand=True)
    table.add_column(ratio=1)
    table.add_column(no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    table.add_row(name, marks, Text(f"{stated} of {len(states)}", "cyan"))
    return Padding(table, (0, 0, 0, 2))


def gaps(rows: Sequence[Row]) -> Iterator[RenderableType]:
    yield from heading("Gaps", len(rows))
    if not rows:
        yield Text("  none found", "dim")
        return
    yield columns(("", "status", "opportunity", "confidence"), style="dim")
    for row in rows[:GAPS]:
        numbers = f"{row['opportunity']:.2f}", f"{row['confidence']:.2f}"
        yield columns((row["label"], row["status"], *numbers))
        yield indented(Text(" ".join(clean(reason) for reason in row["reasons"][:2]), "dim"))
        yield from proofs(row["evidence"], 1)
        if row["to_read"]:
            pages = ", ".join(clean(page["name"]) for page in row["to_read"])
            yield indented(Text(f"Read first: {pages}", "dim"))
    yield from rest(rows[GAPS:], "label")


def signals(rows: Sequence[Row]) -> Iterator[RenderableType]:
    yield from heading("Signals", len(rows))
    if not rows:
        yield Text("  none found", "dim")
        return
    for row in rows[:SIGNALS]:
        quote = row["evidence"][0]
        lead = Text.assemble(
            (row["kind"], "yellow"), (f" {row['year']}" if row["year"] else "", "cyan"), "  "
        )
        if not row["text"].endswith(quote["text"]):
            lead.append(f"{clean(row['text'])}  ")
        yield Padding(lead + proof(quote), (0, 0, 0, 2))
    yield from rest(rows[SIGNALS:], "kind")


def quality(scored: Row, provenance: Row) -> Iterator[RenderableType]:
    yield from heading("Quality")
    yield Text.assemble("  ", (f"{scored['score']:.1f} of 100", "bold"))
    for part in scored["parts"]:
        weight = (f"  x {part['weight']:.2f}", "dim")
        yield Text.assemble(f"    {part['name']:<14}", meter(part["value"]), weight)
    for cap in scored["caps"]:
        yield Text(f"    capped: {clean(cap)}", "yellow")
    yield indented(
        Text(
            f"{provenance['evidence_count']} quotes checked against their sources,"
            f" {provenance['dropped_rows']} rows dropped; {provenance['sources_considered']} of"
            f" {provenance['corpus_size']} sources considered; vectors by {provenance['embedding_model']}",
            "dim",
        )
    )


def against(argument: Row | None) -> Iterator[RenderableType]:
    yield from heading("The strongest argument against")
    if argument is None:
        yield Text("  none found", "dim")
        return
    yield Padding(Text(clean(argument["text"])), (0, 0, 0, 2))
    yield from proofs(argument["evidence"], PROOFS)
    yield Text("  What would change this", "dim")
    for statement in argument["what_would_change_this"]:
        yield bullet(clean(statement))


def where_next() -> Iterator[RenderableType]:
    yield from heading("Where to look next")
    places = {
        "make serve": "the server, until Ctrl-C, on http://127.0.0.1:8000",
        'make demo IDEA="..."': "another idea",
        "README.md": "your own sources, settings, scaling out",
        "docs/": "streaming.md, offline-analyst.md, adr/",
    }
    for place, what in places.items():
        yield Text.assemble("  ", (f"{place:<22}", "bold"), what)
    yield Text("  The same with curl, once `make serve` runs:")
    for line in CURL:
        yield Text(f"    {line}", "cyan", no_wrap=True, overflow="ignore")


# --- Parts -------------------------------------------------------------------------------------


def heading(name: str, count: int | None = None) -> Iterator[RenderableType]:
    yield Text()
    label = Text(name, "bold")
    if count:
        label.append(f"  {count}", "cyan")
    yield Rule(label, style="cyan", align="left")


def columns(values: Sequence[str], style: str = "") -> RenderableType:
    """A wide first column, then figures at fixed places, so that rows printed one by one line up."""
    table = Table.grid(padding=(0, 1), expand=True)
    table.add_column(ratio=1)
    for _ in values[1:]:
        table.add_column(width=12, justify="right")
    table.add_row(
        *(Text(clean(value), style or ("" if place else "bold")) for place, value in enumerate(values))
    )
    return Padding(table, (0, 0, 0, 2))


def proofs(quotes: Sequence[Row], limit: int) -> Iterator[RenderableType]:
    """The first quotes, each with its source."""
    for quote in quotes[:limit]:
        yield indented(proof(quote))


def proof(quote: Row) -> Text:
    source = f"  {clean(quote['source_name'])}, {clean(quote['url'])}"
    return Text.assemble((f"“{clean(quote['text'])}”", "italic"), (source, "blue"))


def rest(rows: Sequence[Row], name: str) -> Iterator[RenderableType]:
    if rows:
        names = ", ".join(dict.fromkeys(clean(row[name]) for row in rows))
        yield Padding(Text(f"and {len(rows)} more: {names}", "dim"), (0, 0, 0, 2))


def indented(text: Text) -> RenderableType:
    return Padding(text, (0, 0, 0, 4))


def labelled(name: str, value: Text) -> RenderableType:
    table = Table.grid(padding=(0, 2))
    table.add_column(width=9)
    table.add_column()
    table.add_row(Text(name, "dim"), value)
    return Padding(table, (0, 0, 0, 2))


def bullet(text: str) -> RenderableType:
    """A point of a list; further lines stand under its first."""
    table = Table.grid(padding=(0, 1))
    table.add_row("-", Text(text))
    return Padding(table, (0, 0, 0, 4))


def meter(value: float) -> Text:
    """A share as a bar and a number."""
    full = round(value * BAR)
    return Text.assemble(("█" * full, "green"), ("░" * (BAR - full), "dim"), f" {value:.2f}")
