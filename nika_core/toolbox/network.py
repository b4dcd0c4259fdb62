"""For authors of plugins that open connections: which addresses a connection may reach.

A workflow may come from anywhere, so only public addresses are reachable by default. An operator allows others in the
environment (`NIKA_<KEYWORD>_ALLOW`) or in the project file (`<keyword>.allow`); a workflow cannot. A name is resolved
once, every one of its addresses is checked, and the connection goes to a checked address and not to the name: a
resolver that answers differently the second time gains nothing.

`guarded_client` returns an httpx2 client that works like this. With another library, connect to what
`checked_addresses` returns. Importing this module imports neither asyncio nor an HTTP library.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TYPE_CHECKING, Final, TypeAlias

from nika_core import codes
from nika_core.errors import Category, TaskError
from nika_core.values import dataclass

if TYPE_CHECKING:
    import httpx2

__all__ = [
    "LINK_LOCAL_HINT",
    "AddressGuard",
    "AllowEntry",
    "Resolver",
    "allow_variable",
    "checked_addresses",
    "guarded_client",
    "normal_host",
    "parse_allow_entry",
    "resolve_host",
    "split_entries",
    "why_not_public",
]

Address: TypeAlias = IPv4Address | IPv6Address
Network: TypeAlias = IPv4Network | IPv6Network
Resolver: TypeAlias = Callable[[str, int], Awaitable[Sequence[str]]]

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
    ("::ffff:0:0/96", "an IPv4 address written as an IPv6 address"),
    ("::ffff:0:0:0/96", "an IPv4 address written as an IPv6 address"),
    ("::/96", "an IPv4 address written as an IPv6 address"),
    ("64:ff9b::/96", "a NAT64 address"),
    ("64:ff9b:1::/48", "a NAT64 address"),
    ("2002::/16", "a 6to4 address"),
    ("2001::/32", "a Teredo address"),
    ("2001::/23", "a reserved address"),
    ("100::/64", "a discard address"),
    ("5f00::/16", "a reserved address"),
)
_NETWORKS: Final = tuple((ip_network(text), kind) for text, kind in _SPECIAL)
_LINK_LOCAL: Final = IPv6Network("fe80::/10")
LINK_LOCAL_HINT: Final = (
    "a link-local IPv6 address belongs to one network interface of this machine, which a URL cannot name here: write "
    "the server's name or another one of its addresses"
)
_GLOBAL_UNICAST: Final = IPv6Network("2000::/3")
_HOST: Final = re.compile(r"[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_])?\Z")


def why_not_public(address: Address) -> str | None:
    """Return the kind of an address that is not public ("a loopback address"), or None if it is public."""
    if isinstance(address, IPv6Address) and address.scope_id is not None:
        return "an address with a zone, of one network only"
    for network, kind in _NETWORKS:
        if address.version == network.version and address in network:
            return kind
    if isinstance(address, IPv6Address) and address not in _GLOBAL_UNICAST:
        return "a reserved address"
    if not address.is_global or address.is_multicast or address.is_reserved or address.is_unspecified:
        return "a reserved address"
    return None


def normal_host(host: str) -> str:
    """Return a host's name as it is compared: lower case, no trailing dot, non-ASCII letters as IDNA writes them."""
    text = host.strip().lower().rstrip(".")
    if not text.isascii():
        try:
            return text.encode("idna").decode("ascii")
        except UnicodeError:
            return text
    return text


@dataclass(frozen=True, slots=True)
class AllowEntry:
    """What one entry of an allow list allows.

    Attributes:
        host: a host's name; "" if the entry is an address or a network.
        port: the only port; None for any.
        network: the addresses, if the entry is an address or a network.
    """

    host: str = ""
    port: int | None = None
    network: Network | None = None

    def allows(self, host: str, port: int, address: Address) -> bool:
        """Return whether a connection to `host`, which resolved to `address`, is allowed."""
        if self.port is not None and self.port != port:
            return False
        if self.network is not None:
            return address.version == self.network.version and address in self.network
        return self.host == normal_host(host)


def parse_allow_entry(text: str) -> AllowEntry:
    """Parse `host`, `host:port`, an address, `[IPv6]:port` or a CIDR block.

    Raises:
        ValueError: with a sentence that says what is wrong.
    """
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
                f"'{entry}' is not a host, host:port or CIDR block (like localhost:8000 or 10.0.0.0/8)"
            ) from None
        return AllowEntry(host=name, port=port)


def allow_variable(keyword: str) -> str:
    """Return the environment variable with the allow list of a keyword: `NIKA_HTTP_ALLOW` for `http`."""
    return f"NIKA_{keyword.upper().replace('-', '_')}_ALLOW"


def split_entries(value: str | None) -> list[str]:
    """Split the value of an allow variable at its commas."""
    return [entry for entry in (value or "").split(",") if entry.strip()]


