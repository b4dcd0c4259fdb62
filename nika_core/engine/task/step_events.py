"""What a step may tell through its context: which kinds of events, and what they may hold."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable
from typing import Any, Final

from nika_core.engine.task.outputs import checked_json
from nika_core.errors import Category, TaskError
from nika_core.model.events import EventKind
from nika_core.model.json import JsonObject
from nika_core.model.secret_forms import MIN_LENGTH

_OPEN: Final = frozenset({EventKind.NOTICE, EventKind.CONTEXT_SUMMARIZED})
_KERNEL: Final = frozenset(kind.value for kind in EventKind)
_NAME: Final = re.compile(r"[a-z][A-Za-z0-9-]{0,63}\Z")


def checked_kind(kind: object, word: str, data: JsonObject | None) -> str:
    """Return the kind of event that a step of the keyword `word` records. Raise TaskError if it is not the step's."""
    if not isinstance(kind, str):
        raise _refused(f"an event of kind {kind!r:.60}", word)
    if kind in _OPEN or (kind == EventKind.TOOL_CALLED and (data or {}).get("isError") is True):
        return EventKind(kind)
    if kind in _KERNEL:
        raise _refused(f"the event `{kind}`, which only the kernel may record", word)
    owner, _, name = kind.partition(".")
    if owner != word or not _NAME.match(name):
        raise _refused(f"an event of kind `{kind[:100]}`", word)
    return str(kind)


def checked_data(data: JsonObject | None, word: str, max_depth: int) -> dict[str, Any]:
    """Return an event's data in containers of their own. Raise TaskError if they are not a JSON object."""
    checked = checked_json({} if data is None else data, max_depth, f"the event of keyword `{word}`")
    if not isinstance(checked, dict):
        raise TaskError(
            f"the data of an event of keyword `{word}` are {type(data).__name__}",
            category=Category.UNKNOWN,
            hint="`data` is a JSON object; this is a fault of the plugin",
        )
    return checked


def checked_progress(done: object, total: object, word: str) -> dict[str, float]:
    """Return how far a step is, as an event's data. Raise TaskError if that is not a number of anything."""
    found: dict[str, float] = {}
    for name, value in (("done", done), ("total", total)):
        if value is None and name == "total":
            continue
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value < 0:
            raise TaskError(
                f"keyword `{word}` reports progress with {name}={value!r:.40}",
                category=Category.UNKNOWN,
                hint="`done` and `total` are numbers from 0 on; this is a fault of the plugin",
            )
        found[name] = value
    return found


def checked_secret(value: object, word: str, add: Callable[[Iterable[str]], None]) -> bool:
    """Have a value masked, and return whether it is long enough for that. Raise TaskError if it is not text."""
    if not isinstance(value, str):
        raise TaskError(
            f"keyword `{word}` calls a value of type {type(value).__name__} a secret",
            category=Category.UNKNOWN,
            hint="a secret is a text; this is a fault of the plugin",
        )
    add((value,))
    return len(value) >= MIN_LENGTH


def _refused(what: str, word: str) -> TaskError:
    return TaskError(
        f"a step of keyword `{word}` tried to record {what}",
        category=Category.UNKNOWN,
        hint=f"`notice` takes EventKind.NOTICE, EventKind.CONTEXT_SUMMARIZED, EventKind.TOOL_CALLED of a call that the "
        f"step refused (`isError` true), or a kind of the keyword's own: `{word}.name`",
    )
