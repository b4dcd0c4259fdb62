"""Hints for unknown keys: the names that people bring from other workflow systems, and Nika's for the same."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Final

from nika_core.model.nearest import did_you_mean, nearest

_OUR_NAMES: Final = {
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
    "values": "enum",
    "variables": "inputs",
    "vars": "inputs",
    "when": "condition",
    "workdir": "workingDir",
    "workflow": "name",
    "working_directory": "workingDir",
}
_ALSO: Final = {"values": "items"}  # if the mapping does not have the name above
_WAITS: Final = "a task waits for what its templates name, `{{other}}`; for order alone write a flow"
_CONDITION: Final = "did you mean `when`? A flow may have a `condition`"
_LIST: Final = '`forEach: "{{list}}"` on a task does it for each item of a list'
_LOOP: Final = "`repeat: {until: ..., max: 5}` on a task does it again until a condition holds"
_AT_ONCE: Final = "tasks that do not wait for each other run at once; `forEach` does one task for many items"
_FAILURES: Final = "`when: \"${state.task} == 'failed'\"` runs a task after a failure, `always: true` in any case"
_TOLERATED: Final = "did you mean `onError: continue`? With `forEach`, `onItemError: continue` is for an item"
_CLEANUP: Final = "`always: true` on a task makes it run at the end, however the tasks before it ended"
_PROCESSES: Final = "`env` at the top of the file is for the processes of all tasks; a keyword may have an `env`, too"
_QUESTION: Final = "a question to a person is a task of its own, `ask: ...`; what waits for the answer names that task"
_STEPS: Final = "write each step as a task under `tasks:`; several that belong together can be a workflow of their own"
# Words for what Nika says in another place or in another way, and how.
EXPLANATIONS: Final = {
    **dict.fromkeys(("needs", "depends_on", "dependsOn", "depends", "dependencies", "requires", "wait_for"), _WAITS),
    **dict.fromkeys(("if", "condition", "unless", "only_if"), _CONDITION),
    **dict.fromkeys(("for_each", "foreach", "for-each", "matrix", "strategy", "with_items", "withItems"), _LIST),
    **dict.fromkeys(("parallel", "concurrent", "concurrency"), _AT_ONCE),
    "loop": f"{_LIST}; {_LOOP}",
    **dict.fromkeys(("repeatPolicy", "repeat_policy", "while", "until", "until_bash"), _LOOP),
    **dict.fromkeys(("max_iterations", "maxIterations"), f"did you mean `max` of `repeat`? {_LOOP}"),
    **dict.fromkeys(("trigger_rule", "triggerRule", "on_failure", "onFailure"), _FAILURES),
    **dict.fromkeys(("continue-on-error", "continue_on_error", "continueOnError", "continueOn"), _TOLERATED),
    **dict.fromkeys(("ignore_errors", "allow_failure"), _TOLERATED),
    **dict.fromkeys(("finally", "cleanup", "on_exit", "onExit"), _CLEANUP),
    **dict.fromkeys(("environment", "env_vars"), _PROCESSES),
    "steps": _STEPS,
    "config": "`retry`, `timeout` and `onError` stand on the task itself; `nika migrate FILE` rewrites v4 files",
    **dict.fromkeys(("approval", "approve", "manual"), _QUESTION),
    "values": "the values that an input may have are its `enum`, those that a task is done for its `forEach`",
}


def explain_key(word: str, known: Collection[str]) -> str | None:
    """Return a hint: Nika's name for the same, how Nika says it, or the nearest name; None: there is none."""
    return _same(word, known) or EXPLANATIONS.get(word) or did_you_mean(word, _texts(known))


def suggest_key(word: str, known: Collection[str]) -> str | None:
    """Return a hint: Nika's name for the same, or the nearest one; None if there is neither."""
    return _same(word, known) or did_you_mean(word, _texts(known))


def nearest_key(word: str, known: Collection[str]) -> str | None:
    """Return Nika's name for the same, or the nearest one; None if there is neither."""
    return _ours(word, known) or nearest(word, _texts(known))


def _same(word: str, known: Collection[str]) -> str | None:
    ours = _ours(word, known)
    return None if ours is None else f"did you mean `{ours}`?"


def _ours(word: str, known: Collection[str]) -> str | None:
    return next((name for name in (_OUR_NAMES.get(word), _ALSO.get(word)) if name in known), None)


def _texts(names: Iterable[object]) -> list[str]:
    return [str(name) for name in names]
