"""Documents of earlier versions, recognized by what only they have, and by having nothing that is new in v5."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final

from nika_core.document.reading import workflow_schema

# Keys that stand beside the keyword in v4.5 and within its payload in v5.
_FLAT: Final = frozenset(
    {
        "model", "systemPrompt", "systemPromptFile", "skills", "maxTurns",
        "method", "headers", "body", "args", "cwd",
    }
)  # fmt: skip


# Keys that stand within the keyword in v4.6 and v4.7, and beside it or by another name in v5.
_NESTED: Final = frozenset({"cwd", "allowedTools"})
_ALWAYS_THERE: Final = frozenset({"agent", "flows"})  # in a v4 document
_ROOT: Final = _ALWAYS_THERE | {"name", "description", "tasks"}
_TASK: Final = frozenset({"id", "allowedTools", "disallowedTools", "askTools", "mode"})
LATER_VERSION_KEY: Final = "nika"  # the root key of files of another, later line


def find_legacy_key(root: Mapping[Any, Any], words: Collection[str]) -> tuple[tuple[str | int, ...], str] | None:
    """Return the path of a key that only an earlier version has, and a message; None for a v5 document.

    A document with anything that v4 did not have is v5, whatever else is in it: its author made a mistake.
    """
    if LATER_VERSION_KEY in root:
        return (LATER_VERSION_KEY,), "this file has a `nika:` key: it was written for a later Nika of another line"
    tasks = root.get("tasks")
    if type(tasks) is not list or not root.keys() >= _ALWAYS_THERE or _is_new(root, workflow_schema.ROOT, _ROOT):
        return None
    if any(type(task) is dict and _is_new(task, workflow_schema.TASK, _TASK) for task in tasks):
        return None
    words = frozenset(words)
    for index, task in enumerate(tasks):
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


def _is_new(node: Mapping[Any, Any], known: Collection[str], old: Collection[str]) -> bool:
    return any(key in known and key not in old for key in node)
