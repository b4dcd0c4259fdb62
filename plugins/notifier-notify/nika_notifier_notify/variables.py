"""Texts of the project file: what may be in them, and environment variables put in. No I/O."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from nika_core.plugin import Category, TaskError, codes

_VARIABLE: Final = re.compile(r"\$\{env\.([A-Za-z_][A-Za-z0-9_]*)\}")
_TEMPLATE: Final = re.compile(r"\$\{[^}]{0,40}\}?|\{\{[^}]{0,40}(?:\}\})?")
_URL: Final = re.compile(r"https?://[^\s/?#\\]+(?:[/?#][^\s\\]*)?\Z", re.IGNORECASE)
_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+\Z")
_OURS: Final = frozenset({"connection", "content-length", "content-type", "host", "transfer-encoding"})


def why_not_filled(text: str) -> str | None:
    """Return what is wrong with a text in which variables of the environment may stand; None: nothing."""
    left = _TEMPLATE.search(_VARIABLE.sub("", text))
    if left is not None:
        return f"`{left.group()}` is not filled in here: only `${{env.NAME}}` is"
    return "a NUL character cannot be sent" if "\0" in text else None


def why_not_url(text: str) -> str | None:
    """Return what is wrong with a URL; None: nothing, or it is known only when its variables are."""
    why = why_not_filled(text)
    if why is not None or _VARIABLE.search(text):
        return why
    return None if _URL.match(text) else "expected a URL that begins with http:// or https://"


def why_not_header(name: str) -> str | None:
    """Return why a request cannot have a header of this name; None: it can."""
    if not _TOKEN.match(name):
        return "the name of a header has only ASCII letters, digits and -_.!#$%&'*+^`|~"
    return f"the header `{name}` is set by notify itself" if name.lower() in _OURS else None


def filled(text: str, environ: Mapping[str, str], where: str) -> str:
    """Return a text with its variables put in. Raise TaskError for one that is not set.

    Args:
        where: the setting, for the message.
    """

    def value(match: re.Match[str]) -> str:
        name = match.group(1)
        if name not in environ:
            raise TaskError(
                f"{where} needs the environment variable {name}, which is not set",
                category=Category.CONFIG,
                code=codes.ENV_NOT_SET,
                hint=f"set {name}",
            )
        return environ[name]

    return _VARIABLE.sub(value, text)
