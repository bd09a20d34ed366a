import pytest

from research.analyst import changes
from research.analyst.changes import classify, is_complaint, stated_year
from research.analyst.players import Activity, merge
from research.schemas import Signal
from tests.unit.research.market_fixture import (
    AS_OF,
    FACETS,
    analysis,
    document,
    facet_vectors,
    judgement,
)


def signals_of(*sources: tuple[str, str], adjacent: bool = False) -> list[Signal]:
    documents = [document(id, text) for id, text in sources]
    entities = merge([(one, judgement(one, adjacent=adjacent)) for one in documents])
    return changes.signals(entities, [], [e.id for e in entities], FACETS, facet_vectors(), AS_OF)


@pytest.mark.parametrize(
    ("sentence", "kind"),
    [
        ("Loam raised 12 million dollars in 2025.", "funding"),
        ("It closed a Series B round.", "funding"),
        ("Loam was acquired by Meadow in 2024.", "acquisition"),
        ("Meadow bought a majority stake in 2020.", "acquisition"),
        ("Loam launched a plant scanner in 2026.", "launch"),
        ("The old app was discontinued in 2025.", "deprecation"),
        ("Sync is no longer supported.", "deprecation"),
        ("Loam raised its prices in 2025.", "pricing"),
        ("It dropped its free plan.", "pricing"),
        ("A data breach exposed plans in 2023.", "outage"),
        ("Loam shut down in 2024.", "shutdown"),
        ("Users complain that it is slow.", "complaint"),
        ("Users wish for a web app.", "complaint"),
        ("It is too expensive for allotments.", "complaint"),
        ("Many gardeners switched from Loam because it is slow.", "complaint"),
        ("It has no web app.", "complaint"),
        ("It does not support soil sensors.", "complaint"),
    ],
)
def test_kinds(sentence: str, kind: str) -> None:
    reading = classify(sentence)
    assert reading
    assert reading[0] == kind


@pytest.mark.parametrize(
    "sentence",
    [
        "Loam draws beds on a plan.",
        "It sends price alerts for seeds.",
        "Users can shut down the pump from afar.",
        "It filters disliked plants.",
        "It has a wish list.",
        "It is meant for gardeners who find other planners too heavy.",
        "It raised beds on a slope.",
        "It is bought by large gardens.",
        "A second key protects vaults even if servers are breached.",
    ],
)
def test_ordinary_sentences_are_no_signals(sentence: str) -> None:
    assert classify(sentence) is None


def test_a_bare_lack_is_a_weaker_signal_than_a_complaint() -> None:
    lack, complaint = classify("It has no web app."), classify("Users complain that it has no web app.")
    assert lack
    assert complaint
    assert lack[1] < complaint[1]
    assert not is_complaint("It has no web app.")


@pytest.mark.parametrize(
    ("sentence", "year"),
    [("Founded in 2009, sold in 2024.", 2024), ("A goal for 2031.", None), ("It has 1500 users.", None)],
)
def test_the_year_is_the_latest_stated_one_up_to_today(sentence: str, year: int | None) -> None:
    assert stated_year(sentence, AS_OF) == year


def test_a_signal_carries_its_sentence_as_proof() -> None:
    (signal,) = signals_of(("loam", "Loam was acquired by Meadow in 2024."))
    assert signal.kind == "acquisition"
    assert signal.year == 2024
    assert signal.text == "Loam was acquired by Meadow in 2024."
    assert [quote.text for quote in signal.evidence] == ["Loam was acquired by Meadow in 2024."]


def test_recent_changes_weigh_more() -> None:
    (new,) = signals_of(("loam", "Loam was acquired in 2026."))
    (old,) = signals_of(("loam", "Loam was acquired in 2020."))
    assert new.weight == pytest.approx(4 * old.weight, rel=0.01)


def test_adjacent_products_signal_less() -> None:
    (near,) = signals_of(("loam", "Loam was acquired in 2026."))
    (far,) = signals_of(("loam", "Loam was acquired in 2026."), adjacent=True)
    assert far.weight == pytest.approx(near.weight / 2, rel=0.01)


def test_no_product_and_no_kind_crowds_out_the_rest() -> None:
    complaints = "Users complain about mud. Users complain about rain. Users complain about wind."
    found = signals_of(*((f"p{at:02d}", complaints) for at in range(9)), ("q", "Q was acquired in 2026."))
    sources = [signal.evidence[0].source_id for signal in found]
    assert max(sources.count(source) for source in sources) <= changes.MAX_PER_PRODUCT
    assert [signal.kind for signal in found].count("complaint") == changes.MAX_PER_KIND
    assert [signal.kind for signal in found].count("acquisition") == 1


def test_at_most_twelve_from_different_sentences_heaviest_first() -> None:
    events = [
        "was acquired in 2026",
        "raised its prices in 2026",
        "was discontinued in 2026",
        "launched in 2026",
    ]
    sources = [(f"p{at:02d}", f"It {events[at % 4]}.") for at in range(40)]
    found = signals_of(*sources)
    assert len(found) == changes.MAX_SIGNALS
    assert len({signal.evidence[0].evidence_id for signal in found}) == len(found)
    assert [signal.weight for signal in found] == sorted((signal.weight for signal in found), reverse=True)


def test_only_listed_products_are_linked() -> None:
    one = document("loam", "Loam was acquired in 2026.")
    entities = merge([(one, judgement(one))])
    (signal,) = changes.signals(entities, [], [], FACETS, facet_vectors(), AS_OF)
    assert signal.competitor_id is None


def test_fading_products_are_signals() -> None:
    (signal,) = [signal for signal in analysis().signals if signal.kind == "fading"]
    assert signal.text == "Mossy: no commit or release, 12 months on record."
    assert signal.evidence[0].text == "Mossy is a garden planner on the command line."


def test_an_archived_product_says_so() -> None:
    one = document("loam", "Loam is a planner.")
    (entity,) = merge([(one, judgement(one))])
    gone = Activity(None, None, None, archived=True)
    (signal,) = changes.signals([], [(entity, gone)], [], FACETS, facet_vectors(), AS_OF)
    assert signal.text == "Loam: its repository is archived."


def test_the_name_is_put_before_a_sentence_that_lacks_it() -> None:
    found = {
        signal.kind: signal.text for signal in signals_of(("loam", "It was acquired by Meadow in 2024."))
    }
    assert found["acquisition"] == "Loam: It was acquired by Meadow in 2024."


@pytest.mark.parametrize(("year", "expected"), [(2020, 1), (2019, 0)])
def test_what_changed_long_ago_is_no_signal(year: int, expected: int) -> None:
    assert len(signals_of(("loam", f"Loam was acquired by Meadow in {year}."))) == expected
