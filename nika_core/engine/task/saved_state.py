"""What a step keeps for later attempts of its task and for the run that resumes this one. It is in the call cache."""

from __future__ import annotations

import json
from typing import Final

from nika_core.engine.core.ports import CallCache
from nika_core.engine.task.outputs import checked_json
from nika_core.errors import Category, TaskError
from nika_core.model.json import Json

MAX_BYTES: Final = 1024 * 1024
_CALL: Final = "state"


def saved_state(call_cache: CallCache, key: str) -> Json:
    """Return what was saved last under a task's key; None: nothing."""
    kept = call_cache.get(key, _CALL)
    return kept.get("saved") if isinstance(kept, dict) else None


def save_state(call_cache: CallCache, key: str, state: Json, max_depth: int, word: str) -> str:
    """Keep JSON under a task's key and return it as text. Raise TaskError if it is not JSON, or too large."""
    checked = checked_json(state, max_depth, f"what keyword `{word}` saves")
    text = json.dumps(checked, ensure_ascii=False)
    size = len(text.encode())
    if size > MAX_BYTES:
        raise TaskError(
            f"keyword `{word}` saves a state of {size} bytes, {MAX_BYTES} are allowed",
            category=Category.VALIDATION,
            hint="save what the step cannot find out again, and write large data to a file",
        )
    call_cache.put(key, _CALL, {"saved": checked})
    return text
