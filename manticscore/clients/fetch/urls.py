"""The one parser of URLs that we are about to visit.

What it returns is what is checked and what is connected to, so no second reading can differ from it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, ip_address

import httpx

from manticscore.clients.fetch.errors import Refused

MAX_LENGTH = 2000
PORTS = {"http": 80, "https": 443}
# White space and control characters are dropped by some parsers, a backslash is a slash to others.
AMBIGUOUS = re.compile(r"[\x00-\x20\x7f-\xa0\\\u200b-\u200f\u2028-\u202f\u2060\ufeff]")
AUTHORITY = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]*://([^/?#]*)")
LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
NAME = re.compile(rf"{LABEL}(?:\.{LABEL})*")
NUMERIC = re.compile(r"(?:0x[0-9a-f]*|[0-9]+)")


@dataclass(frozen=True, slots=True)
class Target:
    """Where a request goes: a normalised host, a port, and the path with its query."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def authority(self) -> str:
        """Host with the port where it is not the scheme's own, as the Host header has it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def origin(self) -> str:
        return f"{self.scheme}://{self.authority}"

    @property
    def url(self) -> str:
        return f"{self.origin}{self.path}"


def parse(url: str) -> Target:
    """The target of an http or https URL. Raises Refused for everything else, and for what is ambiguous."""
    if len(url) > MAX_LENGTH:
        raise Refused(f"the URL has more than {MAX_LENGTH} characters", reason="url")
    if AMBIGUOUS.search(url):
        raise Refused("the URL has characters that must be escaped", reason="url")
    try:
        read = httpx.URL(url)
        scheme, host, port = read.scheme, read.raw_host.decode("ascii"), read.port
    except (httpx.InvalidURL, UnicodeError, ValueError):
        raise Refused("the URL is malformed", reason="url") from None
    if scheme not in PORTS:
        raise Refused("only http and https URLs are fetched", reason="scheme")
    authority = AUTHORITY.match(url)
    if authority is None or "@" in authority[1]:
        raise Refused("the URL carries credentials", reason="credentials")
    path = read.raw_path.decode("ascii") or "/"
    return Target(scheme, normal_host(host), PORTS[scheme] if port is None else port, path)


def normal_host(host: str) -> str:
    """The host in lower case without a final dot; refuses what only looks like a name."""
    host = host.lower().removesuffix(".")
    if ":" in host:
        return literal(host)
    if not NAME.fullmatch(host) or len(host) > 253:
        raise Refused("the URL names no valid host", reason="host")
    # inet_aton and browsers read 127.1, 2130706433 and 0x7f.1 as addresses.
    if NUMERIC.fullmatch(host.rpartition(".")[2]):
        try:
            return str(IPv4Address(host))
        except ValueError:
            raise Refused("the URL names no valid host", reason="host") from None
    return host


def literal(host: str) -> str:
    try:
        return str(ip_address(host))
    except ValueError:
        raise Refused("the URL names no valid host", reason="host") from None
