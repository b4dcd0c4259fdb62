"""A test made of a recorded run: what it was given, what its tasks gave, and how it ended."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from nika_core import codes
from nika_core.app.recording.files import as_yaml
from nika_core.app.results import RecordedRun, RecordedTask
from nika_core.app.workspace import Workspace
from nika_core.errors import NikaError, UsageError
from nika_core.model.cases import SUFFIX

_ENDED = ("succeeded", "failed")


def write_test(run: RecordedRun, workspace: Workspace, to: Path | None) -> Path:
    """Write a test file of a run, and return its path. Raise UsageError if that cannot be done.

    Args:
        run: a run that has ended, with its tasks.
        to: the file; None: beside the workflow, with the beginning of the run's id in its name.
    """
    if run.status not in _ENDED:
        raise UsageError(
            f"run {run.run_id} is {run.status}: only of one that succeeded or failed a test can be made",
            hint=f"nika resume {run.run_id}",
        )
    workflow = Path(run.path)
    path = (
        workflow.with_name(f"{workflow.name.removesuffix('.nika.yaml')}.{run.run_id.rpartition('-')[2]}{SUFFIX}")
        if to is None
        else to
    )
    if not path.name.endswith(SUFFIX):
        raise UsageError(f"{path} is not the name of a test file", code=codes.BAD_TEST, hint=f"name it NAME{SUFFIX}")
    found = {
        "workflow": os.path.relpath(workflow, path.absolute().parent),
        "cases": [_case(run, lambda word: _computes(workspace, word))],
    }
    if os.path.lexists(path):
        raise UsageError(f"{path} is there already", hint="name another file: --to FILE")
    try:
        path.write_text(as_yaml(found), encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}", hint="name another file: --to FILE") from None
    return path


def _computes(workspace: Workspace, word: str) -> bool:
    """Return whether the steps of a keyword only compute: they are run in a test, too."""
    try:
        keyword = workspace.registry.keyword(word)
    except NikaError:
        return False
    return keyword.in_place and not keyword.only_asks


def _case(run: RecordedRun, computes: Any) -> Mapping[str, Any]:
    outputs: dict[str, Any] = {}
    errors: dict[str, Any] = {}
    for task in _leaves(run.tasks):
        if computes(task.keyword):
            continue
        if task.state == "success":
            outputs[task.id] = task.output
        elif task.state == "failed" and task.error is not None:
            failure = task.error
            errors[task.id] = {"category": failure.category.value, "code": failure.code, "message": failure.message}
    expect: list[dict[str, Any]] = [{"status": run.status}]
    for task in run.tasks:
        reason = {"skipped": task.skip_reason} if task.skip_reason else {"state": task.state}
        expect.append({"task": task.id, **reason})
    if run.status == "succeeded" and "output" in run.json:
        expect.append({"equals": run.json["output"]})
    case: dict[str, Any] = {"name": f"as in run {run.run_id}"}
    given = {"inputs": dict(run.inputs), "outputs": outputs, "errors": errors}
    return {**case, **{key: value for key, value in given.items() if value}, "expect": expect}


def _leaves(tasks: tuple[RecordedTask, ...]) -> Iterator[RecordedTask]:
    for task in tasks:
        if task.children:
            yield from _leaves(task.children)
        else:
            yield task
