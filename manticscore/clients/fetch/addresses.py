"""Which addresses belong to the public internet.

`ipaddress.is_global` alone is not enough: it is true for ranges that translate or tunnel to private
ones (64:ff9b::/96, 2002::/16) and for multicast.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

Address = IPv4Address | IPv6Address

UNICAST = ip_network("2000::/3")  # every other IPv6 range has a special meaning
DENIED = tuple(
    ip_network(network)
    for network in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",  # carriers' NAT; some clouds' metadata
        "127.0.0.0/8",
        "168.63.129.16/32",  # Azure's host, from inside
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
        "2001::/23",  # Teredo and other protocol assignments
        "2001:db8::/32",
        "2002::/16",  # 6to4: carries any IPv4 address
        "3fff::/20",
    )
)


def is_public(address: Address) -> bool:
    """Whether a page may be fetched from there."""
    if isinstance(address, IPv6Address) and (address.scope_id or address not in UNICAST):
        return False
    return address.is_global and not any(
        address in network for network in DENIED if network.version == address.version
    )


def plain(text: str) -> Address:
    """The address, an IPv4 one that is written as IPv6 unwrapped. Raises ValueError."""
    address = ip_address(text)
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address
