"""What clients read from the environment, from addresses and from replies."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nika_core.model.importing import import_in_thread
from nika_core.model.json_text import parse_json
from nika_core.model.message import ToolCall


def env_text(environ: Mapping[str, str], name: str) -> str | None:
    """Return a variable's value without white space around it, or None if it is empty or not set."""
    return environ.get(name, "").strip() or None


def without_credentials(address: str) -> str:
    """Return an address without the user and password in it."""
    scheme, separator, rest = address.rpartition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme}{separator}{host.rpartition('@')[2]}{slash}{path}".rstrip("/")


async def load_sdk(name: str) -> Any:
    """Import a module in a thread: SDKs take up to two seconds, and the event loop goes on meanwhile."""
    return await import_in_thread(name)


def parsed_call(call_id: str, name: str, raw: str) -> ToolCall:
    """Make a tool call from arguments that came as text; an empty text means no arguments.

    The text is JSON by the rule for every answer of a model (no duplicate keys, no NaN); `arguments` is None otherwise.
    """
    try:
        arguments = parse_json(raw) if raw.strip() else {}
    except ValueError:
        arguments = None
    return ToolCall(call_id, name, arguments if isinstance(arguments, dict) else None, raw)
