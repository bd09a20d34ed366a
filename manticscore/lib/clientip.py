"""Which address a request came from, behind a known number of proxies."""

from __future__ import annotations

import ipaddress

UNKNOWN = "local"  # a Unix socket has no address: everybody behind it is one client
IPV6_NETWORK = 64  # what one customer of a provider gets


def client_ip(peer: str, forwarded_for: str, proxies: int) -> str:
    """The address of the client, `proxies` hops away from the socket's `peer`.

    Every proxy appends the address it was called from to X-Forwarded-For, so only as many entries from
    the right as there are trusted proxies can be believed; the rest is whatever the client sent.
    """
    chain = [part for part in forwarded_for.split(",") if part.strip()] if proxies else []
    chain.append(peer)
    return parse(chain[-1 - min(proxies, len(chain) - 1)]) or parse(peer) or UNKNOWN


def parse(text: str) -> str:
    """The address in its one normal form, without a port; empty when it is none."""
    text = text.strip().strip('"')
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return ""
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(mapped or address)


def network(address: str) -> str:
    """What to count by: an IPv4 address itself, of an IPv6 address the network that one client has."""
    if ":" not in address:
        return address
    return str(ipaddress.ip_network(f"{address}/{IPV6_NETWORK}", strict=False))
