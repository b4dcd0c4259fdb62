"""What `temporal://HOST:PORT/NAMESPACE` says, and what the environment adds: keys never stand in an address."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from nika_core.plugin import FileError, UsageError, read_file
from nika_core.plugin import codes as codes_of_nika

API_KEY: Final = "TEMPORAL_API_KEY"
_PORT: Final = 7233
_NAMESPACE: Final = "default"
_EXAMPLE: Final = "temporal://localhost:7233/default"
_OPTIONS: Final = ("tls", "ca", "cert", "key", "blobs")
_YES: Final = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}


class Address:
    """Where the server is. `tls`: as `Client.connect` takes it. `blobs`: the address of a store; "": there is none."""

    def __init__(self, url: str, environ: Mapping[str, str]) -> None:
        """Read an address. Raise UsageError if it makes no sense."""
        try:
            parts = urlsplit(url)
            self.target = f"{parts.hostname or 'localhost'}:{parts.port or _PORT}"
        except ValueError as error:
            raise _wrong(url, str(error)) from None
        if parts.username or parts.password:
            raise _wrong(url, "it has a user or a password", f"set {API_KEY} in the environment")
        self.url = url
        self.namespace = parts.path.strip("/") or _NAMESPACE
        if "/" in self.namespace:
            raise _wrong(url, "after the port stands one namespace")
        options = {name: values[-1] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
        if unknown := sorted(options.keys() - set(_OPTIONS)):
            raise _wrong(url, f"there is no option `{unknown[0]}`", f"there are: {', '.join(_OPTIONS)}")
        self.api_key = environ.get(API_KEY, "").strip() or None
        if self.api_key is not None and not (self.api_key.isascii() and self.api_key.isprintable()):
            raise UsageError(
                f"{API_KEY} has characters that no API key has",
                code=codes_of_nika.USAGE,
                hint="copy the key again: letters, digits and signs in one line",
            )
        self.has_certificate = "cert" in options
        self.blobs = options.get("blobs", "")
        self.tls = _tls(url, options, has_key=self.api_key is not None)


def _tls(url: str, options: Mapping[str, str], *, has_key: bool) -> Any:
    from temporalio.service import TLSConfig

    text = options.get("tls", "")
    if text and text.lower() not in _YES:
        raise _wrong(url, f"`tls={text}` is neither yes nor no")
    wanted = _YES.get(text.lower(), has_key or any(name in options for name in ("ca", "cert", "key")))
    if not wanted:
        if has_key:
            raise _wrong(url, f"{API_KEY} would be sent without TLS", "leave `tls=no` out")
        return False
    if ("cert" in options) != ("key" in options):
        raise _wrong(url, "`cert` and `key` belong together")
    return TLSConfig(
        server_root_ca_cert=_content(url, options, "ca"),
        client_cert=_content(url, options, "cert"),
        client_private_key=_content(url, options, "key"),
    )


def _content(url: str, options: Mapping[str, str], name: str) -> bytes | None:
    if name not in options:
        return None
    try:
        content = read_file(Path(options[name]))
    except FileError as error:
        raise _wrong(url, f"`{name}`: {error.message}", "correct the path") from None
    kind = b"PRIVATE KEY" if name == "key" else b"CERTIFICATE"
    if kind + b"-----" not in content:  # the library takes any file, and says later that nobody is trusted
        what = "private key" if name == "key" else "certificate"
        raise _wrong(url, f"`{name}`: {options[name]} has no {what} in PEM format", "name a file that has one")
    return content


def _wrong(url: str, why: str, hint: str = f"write it like {_EXAMPLE}") -> UsageError:
    return UsageError(f"the address {url!r} cannot be used: {why}", code=codes_of_nika.USAGE, hint=hint)
