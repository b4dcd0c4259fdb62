"""Which proxy leads to a server, and which authorities are trusted, by the variables that other tools read, too."""

from __future__ import annotations

import asyncio
import os
import re
import ssl
import sys
from collections.abc import Callable, Mapping
from ipaddress import ip_address, ip_network
from typing import Final
from urllib.parse import urlsplit

from nika_core.errors import Category, TaskError

_HAS_SETTINGS: Final = any(sys.platform == name for name in ("darwin", "win32"))
_SCHEMES: Final = ("http", "https", "socks5", "socks5h")
_PLACE: Final = re.compile(r"([^/\s]*@)?(\[[0-9a-f:.]+\]|[^/:@\[\]\s\"']+)(:(?P<port>\d{1,5}))?/*\Z", re.IGNORECASE)


def proxy_for(url: str, environ: Mapping[str, str]) -> str | None:
    """Return the address of the proxy for `url`, or None: `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY`, in
    small or capital letters; where none is set, what macOS and Windows have in their settings.

    Raises:
        TaskError: the variable holds no address of a proxy that can be used.
    """
    parts = urlsplit(url if "://" in url else f"http://{url}")
    scheme, host = parts.scheme.lower(), (parts.hostname or "").rstrip(".")
    found = None
    for name in (f"{scheme}_proxy", "all_proxy"):
        for variable in (name, name.upper()):
            value = environ.get(variable, "").strip()
            if value and found is None:
                found = variable, value
    if found is None:
        return _of_the_system(scheme, host)
    if _is_excepted(host, _port(parts.port, scheme), environ.get("no_proxy") or environ.get("NO_PROXY") or ""):
        return None
    variable, proxy = found
    proxy = proxy if "://" in proxy else f"http://{proxy}"
    kind, _, rest = proxy.partition("://")
    place = _PLACE.match(rest)
    why = None
    if kind.lower() not in _SCHEMES or not rest.strip("/"):
        why = f"a proxy of the kind {kind!r}, which is not one of {', '.join(_SCHEMES)}"
    elif place is None or int(place["port"] or 1) not in range(1, 65_536):
        why = f"a proxy at {rest.rpartition('@')[2]!r}, which is not a host with a port"
    if why is not None:
        raise TaskError(
            f"{variable} names {why}",
            category=Category.CONFIG,
            hint=f"fix {variable}, or name the server in NO_PROXY",
        )
    if kind.lower().startswith("socks"):
        _require_socks(variable)
    return proxy


async def tls_context(url: str, environ: Mapping[str, str], default: Callable[..., ssl.SSLContext]) -> ssl.SSLContext:
    """Return what decides whether a server is trusted: `SSL_CERT_FILE` and `SSL_CERT_DIR`, else what `default` makes.

    Raises:
        TaskError: one of them names something that is not there or holds no certificates.
    """
    file, folder = (environ.get(name, "").strip() for name in ("SSL_CERT_FILE", "SSL_CERT_DIR"))
    if not (file or folder) or url.lower().startswith("http://"):
        return await asyncio.to_thread(default, trust_env=False)
    try:
        if folder and not any(map(os.path.isdir, folder.split(os.pathsep))):  # OpenSSL says nothing, and trusts nobody
            file = ""
            raise NotADirectoryError(0, "it is not a folder")
        return await asyncio.to_thread(ssl.create_default_context, cafile=file or None, capath=folder or None)
    except (OSError, ValueError) as error:
        variable, value = ("SSL_CERT_FILE", file) if file else ("SSL_CERT_DIR", folder)
        told = None if isinstance(error, ssl.SSLError) else getattr(error, "strerror", None)
        reason = told or str(error)
        raise TaskError(
            f"{variable}: no certificates can be read from {value}: {reason}",
            category=Category.CONFIG,
            hint=f"fix {variable}, or unset it to trust the usual authorities",
        ) from error


def _require_socks(variable: str) -> None:
    import importlib.util

    if importlib.util.find_spec("socksio") is None:
        raise TaskError(
            f"{variable} names a SOCKS proxy, for which the package socksio is not installed",
            category=Category.CONFIG,
            hint="`pip install socksio`, or name an HTTP proxy",
        )


def _of_the_system(scheme: str, host: str) -> str | None:
    if not _HAS_SETTINGS:
        return None
    from urllib.request import getproxies, proxy_bypass

    return None if proxy_bypass(host) else getproxies().get(scheme)


def _port(port: int | None, scheme: str) -> int:
    return port or (443 if scheme == "https" else 80)


def _is_excepted(host: str, port: int, entries: str) -> bool:
    return any(_excepts(entry.strip().lower(), host.lower(), port) for entry in re.split(r"[\s,;]+", entries))


def _excepts(entry: str, host: str, port: int) -> bool:
    """Return whether an entry of `NO_PROXY` names the host: `*`, a name and all below it, an address or a block of
    them, each with a port or without.
    """
    if entry in ("", "*"):
        return entry == "*"
    entry = entry.partition("://")[2] or entry
    name, wanted = entry, ""
    if entry.startswith("["):
        name, _, after = entry[1:].partition("]")
        name, wanted = (name + after, "") if after.startswith("/") else (name, after.removeprefix(":"))
    elif entry.count(":") == 1:
        name, _, wanted = entry.partition(":")
    if wanted and wanted != str(port):
        return False
    try:
        address, block = ip_address(host), ip_network(name, strict=False)
        if address.version == 4 and block.version == 6:
            address = ip_address(f"::ffff:{address}")
        return address in block
    except ValueError:
        name = name.removeprefix("*").strip(".")
        return bool(name) and (host == name or host.endswith(f".{name}"))
