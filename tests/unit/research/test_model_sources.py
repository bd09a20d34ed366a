"""What a language model quotes, and whether its source says so."""

from __future__ import annotations

import pytest

from research.analyst import quotes
from research.model import answers, prompts
from research.model.sources import MAX_CHARACTERS, MAX_SENTENCE, MAX_SENTENCES, Shown, sentence
from tests.unit.research.analyst_fakes import document
from tests.unit.research.model_base import COOKPAD, MEALBOX, judgement

SAID = "Mealbox plans meals for families."


@pytest.mark.parametrize(
    "text",
    [
        SAID,
        f"  “{SAID}” ",
        "Mealbox  plans\nmeals for families.",
        "Mealbox plans meals for families",
        "plans meals for families.",
        f'"{SAID}..."',
    ],
)
def test_a_sentence_is_found_and_returned_as_it_is_stored(text: str) -> None:
    found = sentence(MEALBOX, text)
    assert found is not None
    assert found.text == SAID


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        '""',
        "meals",
        "Mealbox plans meals for everybody.",
        "Mealbox plans the meals for families.",
        "MEALBOX PLANS MEALS FOR FAMILIES.",
        "box plans meals for families.",
        "Mealbox plans meals for families. It prints shopping lists every week. And more.",
        "Cookpad lets people share recipes.",
    ],
)
def test_what_the_source_does_not_say(text: str) -> None:
    assert sentence(MEALBOX, text) is None


def test_a_small_part_is_not_the_sentence() -> None:
    long = document(
        "long", "It is not true, as some people keep saying, that this product has a web application."
    )
    assert sentence(long, "this product has a web application") is None


def test_curly_quotes_in_the_source() -> None:
    curly = document("curly", "It’s a “meal planner” for busy families.")
    found = sentence(curly, 'It\'s a "meal planner" for busy families.')
    assert found is not None
    assert found.text.startswith("It’s")


def test_a_quote_stands_in_its_source_and_nowhere_else() -> None:
    shown = Shown([(MEALBOX, judgement(MEALBOX)), (COOKPAD, judgement(COOKPAD))], 10)
    quote = shown.quote("s1", SAID)
    assert quote is not None
    assert quotes.verify(quote, MEALBOX.text)
    assert shown.quote("s2", SAID) is None, "another source's sentence"
    assert shown.quote("s9", SAID) is None
    assert shown.quote("", SAID) is None


def test_only_whole_sentences_are_shown_and_not_too_many() -> None:
    long = document("long", " ".join(f"This is sentence number {n} of it." for n in range(40)))
    endless = document("endless", "word " * 200 + "end.")
    shown = Shown([(long, judgement(long)), (endless, judgement(endless))], 10).material()
    assert len(shown[0]["sentences"]) == MAX_SENTENCES
    assert set(shown[0]["sentences"]) <= {passage.text for passage in long.passages}
    assert all(len(text) <= MAX_SENTENCE for source in shown for text in source["sentences"])


def test_sources_end_where_there_is_no_more_room() -> None:
    big = [document(f"big{n}", " ".join(f"{n} {'x' * 300} {m}." for m in range(12))) for n in range(20)]
    shown = Shown([(found, judgement(found)) for found in big], 20)
    assert 0 < len(shown) < 20
    assert sum(len(text) for source in shown.material() for text in source["sentences"]) <= MAX_CHARACTERS


# --- Answers -------------------------------------------------------------------------------------


def test_rows_without_the_form_are_counted_and_the_others_kept() -> None:
    data = {
        "players": [
            {"name": "Mealie", "stage": "incumbent"},
            {"name": "Mealie", "stage": "giant"},
            {"stage": "incumbent"},
            "Mealie",
            {"name": "x" * 500, "stage": "emerging"},
        ],
        "features": {"not": "a list"},
        "unheard": "of",
    }
    answer, refused = answers.read(answers.Analysis, data)
    assert [player.name for player in answer.players] == ["Mealie"]
    assert refused == 5
    assert answer.gaps == []


def test_no_more_rows_than_can_be_looked_at() -> None:
    many = [{"id": f"p{number}", "reason": ""} for number in range(answers.MAX_ROWS + 7)]
    answer, refused = answers.read(answers.Analysis, {"dropped": many})
    assert (len(answer.dropped), refused) == (answers.MAX_ROWS, 7)


def test_a_single_field_of_the_wrong_type_is_left_out() -> None:
    answer, refused = answers.read(answers.Summary, {"positioning": "words", "sections": []})
    assert (answer.positioning, refused) == (None, 1)


# --- Prompts -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["interpret", "judge", "analyze", "synthesize", "strict"])
def test_prompts_are_named_and_versioned_files(name: str) -> None:
    prompt = prompts.load(name)
    assert (prompts.DIRECTORY / f"{name}.v{prompt.version}.md").read_text().strip() == prompt.text
    assert "{" not in prompt.text, "nothing is put into it"


def test_the_newest_version_is_used(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    from pathlib import Path

    directory = Path(str(tmp_path))
    for version in (1, 2, 10):
        (directory / f"interpret.v{version}.md").write_text(f"Version {version}.\n")
    monkeypatch.setattr(prompts, "DIRECTORY", directory)
    prompts.load.cache_clear()
    try:
        assert prompts.load("interpret") == prompts.Prompt("interpret", 10, "Version 10.")
    finally:
        prompts.load.cache_clear()
