"""Sites that everybody knows: what sort of source lives there, and whose page is whose.

After a host, every `/*` is a segment of the path that says whose page it is: those of `github.com/*/*` are an
owner and a repository.
"""

from __future__ import annotations

_SITES: dict[str | None, str] = {
    "repository": "github.com/*/* gitlab.com/*/* codeberg.org/*/* bitbucket.org/*/* sr.ht",
    "encyclopedia": "wikipedia.org britannica.com",
    "registry": """
        pypi.org/*/* npmjs.com/*/* hub.docker.com/*/*/* crates.io/*/* rubygems.org/*/* packagist.org/*/*/*
        flathub.org/*/* apps.apple.com/*/*/* play.google.com/*/*/* chromewebstore.google.com/*/*
        addons.mozilla.org/*/*/*/*
    """,
    "forum": """
        news.ycombinator.com reddit.com lobste.rs stackoverflow.com stackexchange.com superuser.com
        quora.com indiehackers.com slashdot.org
    """,
    "listicle": """
        g2.com capterra.com alternativeto.net producthunt.com getapp.com trustradius.com crunchbase.com
        softwareadvice.com softwaresuggest.com sourceforge.net/*/* saashub.com slant.co openalternative.co
        trustpilot.com toolify.ai
    """,
    "news": """
        techcrunch.com theverge.com wired.com arstechnica.com zdnet.com cnet.com engadget.com
        venturebeat.com theregister.com bbc.com bbc.co.uk nytimes.com theguardian.com forbes.com
        bloomberg.com reuters.com businessinsider.com medium.com substack.com dev.to hackernoon.com
        infoq.com pcmag.com techradar.com tomsguide.com lifehacker.com howtogeek.com makeuseof.com
        fastcompany.com axios.com 9to5mac.com xda-developers.com
    """,
    None: "docs.google.com/*/*/* sites.google.com/*/*",
}
_HOSTS = {
    host: (kind, path.count("*"))
    for kind, listed in _SITES.items()
    for host, _, path in (place.partition("/") for place in listed.split())
}
KIND_OF_SITE = {host: kind for host, (kind, _) in _HOSTS.items() if kind is not None}
# How many of the first segments of a path say whose page it is, by host.
OWNER_SEGMENTS = {host: segments for host, (_, segments) in _HOSTS.items() if segments}
# Kinds of sources that describe products of many makers on one site.
CATALOGUES = frozenset({"encyclopedia", "registry"})
