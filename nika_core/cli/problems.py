"""Prints problems of documents: as frames with the source line and a caret, or as JSON."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

import nika_core as nika
from nika_core.cli.annotations import annotate_problem
from nika_core.cli.console import (
    data_stream,
    masked,
    message_text,
    plain,
    print_data,
    print_json,
    print_message,
    style,
    wrap_message,
)
from nika_core.errors import NikaError, Problem, ProblemsError, Severity, exit_code_of
from nika_core.model.state import RunStatus
from nika_core.model.usage import NOTHING
from nika_core.model.workflow import Workflow


class ReportedError(ProblemsError):
    """The problems were already shown; only the exit code is left. `loaded`: the workflow that has them."""

    told = True

    def __init__(self, problems: Iterable[Problem], loaded: nika.LoadedWorkflow) -> None:
        super().__init__(problems)
        self.exit_code = exit_code_of(self.problems)
        self.loaded = replace(loaded, problems=self.problems)


def print_problem(problem: Problem, loaded: nika.LoadedWorkflow, *, as_data: bool = False) -> None:
    """Print a frame, with the source line if the problem is in this document, or in one that it calls.

    It goes to stderr, or to stdout if problems are the data that a command prints.
    """
    path = "" if problem.place is None else problem.place.path
    text = loaded.text if path == loaded.path else loaded.texts.get(path, "")
    stream = data_stream() if as_data else sys.stderr
    frame = nika.render_pretty(
        problem, text, style=partial(style, stream=stream), wrap=partial(wrap_message, stream=stream)
    )
    if as_data:
        print_data(message_text(f"{frame}\n", stream))
    else:
        print_message(f"{frame}\n")
    annotate_problem(problem)


def print_project_warnings(workspace: nika.Workspace) -> None:
    """Print what of the project file does not count, in a line each: for commands that show no workflow."""
    for problem in workspace.warnings():
        print_message(f"{style('warning', 'yellow')}: {plain(problem.message)}")
        print_message(f"  hint: {plain(problem.hint or '')}")


def errors_in(loaded: nika.LoadedWorkflow) -> int:
    """Return how many problems are errors."""
    return sum(problem.severity is Severity.ERROR for problem in loaded.problems)


def require_workflow(loaded: nika.LoadedWorkflow) -> Workflow:
    """Return the workflow after printing its warnings. Raise ReportedError after printing all its errors."""
    for problem in loaded.problems:
        print_problem(problem, loaded)
    if loaded.workflow is None or errors_in(loaded):
        raise ReportedError(loaded.problems, loaded)
    return loaded.workflow


def print_new_warnings(warnings: Iterable[Problem], loaded: nika.LoadedWorkflow) -> None:
    """Print what was found after the workflow was loaded, when its own warnings were printed."""
    for warning in warnings:
        if warning not in loaded.problems:
            print_problem(warning, loaded)


@contextmanager
def printing_problems(loaded: nika.LoadedWorkflow) -> Iterator[None]:
    """Print the problems of a ProblemsError in the same way, and raise ReportedError."""
    try:
        yield
    except ProblemsError as error:
        for problem in error.problems:
            print_problem(problem, loaded)
        raise ReportedError(error.problems, loaded) from error


def mask_problems(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return problems as JSON without secrets."""
    return [each | {key: masked(each[key]) for key in ("message", "hint") if key in each} for each in found]


def broken_file_report(error: NikaError) -> nika.LoadedWorkflow:
    """Return the report of a file that cannot be used: a project file, a lock. Raise the error if it names no file."""
    problems = error.problems if isinstance(error, ProblemsError) else (error.problem(),)
    place = problems[0].place
    if place is None:
        raise error
    return nika.LoadedWorkflow(None, problems, path=place.path)


def report_json(loaded: nika.LoadedWorkflow) -> dict[str, Any]:
    """Return a file and its problems as `validate --format json` prints them, without secrets."""
    fields: dict[str, Any] = nika.to_json(loaded)
    return fields | {"problems": mask_problems(fields["problems"])}


@contextmanager
def invalid_workflow_as_json(format_: str) -> Iterator[None]:
    """Print what `validate --format json` would print, if JSON is wanted, also for a workflow that is invalid."""
    try:
        yield
    except ReportedError as error:
        if format_ == "json":
            print_json({"files": [report_json(error.loaded)]})
        raise
    except NikaError as error:
        if format_ == "json":
            print_json({"files": [report_json(broken_file_report(error))]})
        raise


@contextmanager
def refused_run_as_json(format_: str) -> Iterator[None]:
    """Print one object also for a run that never starts, if JSON is wanted: failed, no tasks, and its problems."""
    try:
        yield
    except NikaError as error:
        problems = error.problems if isinstance(error, ProblemsError) else (error.problem(),)
        found = {
            "status": RunStatus.FAILED.value,
            "durationMs": 0,
            "usage": nika.to_json(NOTHING),
            "tasks": [],
            "problems": mask_problems([nika.to_json(problem) for problem in problems]),
        }
        if format_ == "json":
            print_json(found)
        elif format_ == "jsonl":
            print_json({"event": "result", "data": found}, indent=None)
        raise
