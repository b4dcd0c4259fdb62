"""Which addresses a request may reach: public ones, and what the operator allows.

Only the environment (NIKA_HTTP_ALLOW) and the project file (http.allow) allow anything; a workflow cannot.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final, TypeAlias

Address: TypeAlias = IPv4Address | IPv6Address
Network: TypeAlias = IPv4Network | IPv6Network

VARIABLE: Final = "NIKA_HTTP_ALLOW"

# What the registries of special addresses say, spelled out: `is_global` differs between Python's versions.
_SPECIAL: Final[tuple[tuple[str, str], ...]] = (
    ("169.254.169.254/32", "a cloud metadata address"),
    ("169.254.170.2/32", "a cloud metadata address"),
    ("100.100.100.200/32", "a cloud metadata address"),
    ("168.63.129.16/32", "a cloud metadata address"),
    ("192.0.0.192/32", "a cloud metadata address"),
    ("fd00:ec2::/32", "a cloud metadata address"),
    ("127.0.0.0/8", "a loopback address"),
    ("::1/128", "a loopback address"),
    ("0.0.0.0/8", "an unspecified address"),
    ("::/128", "an unspecified address"),
    ("10.0.0.0/8", "a private address"),
    ("172.16.0.0/12", "a private address"),
    ("192.168.0.0/16", "a private address"),
    ("fc00::/7", "a private address"),
    ("fec0::/10", "a private address"),
    ("169.254.0.0/16", "a link-local address"),
    ("fe80::/10", "a link-local address"),
    ("100.64.0.0/10", "an address of a carrier's own network"),
    ("224.0.0.0/4", "a multicast address"),
    ("ff00::/8", "a multicast address"),
    ("240.0.0.0/4", "a reserved address"),
    ("192.0.0.0/24", "a reserved address"),
    ("192.88.99.0/24", "a reserved address"),
    ("198.18.0.0/15", "a benchmarking address"),
    ("192.0.2.0/24", "a documentation address"),
    ("198.51.100.0/24", "a documentation address"),
    ("203.0.113.0/24", "a documentation address"),
    ("2001:db8::/32", "a documentation address"),
    ("3fff::/20", "a documentation address"),
    ("::ffff:0:0/96", "an IPv4 address in IPv6's clothes"),
    ("::ffff:0:0:0/96", "an IPv4 address in IPv6's clothes"),
    ("::/96", "an IPv4 address in IPv6's clothes"),
    ("64:ff9b::/96", "a NAT64 address"),
    ("64:ff9b:1::/48", "a NAT64 address"),
    ("2002::/16", "a 6to4 address"),
    ("2001::/32", "a Teredo address"),
    ("2001::/23", "a reserved address"),
    ("100::/64", "a discard address"),
    ("5f00::/16", "a reserved address"),
)
_NETWORKS: Final = tuple((ip_network(text), why) for text, why in _SPECIAL)
_GLOBAL_UNICAST: Final = IPv6Network("2000::/3")
_HOST: Final = re.compile(r"[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_])?\Z")


def why_not_public(address: Address) -> str | None:
    """What kind of address it is, when it is not a public one ("a loopback address"); None when it is."""
    if isinstance(address, IPv6Address) and address.scope_id is not None:
        return "an address with a zone, of one network only"
    for network, why in _NETWORKS:
        if address.version == network.version and address in network:
            return why
    if isinstance(address, IPv6Address) and address not in _GLOBAL_UNICAST:
        return "a reserved address"
    if not address.is_global or address.is_multicast or address.is_reserved or address.is_unspecified:
        return "a reserved address"
    return None


def normal_host(host: str) -> str:
    """A host's name as it is compared: lower case, without a trailing dot, non-ASCII letters as IDNA writes them."""
    text = host.strip().lower().rstrip(".")
    if not text.isascii():
        try:
            return text.encode("idna").decode("ascii")
        except UnicodeError:
            return text
    return text


@dataclass(frozen=True, slots=True)
class AllowEntry:
    """One host, address or network; `port` None: any."""

    host: str = ""
    port: int | None = None
    network: Network | None = None

    def allows(self, host: str, port: int, address: Address) -> bool:
        if self.port is not None and self.port != port:
            return False
        if self.network is not None:
            return address.version == self.network.version and address in self.network
        return self.host == normal_host(host)


def allow_entry(text: str) -> AllowEntry:
    """`host`, `host:port`, an address, `[IPv6]:port` or a CIDR block. Raises ValueError with a sentence."""
    entry = text.strip()
    host, port = entry, None
    if "/" not in entry:
        host, port = _split_port(entry)
    try:
        return AllowEntry(network=ip_network(host, strict=False), port=port)
    except ValueError:
        name = normal_host(host)
        if not _HOST.match(name):
            raise ValueError(
                f"'{entry}' is no host, host:port or CIDR block (like localhost:8000 or 10.0.0.0/8)"
            ) from None
        return AllowEntry(host=name, port=port)


def entries_of(environment: str | None) -> list[str]:
    """The entries of the variable's value."""
    return [entry for entry in (environment or "").split(",") if entry.strip()]


def _split_port(entry: str) -> tuple[str, int | None]:
    if entry.startswith("["):
        host, closed, after = entry[1:].partition("]")
        if not closed or (after and not after.startswith(":")):
            raise ValueError(f"'{entry}' is no address: write [::1]:8000")
        text = after[1:] if after else None
    elif entry.count(":") == 1:
        host, _, text = entry.partition(":")
    else:
        return entry, None
    if text is None:
        return host, None
    if not (text.isascii() and text.isdigit()) or not 0 < int(text) <= 65_535:
        raise ValueError(f"'{entry}' has no port from 1 to 65535 after its colon")
    return host, int(text)


@dataclass(frozen=True, slots=True)
class Guard:
    """Decides about one connection at a time. Immutable: what is allowed never changes during a run."""

    allowed: tuple[AllowEntry, ...] = ()

    @classmethod
    def of(cls, environment: str | None, project: Iterable[str] = ()) -> Guard:
        """What the environment and the project file allow. Raises ValueError that names where a bad entry stands."""
        entries: list[AllowEntry] = []
        sources = [(VARIABLE, entries_of(environment)), ("http.allow in the project file", project)]
        for source, texts in sources:
            for text in texts:
                try:
                    entries.append(allow_entry(text))
                except ValueError as error:
                    raise ValueError(f"{source}: {error}") from None
        return cls(tuple(entries))

    def why_refused(self, host: str, port: int, address: Address) -> str | None:
        """What kind of address it is, when a request may not go there; None when it may."""
        why = why_not_public(address)
        if why is None or any(entry.allows(host, port, address) for entry in self.allowed):
            return None
        return why


def parse_address(text: str) -> Address:
    """An address as a resolver gives it, zone included. Raises ValueError."""
    return ip_address(text)
