"""Takes the texts of conversations with models out of events, so that each is kept once.

What a model answered and a tool gave is in the memo anyway. Any other text that is not short becomes an entry there,
named by its digest.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Any, Final

from nika_core.journal.encoding import encode
from nika_core.journal.rows import MemoEntry
from nika_core.journal.texts import KEPT, TEXTS, Name
from nika_core.model.events import Event, EventKind
from nika_core.model.json import Json

CONVERSATION_KINDS: Final = frozenset({EventKind.MODEL_ASKED, EventKind.MODEL_CALLED, EventKind.TOOL_CALLED})
_SHORT: Final = 200  # characters that stand in the event itself
_MOST: Final = 50_000  # digests that are remembered; what is forgotten is written again, over itself
_DIGEST_BYTES: Final = 16


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
            elif isinstance(parts, list) and not _is_short(parts) and len(text := encode(_told(parts))) > _SHORT:
                self._remember(_digest(text), (key, call))

    def taken_out(self, event: Event) -> tuple[Event, list[MemoEntry]]:
        """Return an event of these kinds with names for its long texts, and the entries of those that are new."""
        entries: list[MemoEntry] = []
        data = dict(event.data)
        if event.kind == EventKind.TOOL_CALLED:
            if "content" in data:
                data["content"] = self._short(data["content"], entries)
        elif event.kind == EventKind.MODEL_ASKED:
            if "system" in data:
                data["system"] = self._short(data["system"], entries)
            data["messages"] = [self._message(each, entries) for each in data["messages"]]
        elif not _is_short(reply := data.get("reply", [])) and len(text := encode(reply)) > _SHORT:
            kept = self._names.get(_digest(text))
            data["reply"] = [self._part(each, entries) for each in reply] if kept is None else {KEPT: list(kept)}
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
        return {KEPT: list(name)}

    def _remember(self, digest: bytes, name: Name) -> None:
        if len(self._names) >= _MOST:
            self._names.clear()
        self._names.setdefault(digest, name)


def _is_short(parts: list[Any]) -> bool:
    """Return whether a reply is one short text, as most are: it need not be made JSON to be measured."""
    text = parts[0].get("text") if len(parts) == 1 and isinstance(parts[0], dict) else None
    return isinstance(text, str) and len(text) <= _SHORT


def _told(parts: list[Any]) -> list[Any]:
    """Return the parts of a reply that events tell of: all but a provider's own reasoning."""
    return [part for part in parts if not (isinstance(part, dict) and part.get("type") == "reasoning")]


def _digest(text: str) -> bytes:
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=_DIGEST_BYTES).digest()
