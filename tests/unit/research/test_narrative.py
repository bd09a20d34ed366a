import re

from research.analyst import narrative
from research.analyst.landscape import Analysis
from research.schemas import Section
from tests.unit.research.market_fixture import analysis, interpretation, landscape


def sections(found: Analysis) -> dict[str, Section]:
    return {
        section.key: section
        for section in narrative.summary(found.competitors, found.features, found.gaps, found.signals)
    }


def test_every_part_with_rows_has_a_section_of_at_most_two_sentences() -> None:
    found = sections(analysis())
    assert list(found) == ["market", "incumbents", "emerging", "features", "gaps", "signals"]
    assert all(1 <= len(section.sentences) <= 2 for section in found.values())


def test_sentences_count_what_the_rows_say() -> None:
    found = sections(analysis())
    assert found["market"].sentences[0].text == (
        "The landscape lists 6 products: 2 incumbents, 1 emerging product and 3 established niche products."
    )
    assert found["incumbents"].sentences[0].text == "Plantwise and Bedmaker weigh most by relevance and size."
    assert found["emerging"].sentences[0].text.startswith("Seedbox is young or gaining")
    assert "planting calendar (5 of 6)" in found["features"].sentences[0].text


def test_every_sentence_stands_on_evidence_of_the_landscape() -> None:
    whole = landscape()
    rows = [
        *whole.incumbents,
        *whole.emerging,
        *whole.established,
        *whole.features,
        *whole.gaps,
        *whole.signals,
    ]
    known = {quote.evidence_id for row in rows for quote in row.evidence}
    for section in whole.summary:
        for sentence in section.sentences:
            assert sentence.evidence_ids
            assert set(sentence.evidence_ids) <= known


def test_empty_parts_have_no_section() -> None:
    assert sections(Analysis(competitors=[], features=[], gaps=[], signals=[])) == {}
    found = analysis()
    assert "gaps" not in sections(found.model_copy(update={"gaps": []}))


def test_an_unverified_gap_is_not_told_as_a_gap() -> None:
    text = sections(analysis())["gaps"].sentences[0].text
    assert re.fullmatch(r'"frost alerts" may be a gap, but confidence is only 0\.\d\d\.', text)


def test_a_verified_gap_is_told_with_its_opportunity() -> None:
    found = analysis()
    sure = found.model_copy(update={"gaps": [gap.model_copy(update={"status": "gap"}) for gap in found.gaps]})
    first, second = sections(sure)["gaps"].sentences
    assert first.text.startswith('The largest gap is "frost alerts", with an opportunity of ')
    assert second.text == 'Next comes "soil sensor".'


def test_the_case_against_names_the_crowded_core_and_the_nearest_product() -> None:
    argument = landscape().argument_against
    assert argument
    assert argument.text.startswith('5 of 6 listed products already state "garden planner".')
    assert argument.nearest
    assert f"{argument.nearest.name} comes nearest and states 2 of the 3 points" in argument.text
    assert argument.nearest.name == "Plantwise"
    assert 2 <= len(argument.what_would_change_this) <= 3
    assert argument.evidence


def test_there_is_no_case_without_competitors() -> None:
    assert narrative.against(interpretation(), [], [], []) is None


def test_the_case_stands_without_features() -> None:
    argument = narrative.against(interpretation(), analysis().competitors, [], [])
    assert argument
    assert argument.text.startswith("Plantwise comes nearest, with a relevance of 0.91.")


def told(*adjacent: bool) -> str:
    """What is said of the market when these products are adjacent or not."""
    rows = [
        row.model_copy(update={"why": {**row.why, "adjacent": flag}})
        for row, flag in zip(analysis().competitors, adjacent, strict=False)
    ]
    return narrative.summary(rows, [], [], [])[0].sentences[1].text


def test_a_market_that_hardly_fits_is_told_as_such() -> None:
    assert told(False, False, False).endswith("matches the idea most, with a relevance of 0.91.")
    assert told(False, True, True, True) == "Only Plantwise has the core of the idea; the rest is related."
    assert told(True, True).startswith("None of them has the core of the idea: they are the nearest")


def test_the_nearest_product_has_the_core_when_any_has() -> None:
    rows = [
        row.model_copy(update={"why": {**row.why, "adjacent": row.name == "Plantwise"}})
        for row in analysis().competitors
    ]
    argument = narrative.against(interpretation(), rows, analysis().features, [])
    assert argument
    assert argument.nearest
    assert argument.nearest.name != "Plantwise"
