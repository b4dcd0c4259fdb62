"""What the shell completes: `autocompletion=nika.complete_runs` of an argument or an option of a command.

They only read. Each looks in the folder that the command works in, and at the arguments and options that were typed
before: a parameter `run` says of which run there are tasks, and a parameter `workflow` of which workflow there are
tasks and inputs. Nothing is offered if anything goes wrong, such as a workflow that is invalid: the shell asks while
somebody types.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final, Protocol

if TYPE_CHECKING:
    from nika_core.model.workflow import Workflow

_NEWEST: Final = 50  # runs that are offered
_LAST: Final = "last"
_KERNEL: Final = "NIKA-"  # no code of a plugin begins so


class CompletionContext(Protocol):
    """The part of a `typer.Context` that completers read. Typer passes it as `ctx`.

    Attributes:
        params: what was typed before, by the names of the function's parameters.
    """

    @property
    def params(self) -> dict[str, Any]: ...


def complete_runs(ctx: CompletionContext) -> Iterator[tuple[str, str]]:
    """Yield the newest runs, and `last`."""
    from nika_core.api import runs as history

    found = history.list(last=_NEWEST)
    if found:
        yield _LAST, "the newest run"
    for run in found:
        yield run.run_id, f"{run.workflow}, {run.status}"


def complete_tasks_of_run(ctx: CompletionContext) -> Iterator[tuple[str, str]]:
    """Yield the tasks of the run that the parameter `run` names, else of the last one."""
    yield from _tasks_of_run(ctx.params.get("run"))


def complete_runs_and_tasks(ctx: CompletionContext) -> Iterator[tuple[str, str]]:
    """Yield what `[RUN] TASK` may begin with, or go on with: for a parameter `words`, which is a list."""
    words = ctx.params.get("words") or []
    if not words:
        yield from complete_runs(ctx)
    yield from _tasks_of_run(words[0] if words else None)


def complete_tasks(ctx: CompletionContext) -> Iterator[tuple[str, str]]:
    """Yield the tasks of the workflow that the parameter `workflow` names, else of the project's `main`."""
    workflow = _workflow(ctx)
    yield from ((task.id, task.keyword) for task in workflow.tasks) if workflow else ()


def complete_inputs(ctx: CompletionContext) -> Iterator[tuple[str, str]]:
    """Yield the inputs of that workflow as `name=`, without those that the parameter `input_` has already."""
    given = {str(pair).partition("=")[0] for pair in ctx.params.get("input_") or ()}
    workflow = _workflow(ctx)
    declared = workflow.inputs if workflow else None
    for name, spec in (declared or {}).items():
        if name not in given:
            yield f"{name}=", spec.description or spec.type


def complete_codes(ctx: CompletionContext, incomplete: str) -> Iterator[tuple[str, str]]:
    """Yield the codes of errors, those of plugins too. Keywords are imported only if one of theirs may be meant."""
    from nika_core.app.code_explanations import explanations_of
    from nika_core.app.workspace import Workspace
    from nika_core.explanations import EXPLANATIONS

    kernels = incomplete.startswith(_KERNEL)
    found = EXPLANATIONS.values() if kernels else explanations_of(Workspace.open())
    yield from sorted((each.code, each.title) for each in found)


def complete_providers(ctx: CompletionContext) -> Iterator[tuple[str, str]]:
    """Yield the installed providers, with what distribution brings each."""
    yield from _words("providers")


def complete_project_templates(ctx: CompletionContext) -> Iterator[tuple[str, str]]:
    """Yield the installed project templates, with what distribution brings each."""
    yield from _words("project_templates")


def _words(kind: str) -> Iterator[tuple[str, str]]:
    from nika_core.api.plugins import plugins

    for each in plugins():
        if each.record.kind.id == kind and each.status == "available":
            yield each.record.word, each.record.distribution


def _tasks_of_run(run: str | None) -> Iterator[tuple[str, str]]:
    from nika_core.api import runs as history

    waiting = [*history.get(run or _LAST, large_outputs=False).tasks]
    while waiting:
        task = waiting.pop(0)
        yield task.id, f"{task.keyword}, {task.state}" if task.keyword else task.state
        waiting += task.children


def _workflow(ctx: CompletionContext) -> Workflow | None:
    from nika_core.api.checking import load
    from nika_core.app.workspace import Workspace

    workspace = Workspace.open()
    path = ctx.params.get("workflow") or workspace.project_folder / str(workspace.project.main)
    return load(path, workspace=workspace).readable
