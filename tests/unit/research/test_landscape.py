import time

from research.analyst import quotes
from research.analyst.landscape import Analysis, vocabulary
from research.schemas import Landscape
from tests.unit.research.market_fixture import analysis, judged, landscape, texts


def test_two_runs_give_the_same_bytes() -> None:
    first, second = landscape(judged()), landscape(judged())
    assert first.model_dump_json() == second.model_dump_json()


def test_the_order_of_the_documents_does_not_matter() -> None:
    assert landscape(list(reversed(judged()))).model_dump_json() == landscape().model_dump_json()


def test_every_row_has_evidence_that_verifies() -> None:
    whole, stored = landscape(), texts()
    rows = [
        *whole.incumbents,
        *whole.emerging,
        *whole.established,
        *whole.features,
        *whole.gaps,
        *whole.signals,
    ]
    assert len(rows) > 15
    assert all(row.evidence for row in rows)
    assert all(quotes.verify(quote, stored[quote.source_id]) for quote in quotes.all_quotes(whole))


def test_the_analysis_survives_storage_as_json() -> None:
    found = analysis()
    assert Analysis.model_validate_json(found.model_dump_json()) == found


def test_the_landscape_survives_storage_as_json() -> None:
    whole = landscape()
    assert Landscape.model_validate_json(whole.model_dump_json()) == whole


def test_each_competitor_stands_in_the_list_of_its_stage() -> None:
    whole = landscape()
    assert {row.stage for row in whole.incumbents} == {"incumbent"}
    assert {row.stage for row in whole.emerging} == {"emerging"}
    assert {row.stage for row in whole.established} == {"established niche"}


def test_every_feature_has_a_cell_for_every_listed_product() -> None:
    whole = landscape()
    listed = {row.id for row in [*whole.incumbents, *whole.emerging, *whole.established]}
    for feature in whole.features:
        assert {cell.competitor_id for cell in feature.cells} == listed
        assert len(feature.cells) == len(listed)


def test_ids_are_unique() -> None:
    whole = landscape()
    for rows in (whole.features, whole.gaps, whole.signals):
        ids = [row.id for row in rows]
        assert len(set(ids)) == len(ids)


def test_documents_below_the_bar_are_left_out() -> None:
    kept = judged("plantwise", "bedmaker", "rootline")
    poor = [(one, judged_.model_copy(update={"relevance": 0.2})) for one, judged_ in judged("tendril")]
    assert "Tendril" not in {row.name for row in analysis([*kept, *poor]).competitors}


def test_nothing_found_is_an_empty_landscape() -> None:
    whole = landscape([])
    assert (whole.incumbents, whole.features, whole.gaps, whole.signals) == ([], [], [], [])
    assert whole.summary == []
    assert whole.argument_against is None


def test_provenance_counts_distinct_evidence() -> None:
    whole = landscape()
    ids = {quote.evidence_id for quote in quotes.all_quotes(whole)}
    assert whole.provenance.evidence_count == len(ids)
    assert whole.provenance.analyst == "extractive"


def test_the_vocabulary_covers_every_document() -> None:
    found = vocabulary(judged("plantwise", "tendril"))
    assert found == sorted(set(found))
    assert {"frost", "rotat", "inventori"} <= set(found)


def test_a_market_is_analysed_quickly() -> None:
    started = time.perf_counter()
    analysis(judged())
    assert time.perf_counter() - started < 2
