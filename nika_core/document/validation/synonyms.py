"""Names that people bring from other workflow systems, and ours for the same."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Final

from nika_core.model.nearest import did_you_mean

_OURS: Final = {
    "after": "source",
    "args": "argv",
    "body": "json",
    "cmd": "command",
    "cwd": "workingDir",
    "dir": "workingDir",
    "edges": "flows",
    "else": "condition",
    "environment": "env",
    "from": "source",
    "if": "condition",
    "instructions": "systemPrompt",
    "jobs": "tasks",
    "key": "id",
    "maxAttempts": "max",
    "max_attempts": "max",
    "delay": "backoff",
    "attempts": "max",
    "message": "prompt",
    "name": "id",
    "nodes": "tasks",
    "params": "query",
    "parameters": "inputs",
    "retries": "retry",
    "server": "reference",
    "steps": "tasks",
    "system": "systemPrompt",
    "text": "prompt",
    "to": "target",
    "tool": "reference",
    "tools": "allowedTools",
    "variables": "inputs",
    "vars": "inputs",
    "when": "condition",
    "workdir": "workingDir",
    "workflow": "name",
    "working_directory": "workingDir",
}
_WAITS: Final = "a task waits for what its templates name, `{{other}}`; for order alone write a flow"
_CONDITION: Final = "did you mean `when`? A flow may have a `condition`"
# Keys of a task that say what with us is said in another place, and where.
ELSEWHERE: Final = {
    **dict.fromkeys(("needs", "depends_on", "dependsOn", "depends", "dependencies", "requires", "wait_for"), _WAITS),
    **dict.fromkeys(("if", "condition", "unless", "only_if"), _CONDITION),
}


def suggest_key(word: str, known: Collection[str]) -> str | None:
    """Return a hint: our name for the same, or the nearest one; None if there is neither."""
    ours = _OURS.get(word)
    if ours is not None and ours in known:
        return f"did you mean `{ours}`?"
    return did_you_mean(word, _texts(known))


def _texts(names: Iterable[object]) -> list[str]:
    return [str(name) for name in names]
