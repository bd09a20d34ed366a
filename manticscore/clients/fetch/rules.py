"""Where this installation may fetch pages from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network, ip_network

from manticscore.clients.fetch import addresses
from manticscore.clients.fetch.errors import Refused, Unreachable
from manticscore.clients.fetch.urls import PORTS, Target

# Names that mean something inside a network only. Clouds answer their metadata under some of them.
INSIDE = (
    "internal",
    "intranet",
    "local",
    "localdomain",
    "localhost",
    "lan",
    "home",
    "corp",
    "home.arpa",
    "onion",
)
METADATA = frozenset({"metadata.google.internal", "metadata.goog", "instance-data.ec2.internal"})


@dataclass(frozen=True, slots=True)
class Rules:
    """`allowed` are the `host:port` pairs that the operator opened; nothing below is asked about them.

    `denied` are further names, addresses and networks: this installation's own, first of all.
    """

    allowed: frozenset[str] = frozenset()
    denied: frozenset[str] = frozenset()
    networks: tuple[IPv4Network | IPv6Network, ...] = field(default=())

    @classmethod
    def of(cls, *, allow: Iterable[str] = (), deny: Iterable[str] = ()) -> Rules:
        """From settings. Raises ValueError for an `allow` that names no port."""
        allowed = frozenset(entry.strip().lower() for entry in allow)
        for entry in allowed:
            if not entry.rpartition(":")[2].isdecimal():
                raise ValueError(f"{entry!r} must be host:port")
        names, networks = set(), []
        for entry in deny:
            try:
                networks.append(ip_network(entry, strict=False))
            except ValueError:
                names.add(entry.strip().lower().lstrip(".").removesuffix("."))
        return cls(allowed, frozenset(names), tuple(networks))

    def is_opened(self, host: str, port: int) -> bool:
        name = f"[{host}]" if ":" in host else host
        return f"{name}:{port}" in self.allowed

    def check_target(self, target: Target) -> None:
        """What the URL alone tells. Raises Refused."""
        if self.is_opened(target.host, target.port):
            return
        if target.port not in PORTS.values():
            raise Refused("only ports 80 and 443 are fetched from", reason="port")
        if self.is_inside(target.host):
            raise Refused("the host is not on the public internet", reason="address")

    def is_inside(self, host: str) -> bool:
        if is_address(host):
            return False  # `select` decides
        if "." not in host or host in METADATA:
            return True
        return any(host == name or host.endswith(f".{name}") for name in (*INSIDE, *self.denied))

    def select(self, host: str, port: int, found: Sequence[str]) -> list[str]:
        """The addresses to connect to. One that is not public among them spoils all: it is a trick.

        Raises Refused, or Unreachable for a name without addresses.
        """
        if not found:
            raise Unreachable("the host has no address", reason="dns")
        if not self.is_opened(host, port) and not all(map(self.is_public, found)):
            raise Refused("the host is not on the public internet", reason="address")
        return list(dict.fromkeys(found))

    def is_public(self, address: str) -> bool:
        try:
            read = addresses.plain(address)
        except ValueError:
            return False
        denied = any(read in network for network in self.networks if network.version == read.version)
        return addresses.is_public(read) and not denied

    def check_connection(self, host: str, port: int, local: str, peer: str) -> None:
        """What the open connection tells: its other end is public, and is not this machine itself."""
        if self.is_opened(host, port):
            return
        if local == peer or not self.is_public(peer):
            raise Refused("the host is not on the public internet", reason="address")


def is_address(host: str) -> bool:
    try:
        addresses.plain(host)
    except ValueError:
        return False
    return True
