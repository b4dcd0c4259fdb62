"""What the shell completes: runs, tasks, codes, providers, inputs.

The functions only read. Whatever goes wrong, nothing is offered: the shell asks while somebody types a command.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import chdir
from typing import Any, Final

import typer

import nika_core as nika
from nika_core.cli.folder import completion_folder
from nika_core.cli.options import LAST

_NEWEST: Final = 50  # runs that are offered


def complete(name: str, context: typer.Context) -> list[tuple[str, str]]:
    """Return what may be written, each with what it is; nothing if it cannot be found out."""
    try:
        with chdir(completion_folder(context) or "."):
            return list(_FINDERS[name](context))
    except (Exception, SystemExit):  # of a plugin, too
        return []


def _runs(context: typer.Context) -> Iterable[tuple[str, str]]:
    found = nika.runs.list(last=_NEWEST)
    if found:
        yield LAST, "the newest run"
    for run in found:
        yield run.run_id, f"{run.workflow}, {run.status}"


def _tasks_of_run(context: typer.Context) -> Iterable[tuple[str, str]]:
    run = context.params.get("run") or LAST
    waiting = [*nika.runs.get(run, large_outputs=False).tasks]
    while waiting:
        task = waiting.pop(0)
        yield task.id, f"{task.keyword}, {task.state}" if task.keyword else task.state
        waiting += task.children


def _runs_and_tasks(context: typer.Context) -> Iterable[tuple[str, str]]:
    """Yield what `[RUN] TASK` may begin with: a run, or a task of the last one."""
    words = context.params.get("words") or []
    if words:
        context.params["run"] = words[0]
    else:
        yield from _runs(context)
    yield from _tasks_of_run(context)


def _workflow(context: typer.Context) -> Any:
    workspace = nika.Workspace.open()
    path = context.params.get("workflow") or workspace.project_folder / str(workspace.project.main)
    return nika.load(path, workspace=workspace).readable


def _tasks(context: typer.Context) -> Iterable[tuple[str, str]]:
    return [(task.id, task.keyword) for task in _workflow(context).tasks]


def _inputs(context: typer.Context) -> Iterable[tuple[str, str]]:
    given = {str(pair).partition("=")[0] for pair in context.params.get("input_") or ()}
    inputs = _workflow(context).inputs
    return [(f"{name}=", spec.description or spec.type) for name, spec in inputs.items() if name not in given]


def _codes(context: typer.Context) -> Iterable[tuple[str, str]]:
    from nika_core.explanations import EXPLANATIONS

    return [(code, each.title) for code, each in sorted(EXPLANATIONS.items())]


def _providers(context: typer.Context) -> Iterable[tuple[str, str]]:
    usable = (each.record for each in nika.plugins() if each.record.kind.id == "providers")
    return [(record.word, record.distribution) for record in usable]


_FINDERS: Final[dict[str, Callable[[typer.Context], Iterable[tuple[str, str]]]]] = {
    "runs": _runs,
    "runs and tasks": _runs_and_tasks,
    "tasks of a run": _tasks_of_run,
    "tasks": _tasks,
    "inputs": _inputs,
    "codes": _codes,
    "providers": _providers,
}
