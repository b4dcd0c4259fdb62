"""`nika why`: why a task of a run ran, was reused or was skipped."""

from __future__ import annotations

import json
from typing import Annotated, Any, Final

import typer

import nika_core as nika
from nika_core import codes
from nika_core.cli.console import mask_with, plain, print_data, print_json
from nika_core.cli.options import LAST, Format, FormatOption
from nika_core.errors import UsageError

_LONGEST: Final = 60  # characters of a value
_BEFORE: Final = 15  # of them that are the same in both


def why_command(
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[RUN] TASK",
            help="A run's id, a unique beginning of it, or `last`; a task's id. One alone is a task of the last run.",
            show_default=False,
            autocompletion=nika.complete_runs_and_tasks,
        ),
    ] = None,
    format_: FormatOption = Format.PRETTY,
) -> None:
    """Say why a task ran, was reused or was skipped, and what differs from the run before."""
    if not words:
        tasks = ", ".join(task.id for task in nika.runs.get(LAST, large_outputs=False).tasks)
        raise UsageError("which task?", code=codes.USAGE, hint=f"nika why TASK; the last run has: {plain(tasks)}")
    if len(words) > 2:
        raise UsageError(f"RUN and TASK are expected, found {len(words)} words", hint="nika why last fetch")
    mask_with(nika.Workspace.open().masker)
    run, task = (LAST, words[0]) if len(words) == 1 else words
    reason = nika.runs.why(run, task)
    if format_ is Format.JSON:
        print_json(_as_json(reason))
        return
    lines = [f"`{reason.task}` in run {reason.run_id} ({reason.state})", f"  {reason.message}"]
    lines += [f"  - {each.part}{_change(each.before, each.now)}" for each in reason.differences]
    print_data("\n".join(map(plain, lines)))


def _as_json(reason: nika.TaskReason) -> dict[str, Any]:
    found: dict[str, Any] = {
        "runId": reason.run_id,
        "task": reason.task,
        "state": reason.state,
        "reason": reason.message,
    }
    if reason.compared_with is not None:
        found["comparedWith"] = reason.compared_with
        found["differences"] = [
            {"part": each.part, "before": each.before, "now": each.now} for each in reason.differences
        ]
    return found


def _change(before: Any, now: Any) -> str:
    if before is None and now is None:
        return ""
    one, other = _text(before), _text(now)
    same = next((place for place, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), 0)
    start = max(0, same - _BEFORE) if max(len(one), len(other)) > _LONGEST else 0
    return f": {_short(one, start)} -> {_short(other, start)}"


def _text(value: Any) -> str:
    return "nothing" if value is None else json.dumps(value, ensure_ascii=False)


def _short(text: str, start: int) -> str:
    """Return the part of a long text in which the difference begins."""
    shown = f"…{text[start + 1 :]}" if start else text
    return shown if len(shown) <= _LONGEST else f"{shown[: _LONGEST - 1]}…"
