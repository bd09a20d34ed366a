"""Whether what was quoted is still on its page: real pages on this machine that change."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.conf import LazySettings
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob

from manticscore.clients.fetch import fetcher as fetching
from research import rechecking, tasks
from research.analyst import text as texts
from research.models import (
    Evidence,
    FeatureEvidence,
    FeatureResearchJob,
    Quoted,
    ResearchJob,
    Source,
    Verdict,
)
from tests import factories
from tests.helpers import sites
from tests.helpers.sites import Site, answer

pytestmark = pytest.mark.django_db
PRICE = "Mealie costs 3 dollars a month for a whole family."
SHARE = "Families share their recipes with friends & neighbours."
LOST = "It can also control your oven from far away."
AGES = {"market": 40, "both": 60, "feature": 90}  # in days
FILLING = [
    "Mealie plans meals for the whole week.",
    "It imports recipes from any website.",
    "It runs on phones.",
]


def page(*sentences: str) -> bytes:
    text = "".join(f"<p>{sentence}</p>" for sentence in sentences)
    return answer(f"<html><title>Mealie</title><body><main><h1>Mealie</h1>{text}</main></body></html>")


@pytest.fixture
def site(settings: LazySettings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    fetching.KNOWN_ROBOTS.clear()
    monkeypatch.setattr(fetching.TURNS, "_gap", 0.0)
    with sites.site() as served:
        settings.FETCH_ALLOW_PRIVATE = [f"127.0.0.1:{served.port}"]
        yield served


def quoted(
    site: Site, *quotes: str, job: ResearchJob | FeatureResearchJob | None = None, **values: object
) -> Source:
    """A source that was read from the site, and evidence with these quotes."""
    text = " ".join(quotes)
    source = factories.source(
        text=text, url=f"http://127.0.0.1:{site.port}/", **{"retrieved": True, **values}
    )
    job = job or factories.research_job()
    for quote in quotes:
        factories.evidence(job, source, quote)
    return source


def verdicts() -> dict[str, str]:
    return dict(Evidence.objects.values_list("quote", "verdict"))


def check(source: Source) -> None:
    for _ in rechecking.recheck([source.pk]):
        pass


def test_a_page_is_split_once_for_all_its_quotes(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    split: list[str] = []
    sentences = texts.sentences
    monkeypatch.setattr(texts, "sentences", lambda text: split.append(text) or sentences(text))  # type: ignore[func-returns-value]
    source = quoted(site, PRICE, SHARE, LOST)
    site.pages["/"] = page(*FILLING)
    [(_, counts)] = rechecking.recheck([source.pk])
    assert counts == {Verdict.GONE: 3}
    assert len(split) == 2, "its main part, and all of it"


def test_every_quote_gets_its_verdict_from_one_visit(site: Site) -> None:
    source = quoted(site, PRICE, SHARE, LOST)
    raised = PRICE.replace("3", "5")
    site.pages["/"] = page(*FILLING, raised, "Families  share their\nrecipes with friends &amp; neighbours.")
    [(_, counts)] = rechecking.recheck([source.pk])
    assert verdicts() == {PRICE: Verdict.CHANGED, SHARE: Verdict.STILL_THERE, LOST: Verdict.GONE}
    assert counts == {Verdict.CHANGED: 1, Verdict.STILL_THERE: 1, Verdict.GONE: 1}
    assert dict(Evidence.objects.values_list("quote", "now_says")) == {PRICE: raised, SHARE: "", LOST: ""}
    assert not Evidence.objects.exclude(checked_at__gt=timezone.now() - timedelta(minutes=1)).exists()
    assert site.visited == ["/"]


def test_typesetting_is_no_change(site: Site) -> None:
    source = quoted(site, "It's the family's \"own\" recipe box on any device.")
    site.pages["/"] = page("It’s the family’s “own”&nbsp;recipe box on any device.", *FILLING)
    check(source)
    assert set(verdicts().values()) == {Verdict.STILL_THERE}


@pytest.mark.parametrize(
    ("body", "verdict"),
    [
        (answer(status=404), Verdict.GONE),
        (answer(status=410), Verdict.GONE),
        (answer(status=500), Verdict.UNREACHABLE),
        (answer(status=403), Verdict.UNREACHABLE),
        (b"", Verdict.UNREACHABLE),
        (answer("<p>Checking your browser before you go on to this site.</p>" * 9), Verdict.UNREACHABLE),
        (answer(""), Verdict.UNREACHABLE),
        (answer(b"%PDF", type="application/pdf"), Verdict.UNREACHABLE),
        (page(*FILLING), Verdict.GONE),
    ],
)
def test_pages_that_are_no_longer_what_they_were(site: Site, body: bytes, verdict: Verdict) -> None:
    source = quoted(site, PRICE)
    site.pages["/"] = body
    check(source)
    assert verdicts() == {PRICE: verdict}


def test_a_later_look_replaces_an_earlier_one(site: Site) -> None:
    source = quoted(site, PRICE)
    site.pages["/"] = page(PRICE.replace("3", "5"), *FILLING)
    check(source)
    site.pages["/"] = page(PRICE, *FILLING)
    check(source)
    assert Evidence.objects.values_list("verdict", "now_says").get() == (Verdict.STILL_THERE, "")


@pytest.mark.parametrize("known", [Verdict.CHANGED, Verdict.GONE])
def test_a_page_that_cannot_be_read_leaves_what_was_found_on_it(site: Site, known: Verdict) -> None:
    source = quoted(site, PRICE)
    Evidence.objects.update(verdict=known, now_says="Mealie is free.")
    site.pages["/"] = answer(status=500)
    [(_, counts)] = rechecking.recheck([source.pk])
    assert Evidence.objects.values_list("verdict", "now_says").get() == (known, "Mealie is free.")
    assert counts == {Verdict.UNREACHABLE: 1}
    assert rechecking.due(timedelta(days=1), 10) == [], "it was looked at"


def test_a_page_that_we_did_not_get_to_is_untouched(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    source = quoted(site, PRICE)
    site.pages["/"] = page(PRICE, *FILLING)
    monkeypatch.setattr(fetching.TURNS, "_gap", 3600.0)
    fetching.TURNS.take(f"127.0.0.1:{site.port}", 0)
    assert list(rechecking.recheck([source.pk])) == []
    assert Evidence.objects.values_list("verdict", "checked_at").get() == ("", None)
    assert site.requests == []


def test_time_that_is_over_leaves_pages_untouched(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    source = quoted(site, PRICE)
    site.pages["/"] = lambda send: site.wait(60) and None
    monkeypatch.setattr(rechecking, "PAGE_SECONDS", 0.2)
    check(source)
    assert Evidence.objects.values_list("verdict", "checked_at").get() == ("", None)


def test_one_visit_serves_everybody_who_quotes_the_page(site: Site) -> None:
    source = quoted(site, PRICE)
    factories.evidence(factories.research_job(), source, PRICE)
    deep = factories.feature_research_job()
    factories.evidence(deep, source, PRICE)
    factories.evidence(deep, factories.source("elsewhere", text=f"{PRICE} {LOST}"), LOST)
    site.pages["/"] = page(PRICE, *FILLING)
    [(_, counts)] = rechecking.recheck([source.pk])
    assert counts == {Verdict.STILL_THERE: 3}
    assert site.visited == ["/"]
    told = dict(FeatureEvidence.objects.values_list("quote", "verdict"))
    assert told == {PRICE: Verdict.STILL_THERE, LOST: ""}, "only of the page that was visited"


@pytest.mark.parametrize("known", [Verdict.CHANGED, ""])
def test_evidence_of_features_is_looked_up_alike(site: Site, known: str) -> None:
    source = quoted(site, PRICE, LOST, job=factories.feature_research_job())
    FeatureEvidence.objects.update(verdict=known)
    site.pages["/"] = answer(status=500)
    check(source)
    assert set(FeatureEvidence.objects.values_list("verdict", flat=True)) == {known or Verdict.UNREACHABLE}
    raised = PRICE.replace("3", "5")
    site.pages["/"] = page(*FILLING, raised)
    check(source)
    told = FeatureEvidence.objects.values_list("quote", "verdict", "now_says")
    assert set(told) == {(PRICE, Verdict.CHANGED, raised), (LOST, Verdict.GONE, "")}
    assert not FeatureEvidence.objects.filter(checked_at=None).exists()


def test_what_was_not_read_from_its_page_is_not_looked_for_there(site: Site) -> None:
    source = quoted(site, PRICE, retrieved=False)
    assert rechecking.due(timedelta(days=-1), 10) == []
    assert list(rechecking.recheck([source.pk])) == []
    assert (verdicts(), site.requests) == ({PRICE: ""}, [])


def test_the_longest_unseen_is_due_first(site: Site) -> None:
    now = timezone.now()
    seen = [quoted(site, PRICE, key=f"{days}", fetched_at=now - timedelta(days=days)) for days in (40, 90, 5)]
    assert rechecking.due(timedelta(days=30), 10) == [seen[1].pk, seen[0].pk]
    assert rechecking.due(timedelta(days=30), 1) == [seen[1].pk]
    Evidence.objects.filter(source=seen[1]).update(checked_at=now - timedelta(days=1))
    assert rechecking.due(timedelta(days=30), 10) == [seen[0].pk]
    factories.source("unquoted", retrieved=True, fetched_at=now - timedelta(days=400))
    assert rechecking.due(timedelta(days=30), 10) == [seen[0].pk]


def test_sources_of_both_kinds_are_due_in_one_order(site: Site) -> None:
    now, deep = timezone.now(), factories.feature_research_job()
    days = {name: {"key": name, "fetched_at": now - timedelta(days=age)} for name, age in AGES.items()}
    market, both = quoted(site, PRICE, **days["market"]), quoted(site, PRICE, **days["both"])
    feature = quoted(site, PRICE, job=deep, **days["feature"])
    factories.evidence(deep, both, PRICE, checked_at=now)
    assert rechecking.due(timedelta(days=30), 10) == [feature.pk, both.pk, market.pk]
    assert rechecking.due(timedelta(days=30), 2) == [feature.pk, both.pk]
    assert rechecking.due(timedelta(days=30), 10, [deep.evidence.all()]) == [feature.pk]


def test_a_page_that_was_looked_at_meanwhile_is_passed_over(site: Site) -> None:
    source = quoted(site, PRICE, fetched_at=timezone.now() - timedelta(days=1))
    site.pages["/"] = page(PRICE, *FILLING)
    for _ in range(2):
        tasks.recheck_sources([str(source.pk)])
    assert site.visited == ["/"]
    Evidence.objects.all().delete()
    Source.objects.update(fetched_at=timezone.now() - timedelta(days=1))
    tasks.recheck_sources([str(source.pk)])
    assert site.visited == ["/"], "nobody quotes it any more"


def test_the_jobs(site: Site, settings: LazySettings) -> None:
    source = quoted(site, PRICE, fetched_at=timezone.now() - timedelta(days=400))
    site.pages["/"] = page(PRICE, *FILLING)
    waiting = ProcrastinateJob.objects.filter(task_name="research.recheck_sources")
    settings.RECHECK_PER_NIGHT = 0
    tasks.recheck_stale_evidence(0)
    assert not waiting.exists()
    settings.RECHECK_PER_NIGHT = 5
    tasks.recheck_stale_evidence(0)
    assert waiting.values_list("args", "queue_name").get() == ({"source_ids": [str(source.pk)]}, "background")
    tasks.recheck_sources([str(source.pk)])
    assert verdicts() == {PRICE: Verdict.STILL_THERE}


def test_pages_of_one_host_are_one_job(site: Site) -> None:
    key = {"retrieved": True}
    first = factories.source("first", url="https://one.example/a", **key)
    second = factories.source("second", url="https://two.example/", **key)
    third = factories.source("third", url="https://one.example/b", **key)
    groups = rechecking.by_host([first.pk, second.pk, third.pk])
    assert {host: set(group) for host, group in groups.items()} == {
        "one.example": {first.pk, third.pk},
        "two.example": {second.pk},
    }
    for _ in range(2):  # whoever asks, one after another
        tasks.recheck_by_host([first.pk, second.pk, third.pk])
    waiting = ProcrastinateJob.objects.filter(task_name="research.recheck_sources").order_by("id")
    locks = list(waiting.values_list("lock", flat=True))
    assert locks[:2] == locks[2:]
    assert len(set(locks)) == 2
    assert set(waiting.values_list("queueing_lock", flat=True)) == {None}


def test_news_are_of_the_evidence_asked_about() -> None:
    since = timezone.now()
    job, deep = factories.research_job(), factories.feature_research_job()
    later = since + timedelta(minutes=1)
    told: list[Quoted] = [
        factories.evidence(job, verdict=Verdict.GONE, checked_at=later),
        factories.evidence(deep, verdict=Verdict.CHANGED, checked_at=later),
    ]
    for verdict, moment in (
        (Verdict.GONE, since),
        (Verdict.STILL_THERE, later),
        (Verdict.UNREACHABLE, later),
    ):
        factories.evidence(job, verdict=verdict, checked_at=moment)
        factories.evidence(deep, verdict=verdict, checked_at=moment)
    assert [*rechecking.news(job.evidence.all(), since), *rechecking.news(deep.evidence.all(), since)] == told
