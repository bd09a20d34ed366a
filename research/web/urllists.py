"""Lists of pages to import: a text file with a URL a line, or a sitemap, from a file or from the web."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException, ElementTree

from manticscore.clients import fetch
from manticscore.clients.fetch import BadContent, FetchError, Limits
from manticscore.clients.fetch.content import gunzip
from research.corpus.importing import BadRecord
from research.web import weburls

MAX_URLS = 50_000  # what the protocol allows one sitemap
MAX_SITEMAPS = 50  # of one index
MAX_BYTES = 50 * 1024 * 1024
GZIP = b"\x1f\x8b"
DOWNLOAD = Limits(seconds=60, bytes=MAX_BYTES)  # as large as a file may be

Line = tuple[int, str | BadRecord]


def is_list(place: str) -> bool:
    """Whether this names pages to fetch instead of holding records."""
    return is_url(place) or Path(place).suffix.lower() in (".txt", ".xml", ".gz")


def is_url(place: str) -> bool:
    return place.lower().startswith(("http://", "https://"))


def read(place: str) -> Iterator[Line]:
    """The URLs of a list with their numbers; bad lines come as errors.

    Raises BadRecord for what is no list.
    """
    if is_url(place):
        yield from numbered(of_sitemap(download(place), depth=1))
        return
    path = Path(place)
    if path.stat().st_size > MAX_BYTES:
        raise BadRecord(f"{path.name}: larger than {MAX_BYTES // 2**20} MB")
    content = path.read_bytes()
    yield from of_text(content) if path.suffix.lower() == ".txt" else numbered(of_sitemap(content, depth=1))


def of_text(content: bytes) -> Iterator[Line]:
    """Blank lines and those that begin with # are passed over."""
    for number, line in enumerate(content.decode("utf-8-sig", "replace").splitlines(), 1):
        text = line.strip()
        if text and not text.startswith("#"):
            yield number, checked(text)


def numbered(urls: Iterator[str]) -> Iterator[Line]:
    for number, url in enumerate(urls, 1):
        if number > MAX_URLS:
            yield number, BadRecord(f"a list may name {MAX_URLS} pages; the rest is left out")
            return
        yield number, checked(url)


def checked(url: str) -> str | BadRecord:
    return weburls.canonical(url) or BadRecord("not the http or https URL of a page")


def of_sitemap(content: bytes, depth: int) -> Iterator[str]:
    """The pages of a sitemap, or of the sitemaps that an index names."""
    kind, places = parse(content)
    if kind != "sitemapindex":
        yield from places
        return
    for place in places[: MAX_SITEMAPS if depth else 0]:
        yield from of_sitemap(download(place), depth - 1)


def parse(content: bytes) -> tuple[str, list[str]]:
    """The root's name and the `loc` of its entries. Raises BadRecord.

    A sitemap declares nothing, so one with a document type is refused: entities could blow up.
    """
    try:
        if content.startswith(GZIP):
            content = gunzip(content, MAX_BYTES)
        root = ElementTree.fromstring(content, forbid_dtd=True)
    except DefusedXmlException:
        raise BadRecord("the sitemap declares a document type, which none needs") from None
    except (ParseError, BadContent, ValueError, LookupError) as error:
        raise BadRecord(f"not a sitemap: {error}") from None
    places = [(entry.text or "").strip() for child in root for entry in child if local(entry) == "loc"]
    if local(root) not in ("urlset", "sitemapindex"):
        raise BadRecord(f"not a sitemap: its root is {local(root)[:40]!r}")
    return local(root), [place for place in places if place]


def local(element: Element) -> str:
    """The name without its namespace."""
    return str(element.tag).rpartition("}")[2]


def download(url: str) -> bytes:
    try:
        return fetch.fetch(url, fetch.LISTS, DOWNLOAD).body
    except FetchError as error:
        raise BadRecord(f"{url}: {error}") from None
