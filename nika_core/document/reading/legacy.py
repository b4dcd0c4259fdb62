"""Documents of earlier versions, recognized by what only they have."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final

# Keys that stand beside the keyword in v4.5 and within its payload in v5.
_FLAT: Final = frozenset(
    {
        "model", "systemPrompt", "systemPromptFile", "skills", "maxTurns",
        "method", "headers", "body", "args", "cwd",
    }
)  # fmt: skip


# Keys that stand within the keyword in v4.6 and v4.7, and beside it or by another name in v5.
_NESTED: Final = frozenset({"cwd", "allowedTools"})
LATER_VERSION_KEY: Final = "nika"  # the root key of files of another, later line


def find_legacy_key(root: dict[Any, Any], words: Collection[str]) -> tuple[tuple[str | int, ...], str] | None:
    """Return the path of a key that only an earlier version has, and a message; None for a v5 document."""
    if LATER_VERSION_KEY in root:
        return (LATER_VERSION_KEY,), "this file has a `nika:` key: it was written for a later Nika of another line"
    tasks = root.get("tasks")
    words = frozenset(words)
    for index, task in enumerate(tasks) if type(tasks) is list else ():
        if type(task) is not dict:
            continue
        if "config" not in words and type(task.get("config")) is dict:
            return ("tasks", index, "config"), "this is a v4 document: `config:` holds what stands on the task in v5"
        used = [word for word in task if word in words]
        flat = () if _FLAT.isdisjoint(task) else [key for key in task if key in _FLAT and key not in words]
        for key in flat:
            if any(isinstance(task[word], str) for word in used):
                return ("tasks", index, key), f"this is a v4 document: `{key}` stands beside the keyword, not within it"
        for word in used:
            nested = task[word]
            if type(nested) is dict and not _NESTED.isdisjoint(nested):
                key = next(key for key in nested if key in _NESTED)
                return ("tasks", index, word, key), f"this is a v4 document: `{key}` stands within the keyword"
    return None
