"""manage.py import_sources with lists of pages: real pages of this machine."""

from __future__ import annotations

import gzip
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import LazySettings
from django.core.management import CommandError, call_command

from manticscore.clients.fetch import fetcher as fetching
from research.corpus import indexing
from research.models import Source
from tests.helpers import sites
from tests.helpers.sites import Site, answer

pytestmark = pytest.mark.django_db
NS = 'xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"'


def page(name: str) -> bytes:
    said = [
        f"{name} is a recipe manager for families that plans the meals of the week.",
        f"{name} imports recipes from any website and keeps them in one place.",
        "It writes the shopping list from the meals that were planned before.",
        f"The families of {name} share their recipes with each other for free.",
    ]
    text = "".join(f"<p>{sentence}</p>" for sentence in said)
    return answer(f"<title>{name}</title><body><main><h1>{name}</h1>{text}</main></body>")


@pytest.fixture
def site(settings: LazySettings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    fetching.KNOWN_ROBOTS.clear()
    monkeypatch.setattr(fetching.TURNS, "_gap", 0.0)
    with sites.site() as served:
        served.pages |= {"/mealie": page("Mealie"), "/paprika": page("Paprika")}
        settings.FETCH_ALLOW_PRIVATE = [f"127.0.0.1:{served.port}"]
        yield served


def at(site: Site, *paths: str) -> list[str]:
    return [f"http://127.0.0.1:{site.port}{path}" for path in paths]


def sitemap(*places: str, kind: str = "urlset", entry: str = "url") -> str:
    entries = "".join(
        f"<{entry}><loc> {place} </loc><lastmod>2026-01-01</lastmod></{entry}>" for place in places
    )
    return f'<?xml version="1.0" encoding="UTF-8"?><{kind} {NS}>{entries}</{kind}>'


def write(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def run(*arguments: Any) -> tuple[str, list[str]]:
    said, complained = io.StringIO(), io.StringIO()
    call_command("import_sources", *map(str, arguments), stdout=said, stderr=complained)
    return said.getvalue().strip(), complained.getvalue().splitlines()


def test_pages_of_a_list_become_sources(site: Site, tmp_path: Path) -> None:
    lines = ["# recipe managers", *at(site, "/mealie", "/missing"), "", "nonsense", *at(site, "/paprika#top")]
    said, complained = run(write(tmp_path / "pages.txt", "\n".join(lines)))
    assert said == "2 created, 0 updated, 0 unchanged, 2 refused; 2 indexed."
    assert complained == [
        "pages.txt:5: not the http or https URL of a page",
        "pages.txt:3: the site answered 404",
    ]
    kept = Source.objects.filter(origin="pages")
    assert {source.url for source in kept} == set(at(site, "/mealie", "/paprika"))
    assert all(source.retrieved for source in kept)
    assert indexing.is_complete()


def test_an_import_again_goes_on_where_it_stopped(site: Site, tmp_path: Path) -> None:
    path = write(tmp_path / "pages.txt", "\n".join(at(site, "/mealie", "/paprika")))
    said, complained = run(path, "--limit", 1)
    assert said == "1 created, 0 updated, 0 unchanged, 1 refused; 1 indexed."
    assert complained == ["pages.txt:2: left for the next run: the budget is used up"]
    assert run(path, "--limit", 1)[0].startswith("1 created, 0 updated, 1 unchanged, 0 refused; ")
    assert run(path) == ("0 created, 0 updated, 2 unchanged, 0 refused; 0 indexed.", [])
    assert sorted(site.visited) == ["/mealie", "/paprika"]


def test_time_is_a_budget_too(site: Site, tmp_path: Path) -> None:
    path = write(tmp_path / "pages.txt", "\n".join(at(site, "/mealie", "/paprika")))
    with pytest.raises(CommandError, match=r"^0 created, 0 updated, 0 unchanged, 2 refused; 0 indexed\.$"):
        run(path, "--minutes", 0)
    assert site.requests == []


@pytest.mark.parametrize("packed", [False, True])
def test_a_sitemap_from_a_file(site: Site, tmp_path: Path, packed: bool) -> None:
    text = sitemap(*at(site, "/mealie", "/paprika?utm_source=map")).encode()
    name = "map.xml.gz" if packed else "map.xml"
    said, _ = run(write(tmp_path / name, gzip.compress(text) if packed else text))
    assert said == "2 created, 0 updated, 0 unchanged, 0 refused; 2 indexed."
    assert set(Source.objects.values_list("origin", flat=True)) == {"map"}


def test_a_sitemap_from_the_web_with_an_index(site: Site) -> None:
    site.pages |= {
        "/sitemap.xml": answer(
            sitemap(*at(site, "/one.xml", "/two.xml.gz"), kind="sitemapindex", entry="sitemap"),
            type="application/xml",
        ),
        "/one.xml": answer(sitemap(*at(site, "/mealie")), type="text/xml; charset=utf-8"),
        "/two.xml.gz": answer(
            gzip.compress(sitemap(*at(site, "/paprika")).encode()), type="application/gzip"
        ),
    }
    said, complained = run(*at(site, "/sitemap.xml"))
    assert (said, complained) == ("2 created, 0 updated, 0 unchanged, 0 refused; 2 indexed.", [])
    assert set(Source.objects.values_list("origin", flat=True)) == {"127.0.0.1"}


LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10 if n else "lol"}">' for n in range(10))
ILL = {
    "entities": f"<!DOCTYPE urlset [{LAUGHS}]><urlset {NS}><url><loc>&l9;</loc></url></urlset>",
    "external": '<!DOCTYPE u SYSTEM "file:///etc/passwd"><urlset/>',
    "behind a comment": f"<!--{'x' * 100_000}--><!DOCTYPE urlset><urlset {NS}/>",
    "utf-16": f'<?xml version="1.0" encoding="utf-16"?><!DOCTYPE urlset><urlset {NS}/>'.encode("utf-16"),
    "odd charset": b'<?xml version="1.0" encoding="no-such"?><urlset/>',
    "html": "<html><body>Not found</body></html>",
    "broken": f"<urlset {NS}><url><loc>",
    "empty": "",
    "feed": '<rss version="2.0"/>',
    "bomb": sites.bomb(100),
    "deep": "<a>" * 100_000,
}


@pytest.mark.parametrize("name", ILL)
def test_what_is_no_sitemap_is_refused(tmp_path: Path, name: str) -> None:
    before = sites.reset_peak_memory()
    with pytest.raises(CommandError, match=r"sitemap"):
        run(write(tmp_path / "map.xml", ILL[name]))
    assert sites.peak_memory() - before < 200 * 2**20
    assert not Source.objects.exists()


def test_indexes_do_not_lead_in_circles(site: Site) -> None:
    [place] = at(site, "/sitemap.xml")
    site.pages["/sitemap.xml"] = answer(sitemap(place, kind="sitemapindex", entry="sitemap"), type="text/xml")
    assert run(place) == ("0 created, 0 updated, 0 unchanged, 0 refused; 0 indexed.", [])
    assert site.visited == ["/sitemap.xml"] * 2


def test_a_sitemap_that_cannot_be_fetched(site: Site) -> None:
    with pytest.raises(CommandError, match=r": the site answered 404$"):
        run(*at(site, "/nowhere.xml"))
    with pytest.raises(CommandError, match=r": the host is not on the public internet$"):
        run("http://169.254.169.254/sitemap.xml")


def test_pages_inside_are_not_fetched(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=r"2 refused"):
        run(write(tmp_path / "pages.txt", "http://127.0.0.1/\nhttp://10.0.0.1/"))


def test_an_import_in_which_every_line_is_refused_fails(tmp_path: Path) -> None:
    path = write(tmp_path / "bad.jsonl", "{\n[]\n")
    with pytest.raises(CommandError, match=r"^0 created, 0 updated, 0 unchanged, 2 refused; 0 indexed\.$"):
        run(path)
