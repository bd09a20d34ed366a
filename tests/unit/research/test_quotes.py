import pytest

from research.analyst import quotes
from research.schemas import Cell, Landscape, Quote, Section, Sentence
from tests.unit.research.market_fixture import document, landscape, texts


def bad(quote: Quote) -> Quote:
    """The quote with its last character changed."""
    return quote.model_copy(update={"text": quote.text[:-1] + "#"})


def with_bad(whole: Landscape, part: str, place: int = 0) -> Landscape:
    """The landscape with every quote of one row forged."""
    rows = list(getattr(whole, part))
    rows[place] = rows[place].model_copy(update={"evidence": [bad(quote) for quote in rows[place].evidence]})
    return whole.model_copy(update={part: rows})


def test_a_quote_holds_the_words_between_its_offsets() -> None:
    source = document("plantwise")
    quote = quotes.build(source, 0, 9, 0.5)
    assert quote.text == "Plantwise"
    assert quotes.verify(quote, source.text)


def test_the_same_place_always_gets_the_same_id() -> None:
    first = quotes.build(document("plantwise"), 0, 9, 0.5)
    assert first.evidence_id == quotes.build(document("plantwise"), 0, 9, 0.9, "complaint").evidence_id
    assert first.evidence_id != quotes.build(document("plantwise"), 0, 8, 0.5).evidence_id
    assert first.evidence_id != quotes.build(document("bedmaker"), 0, 9, 0.5).evidence_id
    # Written out, so that a changed namespace cannot go unnoticed: stored artifacts hold these ids.
    assert first.evidence_id == "1f9fc4e4-6572-51f8-a905-b4e42f86c2f5"


def test_ids_do_not_run_together() -> None:
    assert quotes.identity("a", "bc") != quotes.identity("ab", "c")


@pytest.mark.parametrize(
    "changes",
    [{"text": "Plantwisf"}, {"start": 1, "end": 10}, {"text": "plantwise"}, {"text": "   "}, {"end": 8}],
)
def test_a_quote_that_is_off_by_anything_does_not_verify(changes: dict[str, object]) -> None:
    source = document("plantwise")
    quote = quotes.build(source, 0, 9, 0.5).model_copy(update=changes)
    assert not quotes.verify(quote, source.text)


def test_weights_outside_of_the_range_are_clipped() -> None:
    assert quotes.build(document("plantwise"), 0, 9, 1.2).weight == 1.0


def test_a_proved_landscape_stays_as_it_is() -> None:
    whole = landscape()
    assert quotes.drop_unproved(whole, texts()) == (whole, 0)


@pytest.mark.parametrize("part", ["incumbents", "emerging", "established", "features", "gaps", "signals"])
def test_one_changed_character_drops_the_row(part: str) -> None:
    whole = landscape()
    row = getattr(whole, part)[0]
    kept, dropped = quotes.drop_unproved(with_bad(whole, part), texts())
    assert dropped == 1
    assert row.id not in [other.id for other in getattr(kept, part)]
    assert len(getattr(kept, part)) == len(getattr(whole, part)) - 1


def test_a_row_lives_on_with_the_quotes_that_hold() -> None:
    whole = landscape()
    first, *rest = whole.incumbents
    mixed = first.model_copy(update={"evidence": [bad(first.evidence[0]), *first.evidence[1:]]})
    forged = whole.model_copy(update={"incumbents": [mixed, *rest]})
    kept, dropped = quotes.drop_unproved(forged, texts())
    assert dropped == 0
    assert kept.incumbents[0].evidence == first.evidence[1:]


def test_a_row_without_any_quote_is_dropped() -> None:
    whole = landscape()
    empty = whole.gaps[0].model_copy(update={"evidence": []})
    kept, dropped = quotes.drop_unproved(whole.model_copy(update={"gaps": [empty]}), texts())
    assert (kept.gaps, dropped) == ([], 1)


def test_quotes_from_unknown_sources_do_not_hold() -> None:
    kept, dropped = quotes.drop_unproved(landscape(), {})
    assert dropped > 10
    assert list(quotes.all_quotes(kept)) == []
    assert kept.summary == []
    assert kept.argument_against is None


def test_a_cell_with_a_bad_quote_becomes_unknown() -> None:
    whole = landscape()
    feature = whole.features[0]
    place = next(at for at, cell in enumerate(feature.cells) if cell.state == "present")
    cell = feature.cells[place]
    assert cell.quote
    cells = list(feature.cells)
    cells[place] = cell.model_copy(update={"quote": bad(cell.quote)})
    forged = whole.model_copy(
        update={"features": [feature.model_copy(update={"cells": cells}), *whole.features[1:]]}
    )
    kept, dropped = quotes.drop_unproved(forged, texts())
    assert dropped == 0
    assert kept.features[0].cells[place] == Cell(competitor_id=cell.competitor_id, state="unknown")
    assert kept.features[0].prevalence < feature.prevalence


def test_a_cell_that_claims_without_a_quote_becomes_unknown() -> None:
    whole = landscape()
    feature = whole.features[0]
    claimed = [Cell(competitor_id=cell.competitor_id, state="absent") for cell in feature.cells]
    forged = whole.model_copy(update={"features": [feature.model_copy(update={"cells": claimed})]})
    kept, _ = quotes.drop_unproved(forged, texts())
    assert {cell.state for cell in kept.features[0].cells} == {"unknown"}


def test_nothing_points_to_a_dropped_competitor() -> None:
    whole = landscape()
    gone = whole.incumbents[0].id
    kept, _ = quotes.drop_unproved(with_bad(whole, "incumbents"), texts())
    assert all(cell.competitor_id != gone for feature in kept.features for cell in feature.cells)
    assert all(signal.competitor_id != gone for signal in kept.signals)
    assert any(signal.competitor_id == gone for signal in whole.signals)


def test_summary_sentences_go_with_their_evidence() -> None:
    whole = landscape()
    alive = whole.incumbents[0].evidence[0].evidence_id
    section = Section(
        key="market",
        title="The market",
        sentences=[
            Sentence(text="Stands.", evidence_ids=[alive]),
            Sentence(text="Half gone.", evidence_ids=[alive, "vanished"]),
            Sentence(text="Never had any.", evidence_ids=[]),
        ],
    )
    kept, _ = quotes.drop_unproved(whole.model_copy(update={"summary": [section]}), texts())
    assert [sentence.text for sentence in kept.summary[0].sentences] == ["Stands."]


def test_the_argument_goes_with_its_proof() -> None:
    whole = landscape()
    assert whole.argument_against
    forged = whole.argument_against.model_copy(
        update={"evidence": [bad(quote) for quote in whole.argument_against.evidence]}
    )
    kept, dropped = quotes.drop_unproved(whole.model_copy(update={"argument_against": forged}), texts())
    assert (kept.argument_against, dropped) == (None, 1)
