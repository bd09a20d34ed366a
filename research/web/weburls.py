"""Addresses of pages as people and search sources write them: which are the same, and what lives there."""

from __future__ import annotations

import re
from urllib.parse import parse_qsl, urlencode, urlsplit

from manticscore.lib import storable
from manticscore.lib.words import word_set
from research.analyst.sites import KIND_OF_SITE

# Query parameters that say where a visitor came from, not which page this is.
TRACKING = re.compile(
    r"(?:utm_|hsa_|pk_|mtm_|matomo_)\w+|gclid|gbraid|wbraid|dclid|fbclid|msclkid|yclid|twclid|mc_[ce]id|igshid"
    r"|ref|ref_src|referrer|source|_hsenc|_hsmi|mkt_tok|spm|si",
    re.IGNORECASE,
)
FILES = re.compile(
    r"\.(?:pdf|docx?|pptx?|xlsx?|zip|gz|tgz|bz2|xz|7z|rar|dmg|exe|msi|apk|deb|rpm|iso|jpe?g|png|gif|webp|svg|ico"
    r"|mp[34]|m4a|webm|avi|mov|json|csv|xml|rss|atom|js|css|woff2?)$",
    re.IGNORECASE,
)
# Their pages need a browser or a login, and describe no product.
UNREADABLE = word_set(
    """
    youtube.com youtu.be x.com twitter.com facebook.com instagram.com tiktok.com pinterest.com linkedin.com
    threads.net t.me discord.com discord.gg vimeo.com twitch.tv google.com bing.com
    """
)
LISTICLE = re.compile(
    r"\b(?:best|top)\b.{0,30}\b\d|\b\d{1,3}\+? (?:best|top|great|free|alternatives?|apps?|tools?)\b"
    r"|\balternatives?\b|\b(?:best|top) .{3,60}\b(?:apps?|tools?|software|services|platforms)\b"
    r"|\bvs\.? |\bversus\b|\bcompar(?:ed|ison|ing)\b|\breviews?\b",
    re.IGNORECASE,
)
DOCUMENTATION = re.compile(
    r"^(?:docs?|documentation|help|support|wiki|kb|learn)\.|/(?:docs?|documentation|manual)(?:/|$)"
)
REPORTS = re.compile(
    r"^(?:blog|news|press)\.|/(?:blog|news|press|posts?|articles?|stories)/|/20\d\d/[01]?\d/"
)


def canonical(url: str) -> str | None:
    """The URL to visit, without what does not change the page; None for what is no page to read."""
    if storable.objection(url):
        return None
    try:
        parts = urlsplit(url.strip())
        host, port = (parts.hostname or "").removesuffix("."), parts.port
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or not host or FILES.search(parts.path):
        return None
    default = {"http": 80, "https": 443}[parts.scheme]
    place = f"[{host}]" if ":" in host else host
    authority = place if port in (None, default) else f"{place}:{port}"
    kept = [(k, v) for k, v in parse_qsl(parts.query, keep_blank_values=True) if not TRACKING.fullmatch(k)]
    query = f"?{urlencode(kept)}" if kept else ""
    return f"{parts.scheme}://{authority}{parts.path or '/'}{query}"


def key(url: str) -> str:
    """Equal for two canonical URLs that mean one page: with and without TLS, www and a final slash."""
    place = url.partition("://")[2].removeprefix("www.")
    path, question, query = place.partition("?")
    return f"{path.rstrip('/')}{question}{query}"


def site(url: str) -> str:
    """The host without www, or the known site it belongs to."""
    host = (urlsplit(url).hostname or "").removeprefix("www.")
    labels = host.split(".")
    parents = [".".join(labels[at:]) for at in range(len(labels) - 1)]
    return next((name for name in parents if name in KIND_OF_SITE or name in UNREADABLE), host)


def is_readable(url: str) -> bool:
    return site(url) not in UNREADABLE


def kind(url: str, title: str) -> str:
    """What sort of source a page is, by where it lives and what it calls itself."""
    known = KIND_OF_SITE.get(site(url))
    if known:
        return known
    parts = urlsplit(url)
    place = f"{parts.hostname or ''}{parts.path}"
    if LISTICLE.search(title):
        return "listicle"
    if DOCUMENTATION.search(place):
        return "documentation"
    return "news" if REPORTS.search(place) else "product page"
