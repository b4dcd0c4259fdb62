"""The texts of conversations with models, each kept once: events name the entry of the memo that has a text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeAlias

TEXTS: Final = ""  # the key of entries that are no task's
KEPT: Final = "kept"
_FOREIGN: Final = frozenset({"arguments", "data"})  # of a tool call, of reasoning: any JSON, which may look like ours

Name: TypeAlias = tuple[str, str]  # key and call of an entry of the memo


def kept_names(value: Any) -> list[Name]:
    """Return the names of the entries that an event's data, or a part of them, are without."""
    if isinstance(value, Mapping):
        name = _name_of(value)
        return [name] if name is not None else [each for item in _told(value) for each in kept_names(item)]
    if isinstance(value, list):
        return [each for item in value for each in kept_names(item)]
    return []


def put_back(value: Any, found: Mapping[Name, Any]) -> Any:
    """Return an event's data, or a part of them, with the texts that were found in place of their names."""
    if isinstance(value, Mapping):
        name = _name_of(value)
        if name is None:
            return {key: item if key in _FOREIGN else put_back(item, found) for key, item in value.items()}
        kept = found.get(name)
        if isinstance(kept, Mapping):
            return kept.get("parts", kept.get("content", ""))
        return kept if isinstance(kept, str) else "(this text is lost)"
    return [put_back(item, found) for item in value] if isinstance(value, list) else value


def _told(value: Mapping[str, Any]) -> list[Any]:
    return [item for key, item in value.items() if key not in _FOREIGN]


def _name_of(value: Mapping[str, Any]) -> Name | None:
    kept = value.get(KEPT) if len(value) == 1 else None
    if isinstance(kept, Sequence) and len(kept) == 2 and all(isinstance(each, str) for each in kept):
        return str(kept[0]), str(kept[1])
    return None
