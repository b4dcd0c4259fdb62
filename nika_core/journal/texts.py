"""The texts of conversations with models, each kept once: events name the entry of the memo that has a text.

What a model answered and a tool gave is in the memo anyway. Any other text that is not short becomes an entry there,
named by its digest, under the key "", which is no task's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Any, Final, TypeAlias

from nika_core.journal.encoding import encode
from nika_core.journal.rows import MemoEntry
from nika_core.model.events import Event, EventKind
from nika_core.model.json import Json

TEXTS: Final = ""
_KINDS: Final = frozenset({EventKind.MODEL_ASKED, EventKind.MODEL_CALLED, EventKind.TOOL_CALLED})
_KEPT: Final = "kept"
_FOREIGN: Final = frozenset({"arguments", "data"})  # of a tool call, of reasoning: any JSON, which may look like ours
_SHORT: Final = 200  # characters that stand in the event itself
_MOST: Final = 50_000  # digests that are remembered; what is forgotten is written again, over itself
_DIGEST_BYTES: Final = 16

Name: TypeAlias = tuple[str, str]  # key and call of an entry of the memo


class ConversationTexts:
    """The texts of one run, of number `run`."""

    def __init__(self, run: int) -> None:
        self._run = run
        self._names: dict[bytes, Name] = {}

    def know(self, key: str, call: str, value: Json) -> None:
        """Take note of an entry that the memo has: a reply of a model or what a tool gave."""
        if isinstance(value, dict):
            content, parts = value.get("content"), value.get("parts")
            if isinstance(content, str) and len(content) > _SHORT:
                self._remember(_digest(content), (key, call))
            elif isinstance(parts, list) and len(text := encode(parts)) > _SHORT:
                self._remember(_digest(text), (key, call))

    def taken_out(self, event: Event) -> tuple[Event, list[MemoEntry]]:
        """Return an event with names in place of its long texts, and the entries of those that are new."""
        if event.kind not in _KINDS:
            return event, []
        entries: list[MemoEntry] = []
        data = dict(event.data)
        if event.kind == EventKind.TOOL_CALLED:
            if "content" in data:
                data["content"] = self._short(data["content"], entries)
        elif event.kind == EventKind.MODEL_ASKED:
            if "system" in data:
                data["system"] = self._short(data["system"], entries)
            data["messages"] = [self._message(each, entries) for each in data["messages"]]
        elif len(text := encode(reply := data.get("reply", []))) > _SHORT:
            kept = self._names.get(_digest(text))
            data["reply"] = [self._part(each, entries) for each in reply] if kept is None else {_KEPT: list(kept)}
        return event._replace(data=data), entries

    def _message(self, message: Any, entries: list[MemoEntry]) -> Any:
        content = message.get("content")
        if isinstance(content, list):
            return {**message, "content": [self._part(part, entries) for part in content]}
        return {**message, "content": self._short(content, entries)}

    def _part(self, part: Any, entries: list[MemoEntry]) -> Any:
        return {**part, "text": self._short(part["text"], entries)} if "text" in part else part

    def _short(self, text: Any, entries: list[MemoEntry]) -> Any:
        """Return a text if it is short, else the name of the entry that has it."""
        if not isinstance(text, str) or len(text) <= _SHORT:
            return text
        digest = _digest(text)
        name = self._names.get(digest)
        if name is None:
            name = TEXTS, f"text:{digest.hex()}"
            self._remember(digest, name)
            entries.append(MemoEntry(self._run, *name, text, None))  # it is masked: it comes from an event
        return {_KEPT: list(name)}

    def _remember(self, digest: bytes, name: Name) -> None:
        if len(self._names) >= _MOST:
            self._names.clear()
        self._names.setdefault(digest, name)


def names_in(value: Any) -> list[Name]:
    """Return the names of the entries that an event's data, or a part of them, are without."""
    if isinstance(value, Mapping):
        name = _name_of(value)
        return [name] if name is not None else [each for item in _told(value) for each in names_in(item)]
    if isinstance(value, list):
        return [each for item in value for each in names_in(item)]
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
    kept = value.get(_KEPT) if len(value) == 1 else None
    if isinstance(kept, Sequence) and len(kept) == 2 and all(isinstance(each, str) for each in kept):
        return str(kept[0]), str(kept[1])
    return None


def _digest(text: str) -> bytes:
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=_DIGEST_BYTES).digest()
