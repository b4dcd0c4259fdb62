"""Names of tools in `allowedTools`: `keyword`, `keyword::reference`, and either with a `*` at its end."""

from __future__ import annotations

from collections.abc import Iterable


def covers(outer: str, inner: str) -> bool:
    """Whether whoever may use `outer` may use `inner`.

    A name covers itself and what stands below it (`mcp::files` covers `mcp::files::read_file`); a `*` at the end
    covers all that begins in the same way. `inner` may be a pattern as well.
    """
    if outer == inner or inner.startswith(f"{outer}::"):
        return True
    return outer.endswith("*") and inner.startswith(outer[:-1])


def permitted(name: str, allowed: Iterable[str] | None, disallowed: Iterable[str] = ()) -> bool:
    """Whether a tool's full name is allowed and not disallowed; without a list of allowed ones none is."""
    return any(covers(one, name) for one in allowed or ()) and not any(covers(one, name) for one in disallowed)