def _split_port(entry: str) -> tuple[str, int | None]:
    if entry.startswith("["):
        host, closed, after = entry[1:].partition("]")
        if not closed or (after and not after.startswith(":")):
            raise ValueError(f"'{entry}' is not an address: write [::1]:8000")
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
class AddressGuard:
    """Decides which addresses a keyword may connect to. Immutable: what is allowed never changes during a run.

    Attributes:
        keyword: the keyword, named in errors and in the hint how to allow an address.
        allowed: what is allowed beside public addresses.
        setting: what of the project file allows more, for messages; "": `allow` of the keyword's settings.
    """

    keyword: str
    allowed: tuple[AllowEntry, ...] = ()
    setting: str = ""

    @classmethod
    def from_configuration(
        cls, keyword: str, environ: Mapping[str, str], entries: Iterable[str] = (), setting: str = ""
    ) -> AddressGuard:
        """Read what the environment and the project file allow.

        Args:
            environ: `StepContext.environ`.
            entries: the `allow` of the keyword's settings in the project file.
            setting: what messages call it, if it is not `allow` of the keyword's settings.

        Raises:
            ValueError: names the variable or setting, and the bad entry in it.
        """
        allowed: list[AllowEntry] = []
        variable = allow_variable(keyword)
        guard = cls(keyword, (), setting)
        sources = ((variable, split_entries(environ.get(variable))), (f"{guard._setting} in the project file", entries))
        for source, texts in sources:
            for text in texts:
                try:
                    allowed.append(parse_allow_entry(text))
                except ValueError as error:
                    raise ValueError(f"{source}: {error}") from None
        return cls(keyword, tuple(allowed), setting)

    @property
    def _setting(self) -> str:
        return self.setting or f"{self.keyword}.allow"

    def why_refused(self, host: str, port: int, address: Address) -> str | None:
        """Return the kind of an address to which no connection may be opened, or None if one may."""
        kind = why_not_public(address)
        if kind is None or any(entry.allows(host, port, address) for entry in self.allowed):
            return None
        return kind

    def check(self, host: str, port: int, addresses: Iterable[str]) -> None:
        """Check every address of a host, as a resolver returned them, zones included.

        Raises:
            TaskError: one of them may not be reached, or is not an address.
        """
        for text in addresses:
            try:
                kind = self.why_refused(host, port, ip_address(text))
            except ValueError:
                kind = "not a valid address"
            if kind is not None:
                raise self._refusal(host, port, text, kind)

    def _refusal(self, host: str, port: int, address: str, kind: str) -> TaskError:
        shown = f"[{host}]" if ":" in host else host
        where = f"{shown} is" if host == address else f"{shown} resolves to {address},"
        hint = (
            f"the operator may allow it with {allow_variable(self.keyword)}={shown}:{port}, "
            f"or with {self._setting} in the project file; a workflow cannot"
        )
        return TaskError(
            f"{self.keyword} does not connect to {shown}:{port}: {where} {kind}, not a public one",
            category=Category.CONFIG,
            code=codes.ADDRESS_REFUSED,
            hint=LINK_LOCAL_HINT if _is_link_local(address) else hint,
            retriable=False,
        )


def _is_link_local(address: str) -> bool:
    try:
        return ip_address(address) in _LINK_LOCAL
    except ValueError:
        return False


async def resolve_host(host: str, port: int) -> Sequence[str]:
    """Return the addresses of `host`, as the system's resolver knows them. Raise OSError."""
    import asyncio
    import socket

    entries = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return tuple(dict.fromkeys(str(entry[4][0]) for entry in entries))


async def checked_addresses(
    guard: AddressGuard, host: str, port: int, resolver: Resolver = resolve_host
) -> Sequence[str]:
    """Resolve a host once and return its addresses. Connect to these, never to the name.

    Raises:
        TaskError: the host is not known, or one of its addresses may not be reached.
    """
    try:
        addresses = tuple(await resolver(host, port))
    except (OSError, UnicodeError) as error:
        raise _unknown_host(host, error) from error
    if not addresses:
        raise _unknown_host(host, None)
    guard.check(host, port, addresses)
    return addresses


def _unknown_host(host: str, error: Exception | None) -> TaskError:
    detail = getattr(error, "strerror", None) or "no address"
    return TaskError(
        f"the host '{host}' is not known: {detail}",
        category=Category.NETWORK,
        hint="check the host's spelling and this machine's connection",
    )


@asynccontextmanager
async def guarded_client(
    guard: AddressGuard, *, environ: Mapping[str, str] | None = None, resolver: Resolver = resolve_host
) -> AsyncIterator[httpx2.AsyncClient]:
    """Open an httpx2 client whose connections go to checked addresses only; a plugin that uses it depends on httpx2.

    It uses no proxy, keeps no cookies, follows no redirects (each would be guarded, too) and has no timeout: that of
    the attempt ends a request. Open it once for a run, with `StepContext.resource`.

    Args:
        environ: where `SSL_CERT_FILE` and `SSL_CERT_DIR` may name the authorities to trust instead of the system's.

    Raises:
        TaskError: httpx2 is not installed, or the certificates cannot be read.
    """
    from nika_core.model.importing import import_in_thread  # imports asyncio

    try:
        module = await import_in_thread("nika_core.toolbox.guarded_http")
    except ImportError as error:
        raise TaskError(
            f"{guard.keyword} needs httpx2, which cannot be imported: {error}",
            category=Category.CONFIG,
            hint="install httpx2; a plugin that uses `guarded_client` names it in its dependencies",
        ) from error
    async with module.open_client(guard, environ or {}, resolver) as client:
        yield client
