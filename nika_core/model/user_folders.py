"""The user's folders for what programs keep, as the XDG Base Directory Specification names them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

_HOMES: Final = {
    "XDG_DATA_HOME": (".local", "share"),
    "XDG_STATE_HOME": (".local", "state"),
    "XDG_CACHE_HOME": (".cache",),
}


def user_folder(environ: Mapping[str, str], variable: str) -> Path:
    """Return Nika's folder in the one that a variable names (e.g. `XDG_DATA_HOME`), or in its default."""
    named = environ.get(variable, "")
    if os.path.isabs(named):  # noqa: PTH117  # "" is not a path
        return Path(named, "nika")
    return Path(os.path.expanduser("~"), *_HOMES[variable], "nika")  # noqa: PTH111  # `Path.home` raises if there is none
