"""What clients read from the environment, from addresses and from replies."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from typing import Any, Final

from nika_core.model.importing import import_in_thread
from nika_core.model.json_text import parse_json
from nika_core.model.message import DocumentPart, ToolCall

_LABEL: Final = re.compile(r"(.*_)?(type|id|format|role|name|index|signature|data)\Z")  # names of what is not prose


def env_text(environ: Mapping[str, str], name: str) -> str | None:
    """Return a variable's value without white space around it, or None if it is empty or not set."""
    return environ.get(name, "").strip() or None


def without_credentials(address: str) -> str:
    """Return an address without the user and password in it."""
    scheme, separator, rest = address.rpartition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme}{separator}{host.rpartition('@')[2]}{slash}{path}".rstrip("/")


def names_in(listing: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the names of models in a server's list of them."""
    entries = next((listing[key] for key in ("data", "models") if isinstance(listing.get(key), list)), ())
    found = (each.get("id") or each.get("name") or each.get("model") for each in entries if isinstance(each, Mapping))
    return tuple(sorted(name for name in found if name and isinstance(name, str)))


async def load_sdk(name: str) -> Any:
    """Import a module in a thread: SDKs take up to two seconds, and the event loop goes on meanwhile."""
    return await import_in_thread(name)


def parsed_call(call_id: str, name: str, raw: str) -> ToolCall:
    """Make a tool call from arguments that came as text; an empty text means no arguments.

    The text is JSON by the rule for every answer of a model (no duplicate keys, no NaN); `arguments` is None otherwise.
    """
    try:
        arguments = parse_json(raw) if raw.strip() else {}
        if isinstance(arguments, str):  # JSON in a JSON text
            arguments = parse_json(arguments)
        if arguments is None:
            arguments = {}
    except ValueError:
        arguments = None
    return ToolCall(call_id, name, arguments if isinstance(arguments, dict) else None, raw)


def merged(before: Mapping[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    """Return what came in two pieces: texts and lists one after the other, objects member by member.

    Members of lists with the same `index` are one. What is not prose (a type, an id, a signature) may come again.
    """
    found = dict(before)
    for name, value in more.items():
        had = found.get(name)
        if isinstance(had, str) and isinstance(value, str):
            label = _LABEL.match(name)
            found[name] = value if label and (had == value or label[2] not in ("signature", "data")) else had + value
        elif isinstance(had, Mapping) and isinstance(value, Mapping):
            found[name] = merged(had, value)
        elif isinstance(had, list) and isinstance(value, list):
            found[name] = _merged_lists(had, value)
        elif value is not None:
            found[name] = value
    return found


def _merged_lists(before: list[Any], more: list[Any]) -> list[Any]:
    found = list(before)
    for value in more:
        index = _index(value)
        same = None if index is None else next((n for n, had in enumerate(found) if _index(had) == index), None)
        if same is None:
            found.append(value)
        else:
            found[same] = merged(found[same], value)
    return found


def _index(value: Any) -> Any:
    return value.get("index") if isinstance(value, Mapping) else None


def data_url(media_type: str, data: bytes) -> str:
    """Return bytes as the URL that holds them."""
    return f"data:{media_type};base64,{base64.b64encode(data).decode('ascii')}"


def file_text(file: DocumentPart) -> str:
    """Return a text file as a part of a prompt, with its name, for servers that take no files of text."""
    text = file.data.decode("utf-8", "replace")
    return f"{file.name}:\n{text}" if file.name else text
