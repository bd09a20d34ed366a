import pytest

from research.analyst.lines import lines
from research.analyst.phrases import Background, candidates, essence
from research.analyst.players import merge
from tests.unit.research.market_fixture import CORPUS_SIZE, document, frequencies, judged, judgement


def phrases_of(*ids: str) -> list[str]:
    items = judged(*ids)
    found = lines(merge(items))
    return [phrase.text for phrase in candidates(found, Background(CORPUS_SIZE, frequencies(items)))]


def test_candidates_are_capabilities() -> None:
    found = phrases_of("plantwise", "bedmaker", "rootline", "tendril", "seedbox")
    assert {"crop rotation", "companion planting", "seed inventory", "harvest log"} <= set(found)
    for junk in ("users complain", "plantwise", "gardeners", "users", "weekly tips", "small plots"):
        assert junk not in found


def test_complaints_and_company_facts_give_no_candidates() -> None:
    one = document("p", "Users complain about slow moss maps. It was founded by two moss collectors.")
    found = lines(merge([(one, judgement(one))]))
    assert candidates(found, Background(CORPUS_SIZE, {})) == []


def test_a_phrase_common_everywhere_sets_nothing_apart() -> None:
    items = judged("plantwise", "bedmaker", "tendril")
    found = lines(merge(items))
    rare = Background(CORPUS_SIZE, frequencies(items))
    common = Background(CORPUS_SIZE, dict.fromkeys(frequencies(items), CORPUS_SIZE))
    assert "crop rotation" in [phrase.text for phrase in candidates(found, rare)]
    assert "crop rotation" not in [phrase.text for phrase in candidates(found, common)]


@pytest.mark.parametrize(
    ("wish", "expected"),
    [
        ("imports bank statements", "bank statements"),
        ("stores plain Markdown files", "markdown files"),
        ("status pages", "status pages"),
        ("sales reports by region", "sales reports by region"),
        ("offline", "offline"),
    ],
)
def test_the_essence_of_a_wish_has_no_verb_before_it(wish: str, expected: str) -> None:
    assert essence(wish) == expected


def texts_of(*sentences: str) -> list[str]:
    """Candidates of products that say one sentence each, all of them the same."""
    made = [document(f"p{at}", sentence) for at, sentence in enumerate(sentences * 3)]
    found = lines(merge([(one, judgement(one)) for one in made]))
    return [phrase.text for phrase in candidates(found, Background(CORPUS_SIZE, {}))]


def test_participles_and_verbs_do_not_stick_to_a_phrase() -> None:
    assert "cart emails" in texts_of("It lacks no cart emails tied to orders.")
    assert "seed exchange" in texts_of("A seed exchange exists.")
    found = texts_of("Onenote arranges moss maps.")
    assert "arranges moss maps" not in found
    assert "moss maps" in found
