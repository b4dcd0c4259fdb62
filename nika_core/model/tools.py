"""Names of tools in `allowedTools`: `keyword`, `keyword::reference`, and either with a `*` in it."""

from __future__ import annotations

import re
from functools import lru_cache


def covers(outer: str, inner: str) -> bool:
    """Return whether a task that may use `outer` may use `inner`.

    A name covers itself and everything below it (`mcp::files` covers `mcp::files::read_file`); a `*` matches
    anything (`mcp::*::delete`). `inner` may be a pattern as well.
    """
    if outer == inner or inner.startswith(f"{outer}::"):
        return True
    return "*" in outer and _pattern(outer).fullmatch(inner) is not None


def may_overlap(one: str, other: str) -> bool:
    """Return whether some tool may match both patterns; in doubt it may."""
    if covers(one, other) or covers(other, one):
        return True
    start, rest = one.partition("*")[0], other.partition("*")[0]
    return ("*" in one or "*" in other) and (start.startswith(rest) or rest.startswith(start))


@lru_cache(maxsize=256)
def _pattern(name: str) -> re.Pattern[str]:
    return re.compile(".*".join(map(re.escape, name.split("*"))), re.DOTALL)
