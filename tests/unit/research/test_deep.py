"""Deep research on features, over documents in memory."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from research.analyst.deep import (
    archetypes,
    blueprint,
    dependencies,
    effort,
    implementations,
    limits,
    proof,
    risks,
    studies,
    telling,
)
from research.analyst.deep.findings import Findings, Wanted
from research.analyst.deep.survey import Survey
from research.analyst.deep.topics import topic
from research.analyst.documents import Document
from research.analyst.phrases import Background
from research.schemas_features import FeatureStudy
from tests.unit.research.analyst_fakes import document, embed

DAY = date(2026, 11, 21)


def wanted(name: str = "shopping list", id_: str = "f1", wordings: Sequence[str] = ()) -> Wanted:
    kinds = archetypes.recognise(name, wordings)
    return Wanted(id=id_, name=name, source="user", wordings=list(wordings), archetypes=kinds)


def survey(*documents: Document, market: Sequence[str] | None = None) -> Survey:
    ids = [found.id for found in documents]
    near = ids if market is None else market
    return Survey(documents, dict.fromkeys(ids, 0.9), near, Background(100, {}), DAY)


def found(*documents: Document, name: str = "shopping list", **values: Any) -> Findings:
    return survey(*documents, **values).study(wanted(name), {each.id for each in documents}, embed)


def study(name: str, id_: str, *documents: Document) -> FeatureStudy:
    return studies.study(survey(*documents).study(wanted(name, id_), {d.id for d in documents}, embed))


MEALIE = document(
    "mealie", "Mealie makes a shopping list from recipes. It is open source under the AGPL licence."
)
MELA = document("mela", "Mela syncs the shopping list automatically, but it needs an account.")
CROUTON = document("crouton", "Users complain that the Crouton shopping list loses items.")
PAPRIKA = document("paprika", "Paprika has no shopping list. It scans books.")
TIMER = document("timer", "Timer counts minutes.")
ALL = (MEALIE, MELA, CROUTON, PAPRIKA, TIMER)


# --- Kinds ---------------------------------------------------------------------------------------


def test_the_table_of_kinds_refers_only_to_itself_and_has_no_circle() -> None:
    table = archetypes.table()
    done: set[str] = set()
    while len(done) < len(table):
        ready = {key for key, kind in table.items() if key not in done and set(kind.needs) <= done}
        assert ready, "kinds that need each other"
        done |= ready
    for kind in table.values():
        assert 0 < kind.days[0] <= kind.days[1] <= kind.days[2]
        assert len(kind.edge_cases) >= 3
        assert kind.risks
        assert kind.words


@pytest.mark.parametrize(
    ("name", "kinds"),
    [
        ("import bank statements", ["import", "integration"]),
        ("push notifications", ["notification"]),
        ("shared shopping list", ["sharing", "record"]),
        ("AI suggestions", ["assistant"]),
        ("split payments", ["sharing", "billing"]),
        ("zorblax", []),
    ],
)
def test_recognise(name: str, kinds: list[str]) -> None:
    assert archetypes.recognise(name) == kinds


def test_own_words_tell_more_than_other_wordings() -> None:
    assert archetypes.recognise("calendar", ["photo", "video"])[0] == "scheduling"


def test_a_feature_of_no_kind_is_taken_for_plain_records_and_says_so() -> None:
    made = study("zorblax", "f1", *ALL)
    assert made.archetypes == []
    assert "No word tells its kind" in made.note
    assert {row.archetype for row in made.edge_cases} == {"record"}


# --- Reading -------------------------------------------------------------------------------------


def test_implementations_are_the_products_that_state_it() -> None:
    rows = found(*ALL).implementations
    assert [row.product for row in rows] == ["Mealie", "Mela"]
    for row in rows:
        assert row.how in row.evidence[0].text
    assert found(*ALL).prevalence == 0.4


def test_how_ends_where_the_sentence_turns() -> None:
    about = topic(wanted(), embed)
    sentence = "Everything is free, but the shopping list costs money; nobody knows why."
    assert implementations.telling_part(sentence, about) == "but the shopping list costs money"
    assert implementations.telling_part("It keeps one shopping list.", about) == "It keeps one shopping list."


def test_products_of_other_markets_are_marked() -> None:
    rows = found(*ALL, market=["mela"]).implementations
    assert [(row.product, row.in_market) for row in rows] == [("Mela", True), ("Mealie", False)]


def test_market_is_the_category_of_the_nearest() -> None:
    food = [document(f"food{n}", f"Food{n} has a shopping list.", category="food") for n in range(3)]
    bank = document("bank", "Bank has a shopping list.", category="money")
    assert survey(*food, bank).market == {one.id for one in survey(*food).entities}


def test_other_wordings_count_as_the_feature() -> None:
    grocery = document("grocery", "Grocery writes the larder ledger.")
    assert not found(grocery).implementations
    feature = wanted(wordings=["larder ledger"])
    assert survey(grocery).study(feature, {"grocery"}, embed).implementations


def test_lacks_and_complaints_are_limits_complaints_first() -> None:
    rows = found(*ALL).limits
    assert [(row.product, row.evidence[0].role) for row in rows[:2]] == [
        ("Crouton", "complaint"),
        ("Paprika", "absence"),
    ]
    assert found(*ALL).complaints == 1
    assert all(row.basis == "evidence" and row.reason for row in rows)


def test_one_product_has_not_all_the_limits() -> None:
    text = " ".join(f"The shopping list is limited to {n} items." for n in range(5))
    assert len(found(document("many", text)).limits) == limits.PER_PRODUCT


def test_patterns_need_two_products() -> None:
    one = document("one", "One fills the shopping list automatically.")
    two = document("two", "Two sorts the shopping list automatically.")
    row = next(row for row in found(one, two).patterns if row.label.startswith("by itself"))
    assert (sorted(row.products), row.share, len(row.evidence)) == (["One", "Two"], 1.0, 2)
    assert found(one).patterns == []


def test_declared_open_source_with_its_licence() -> None:
    (row,) = found(*ALL).open_source
    assert (row.name, row.licences, row.is_repository, row.stars, row.activity) == (
        "Mealie", ["AGPL"], False, None, "unknown",
    )  # fmt: skip
    assert "open source" in row.evidence[0].text


@pytest.mark.parametrize(
    "sentence", ["It is not open source.", "Users complain that it is open source.", "It is proprietary."]
)
def test_what_is_not_open_source(sentence: str) -> None:
    assert found(document("closed", f"Closed has a shopping list. {sentence}")).open_source == []


@pytest.mark.parametrize(
    ("facts", "activity"),
    [
        ({"released_on": "2026-10-01"}, "active"),
        ({"released_on": "2026-02-01"}, "slow"),
        ({"released_on": "2024-01-01"}, "dormant"),
        ({"released_on": "2026-10-01", "archived": True}, "archived"),
        ({}, "unknown"),
    ],
)
def test_repositories_come_with_their_facts(facts: dict[str, Any], activity: str) -> None:
    plain = document("box", "Box has a shopping list.", kind="repository")
    source = dataclasses.replace(plain, facts={"stars": 1234, "licenses": ["MIT"], **facts})
    (row,) = found(source).open_source
    assert (row.is_repository, row.stars, row.licences, row.activity) == (True, 1234, ["MIT"], activity)


# --- Proof ---------------------------------------------------------------------------------------


def test_what_a_source_does_not_say_any_more_is_dropped() -> None:
    before = found(*ALL)
    texts = {each.id: each.text for each in ALL}
    assert proof.prove(before, texts) == (before, 0)
    after, dropped = proof.prove(before, {**texts, "mealie": "Something else."})
    assert [row.product for row in after.implementations] == ["Mela"]
    assert after.open_source == []
    assert (dropped, after.market_holders) == (2, before.market_holders - 1)


def test_a_pattern_falls_with_its_products() -> None:
    one = document("one", "One fills the shopping list automatically.")
    two = document("two", "Two sorts the shopping list automatically.")
    after, _ = proof.prove(found(one, two), {"one": one.text, "two": ""})
    assert after.patterns == []
    assert not proof.prove(after, {})[0].is_evidenced


# --- Risks and days ------------------------------------------------------------------------------


def test_severity_is_the_product_and_the_worst_come_first() -> None:
    for name in ("shopping list", "payments", "sync", "zorblax"):
        rows = study(name, "f1", *ALL).risk_matrix
        assert [row.severity for row in rows] == sorted((r.severity for r in rows), reverse=True)
        for row in rows:
            assert row.severity == row.likelihood * row.impact
            assert row.level == risks.level(row.severity)
            assert row.reasons
            assert (row.basis == "evidence") == bool(row.evidence)


@pytest.mark.parametrize(
    ("severity", "level"), [(1, "low"), (5, "low"), (6, "medium"), (12, "high"), (25, "high")]
)
def test_levels(severity: int, level: str) -> None:
    assert risks.level(severity) == level


def test_complaints_raise_a_risk_that_they_speak_of() -> None:
    plain = study("sync", "f1", document("calm", "Calm has sync."), TIMER)
    angry = study("sync", "f1", document("angry", "Users complain that Angry sync lost their data."), TIMER)
    text = "Data are lost when changes meet"
    before, after = (next(row for row in each.risk_matrix if row.text == text) for each in (plain, angry))
    assert (before.likelihood, after.likelihood) == (3, 4)
    assert (before.basis, after.basis) == ("rule", "evidence")
    assert "Angry" in after.reasons[-1]


def test_an_estimate_is_the_sum_of_its_reasons() -> None:
    made = [study(name, name, *ALL) for name in ("shopping list", "payments", "import photos", "zorblax")]
    for estimate in [*(each.effort for each in made), effort.mvp(made), effort.mvp(made[:1])]:
        for part in ("min", "likely", "max"):
            assert getattr(estimate, part) == round(sum(getattr(row, part) for row in estimate.reasons), 2)
        assert 0 < estimate.min <= estimate.likely <= estimate.max


def test_active_open_source_saves_days() -> None:
    plain = document("box", "Box has a shopping list.", kind="repository")
    active = dataclasses.replace(plain, facts={"released_on": "2026-10-01"})
    before, after = study("shopping list", "f1", plain).effort, study("shopping list", "f1", active).effort
    assert (after.min < before.min, after.max) == (True, before.max)


# --- Order ---------------------------------------------------------------------------------------


def named(*names: str) -> list[FeatureStudy]:
    return [study(name, f"f{number}") for number, name in enumerate(names)]


def needs(names: Sequence[str], idea: str = "a box") -> set[tuple[str, str, str]]:
    made = named(*names)
    kept, _ = dependencies.between(made, idea)
    return {(names[edge.feature], names[edge.on], edge.basis) for edges in kept.values() for edge in edges}


@pytest.mark.parametrize(
    "idea",
    [
        "It makes a shopping list from the meal plan.",
        "Shopping lists based on meal plans",
        "Turns the meal plan into a shopping list",
        "It plans meals, and meal plans are turned into shopping lists.",
    ],
)
def test_the_idea_says_what_comes_first(idea: str) -> None:
    assert needs(["shopping list", "meal plan"], idea) == {("shopping list", "meal plan", "explicit")}


@pytest.mark.parametrize(
    "idea", ["A shopping list and a meal plan", "A shopping list. From a meal plan", "plan a list from meals"]
)
def test_the_idea_says_nothing_of_an_order(idea: str) -> None:
    assert needs(["shopping list", "meal plan"], idea) == set()


def test_products_say_what_comes_first() -> None:
    tandoor = document("tandoor", "Tandoor fills the shopping list from the meal plan.")
    made = [study("shopping list", "f0", tandoor), study("meal plan", "f1", tandoor)]
    kept, aside = dependencies.between(made, "a box")
    ((edge,), ()) = kept.values()
    assert (edge.on, edge.basis) == (1, "explicit")
    assert edge.reason.startswith("Tandoor does it so:")
    # Both products' rows say it; once is enough, and nothing is set aside for it.
    assert aside == []


def test_names_and_kinds_say_what_comes_first() -> None:
    assert needs(["shared shopping list", "shopping list"]) == {
        ("shared shopping list", "shopping list", "explicit")
    }
    assert needs(["payments", "sign up"]) == {("payments", "sign up", "derived")}
    assert needs(["import recipes", "recipe collection"]) == {
        ("import recipes", "recipe collection", "derived")
    }
    assert needs(["import photos of receipts", "shopping list"]) == set()


def test_a_circle_is_not_closed() -> None:
    made = named("shopping list", "meal plan")
    idea = "A shopping list from the meal plan. A meal plan from the shopping list."
    kept, aside = dependencies.between(made, idea)
    assert [edge.on for edge in kept[0]] == [1]
    assert kept[1] == []
    assert [(row.feature_id, row.on) for row in aside] == [("f1", "f0")]
    assert "already comes after" in aside[0].reason


def test_every_pair_is_set_aside_once_however_often_it_is_said() -> None:
    made = named("shopping list", "meal plan", "pantry")
    said = (
        "A shopping list from the meal plan. The meal plan from the shopping list. A pantry from meal plans. "
    )
    kept, aside = dependencies.between(made, said * 5 + "The meal plan from the pantry.")
    assert {number: [edge.on for edge in edges] for number, edges in kept.items()} == {0: [1], 1: [], 2: [1]}
    assert [(row.feature_id, row.on) for row in aside] == [("f1", "f0"), ("f1", "f2")]
    assert aside[0].reason.endswith("But shopping list already comes after meal plan.")


def test_features_of_one_name_are_no_explosion() -> None:
    """Ten features a hundred times in each of fourteen sentences are a million pairs of places in each."""
    made = [study("csv", "f0").model_copy(update={"id": f"f{number}"}) for number in range(10)]
    kept, aside = dependencies.between(made, "csv from " * 900)
    assert len(aside) + sum(map(len, kept.values())) == 90
    assert sum(len(row.reason) for row in aside) < 90 * 1000
    quoted = [len(dependencies.places("csv", sentence)) for sentence in ("csv " * 100, "csv")]
    assert quoted == [dependencies.MAX_PLACES, 1]


def test_names_and_sentences_may_hold_braces() -> None:
    text = "Acme {beta} fills the {0} shopping list from the meal plan."
    acme = document("acme", text, name="Acme {beta}")
    made = [study("shopping list", "f0", acme), study("meal plan", "f1", acme)]
    kept, _ = dependencies.between(made, "a {box} with a % and a meal plan from the {}")
    ((edge,), ()) = kept.values()
    assert edge.reason == f"Acme {{beta}} does it so: “{text}”"


WORDS = [
    "recipe list",
    "shopping list",
    "meal plan",
    "payments",
    "sign up",
    "share plan",
    "import recipes",
    "sync",
]


@given(
    st.lists(st.sampled_from(WORDS), min_size=1, unique=True),
    st.lists(st.tuples(st.sampled_from(WORDS), st.sampled_from(["from", "into"]), st.sampled_from(WORDS))),
)
def test_nothing_comes_before_what_it_needs(names: list[str], said: list[tuple[str, str, str]]) -> None:
    made = [STUDIES[name] for name in names]
    idea = " ".join(f"The {first} goes {word} the {second}." for first, word, second in said) or "a box"
    plan = blueprint.plan(made, idea)
    place = {step.feature_id: step.position for step in plan.build_order}
    assert sorted(place.values()) == list(range(1, len(names) + 1))
    for step in plan.build_order:
        assert all(place[need.on] < step.position for need in step.depends_on)
    stays = {(step.feature_id, need.on) for step in plan.build_order for need in step.depends_on}
    pairs = [(row.feature_id, row.on) for row in plan.set_aside]
    assert len(set(pairs)) == len(pairs)
    assert stays.isdisjoint(pairs)
    assert all(place[feature_id] < place[on] for feature_id, on in pairs)
    phases = [step.phase for step in plan.build_order]
    assert phases == sorted(phases)
    assert plan.mvp.feature_ids == [step.feature_id for step in plan.build_order if step.phase == 1] != []


def test_first_phase_is_what_the_idea_names_or_most_have() -> None:
    rows = [document(f"p{n}", f"P{n} has sync.") for n in range(3)]
    made = [study("sync", "f0", *rows), study("payments", "f1", *rows), study("meal plan", "f2", *rows)]
    plan = blueprint.plan(made, "a box that plans meals")
    reasons = {step.feature_id: (step.phase, step.reason) for step in plan.build_order}
    assert reasons["f0"] == (1, "100% of the market's products have it.")
    assert reasons["f2"] == (1, "The idea names it.")
    assert reasons["f1"][0] == 2


def test_summary_stands_on_quotes_where_it_tells_of_products() -> None:
    made = [study("shopping list", "f0", *ALL), study("zorblax", "f1", *ALL)]
    first, second, *rest = telling.summary(made, blueprint.plan(made, "a shopping list"))
    assert first.text.startswith("shopping list: 2 implementations seen, among them Mealie and Mela.")
    assert len(first.evidence_ids) == 2
    assert "None of the 5 sources" in second.text
    assert second.evidence_ids == []
    assert "days, most likely" in rest[0].text


STUDIES = {name: study(name, name) for name in WORDS}
