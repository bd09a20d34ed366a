import pytest

from research.analyst.reading import Mark, find, read, term


def mark(sentence: str, phrase: str) -> Mark | None:
    return find(read(sentence), term(phrase))


@pytest.mark.parametrize(
    "sentence",
    [
        "It has no pantry tracking.",
        "It does not support pantry tracking.",
        "It lacks pantry tracking and timers.",
        "It is missing timers, pantry tracking and labels.",
        "It has no timers, labels or pantry tracking.",
        "Pantry tracking is missing.",
        "Pantry tracking is not supported on the web.",
        "There is no support for pantry tracking.",
        "It has no helpers such as pantry tracking.",
        "It cannot do pantry tracking.",
    ],
)
def test_a_negated_sentence_denies(sentence: str) -> None:
    assert mark(sentence, "pantry tracking") == "denied"


@pytest.mark.parametrize(
    "sentence",
    [
        "It has pantry tracking.",
        "It has no web app, but it offers pantry tracking.",
        "It has no web app, and it offers pantry tracking.",
        "Not only pantry tracking is included.",
        "It sets up pantry tracking in a few steps.",
        "Tracking of pantry items is built in, although there is no web app.",
    ],
)
def test_a_negation_elsewhere_in_the_sentence_does_not_deny(sentence: str) -> None:
    assert mark(sentence, "pantry tracking") == "stated"


@pytest.mark.parametrize(
    "sentence",
    [
        "It has no calorie counts for pantry tracking.",
        "Pantry tracking is missing from the free plan.",
        "Without an account, Mela shows pantry tracking.",
        "It lists shelves instead of pantry tracking.",
        "It requires pantry tracking by hand.",
        "It has little pantry tracking.",
        "There are few tools for pantry tracking.",
        "It has timers.",
    ],
)
def test_what_can_be_read_either_way_proves_nothing(sentence: str) -> None:
    assert mark(sentence, "pantry tracking") in {None, "unsure"}


@pytest.mark.parametrize(
    "sentence",
    ["It works without cookies.", "It needs no cookies.", "Tracking is cookieless.", "It has no cookies."],
)
def test_what_a_product_does_without_is_spared(sentence: str) -> None:
    assert mark(sentence, "cookies") == "spared"


@pytest.mark.parametrize("phrase", ["no cookies", "without cookies", "cookieless tracking", "cookie-free"])
def test_a_negative_wish_is_looked_for_by_what_it_rules_out(phrase: str) -> None:
    assert term(phrase).flipped
    assert mark("It works without cookies.", phrase) == "spared"


def test_a_single_word_is_not_matched_by_its_stem_alone() -> None:
    assert mark("It does not serve Canada.", "servings") is None
    assert mark("It scales to one serving.", "servings") == "stated"
    assert mark("It suits a family.", "families") == "stated"
    assert mark("It ships a box.", "boxes") == "stated"


def test_denying_a_compound_does_not_deny_its_first_word() -> None:
    assert mark("It does not support bill negotiation.", "bills") is None
    assert mark("It has no bills or receipts.", "bills") == "denied"
    assert mark("It shows missing bills in a calendar.", "bills") == "stated"


def test_compounds_match_in_every_spelling() -> None:
    assert mark("It can be self hosted.", "self-hosting") == "stated"
    assert mark("A privacy-first tool.", "privacy-friendly") == "stated"
