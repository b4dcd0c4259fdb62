"""What is wrong, in the form in which GitHub Actions shows it beside the line that it is about.

Workflow commands: https://docs.github.com/actions/reference/workflow-commands-for-github-actions. They go to stderr, as
messages do; the runner reads both streams.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from nika_core.cli.console import plain, print_message
from nika_core.errors import Place, Problem, Severity
from nika_core.model.state import RunResult
from nika_core.model.workflow import Workflow

_KINDS: Final = {Severity.ERROR: "error", Severity.WARNING: "warning"}
_MOST: Final = 10  # annotations of each kind that GitHub shows for a step
_CANCELLED: Final = "cancelled"


def annotate_problem(problem: Problem) -> None:
    """Print a problem as an annotation, if this runs in GitHub Actions."""
    kind = _KINDS.get(problem.severity)
    if kind is not None:
        _print(kind, problem.code, _with_hint(problem.message, problem.hint), problem.place)


def annotate_failures(result: RunResult, workflow: Workflow) -> None:
    """Print each task that failed as an annotation at its place, if this runs in GitHub Actions."""
    places = {task.id: task.place for task in workflow.tasks}
    failed = [task for task in result.tasks if task.failure is not None and task.state == "failed"]
    for task in failed[:_MOST]:
        assert task.failure is not None
        if task.failure.category != _CANCELLED:
            message = _with_hint(task.failure.message, task.failure.hint)
            _print("error", f"{task.id}: {task.failure.code}", message, places.get(task.id))


def _with_hint(message: str, hint: str | None) -> str:
    return f"{message}\n{hint}" if hint else message


def _print(kind: str, title: str, message: str, place: Place | None) -> None:
    if os.environ.get("GITHUB_ACTIONS") != "true":
        return
    properties = {"title": title}
    if place is not None and place.path:
        properties = {"file": _shown_path(place.path), **properties}
        if place.line:
            properties["line"] = str(place.line)
            if place.column:
                properties["col"] = str(place.column)
    told = ",".join(f"{name}={_escaped(plain(value), ':,')}" for name, value in properties.items())
    print_message(f"::{kind} {told}::{_escaped(plain(message))}")


def _shown_path(path: str) -> str:
    """Return a path below the repository as the runner wants it."""
    root = os.environ.get("GITHUB_WORKSPACE")
    absolute = Path(path).absolute()
    return str(absolute.relative_to(root)) if root and absolute.is_relative_to(root) else path


def _escaped(text: str, more: str = "") -> str:
    return "".join(f"%{ord(each):02X}" if each in f"%\r\n{more}" else each for each in text)
