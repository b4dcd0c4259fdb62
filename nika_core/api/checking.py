"""Workflows looked at without being run: read, validated, planned."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Unpack

from nika_core.api.options import (
    TEXT_NAME,
    PlanOptions,
    WorkspaceOptions,
    is_text,
    open_workspace,
    run_options,
    where,
)
from nika_core.app.model_checks import check_models
from nika_core.app.run_options import RunOptions
from nika_core.app.trust import trusted_by_variable
from nika_core.app.workspace import Workspace
from nika_core.document import LoadedWorkflow
from nika_core.errors import UsageError
from nika_core.values import replace

if TYPE_CHECKING:
    from nika_core.app.prepared_run import PreparedRun
    from nika_core.app.results import Plan
    from nika_core.app.resuming import ResumedRun


def validate(
    workflow: str | Path,
    *,
    provider: str | None = None,
    model: str | None = None,
    with_environ: bool = True,
    **options: Unpack[WorkspaceOptions],
) -> LoadedWorkflow:
    """Return everything that is wrong with a workflow, as `nika validate` finds it. Nothing is called.

    Args:
        workflow: its path, or its text, which has a line break.
        provider, model: in place of those of the workflow and its project.
        with_environ: whether environment variables have to be set where `${env.X}` names them; limits are read from
            the environment in any case.
        options: see `WorkspaceOptions`.
    """
    workspace = open_workspace(workflow, options)
    loaded = _read(workspace, workflow, model, options, with_environ=with_environ)
    return check_models(workspace, loaded, provider=provider, model=model)


def load(
    workflow: str | Path,
    *,
    provider: str | None = None,
    model: str | None = None,
    **options: Unpack[WorkspaceOptions],
) -> LoadedWorkflow:
    """Return a workflow to prepare a run of. Its models are checked only if it is invalid, else `prepare` does it.

    Args:
        workflow, provider, model, options: as for `validate`.
    """
    workspace = open_workspace(workflow, options)
    loaded = _read(workspace, workflow, model, options)
    return loaded if loaded.workflow else check_models(workspace, loaded, provider=provider, model=model)


def _read(
    workspace: Workspace,
    workflow: str | Path,
    model: str | None,
    options: WorkspaceOptions,
    *,
    with_environ: bool = True,
) -> LoadedWorkflow:
    path, text = Path(workflow), None
    if is_text(workflow):
        path, text = Path(options.get("folder", "")) / TEXT_NAME, str(workflow).encode()
    return workspace.load(path, text=text, model=model, with_environ=with_environ)


def prepare(
    workflow: str | Path | LoadedWorkflow,
    *,
    resumed: ResumedRun | None = None,
    elsewhere: bool = False,
    **options: Unpack[PlanOptions],
) -> PreparedRun:
    """Return a run that could start now: inputs, models, limits and secrets are checked. Nothing is called.

    Args:
        workflow: its path, its text, or what `load` returned.
        resumed: a recorded run to resume; its options are used.
        elsewhere: it is for a backend: the keys of its models need not be on this machine.
        options: see `PlanOptions`.

    Raises:
        ProblemsError: with everything that is wrong.
    """
    from nika_core.app import prepared_run  # what a run needs; a check does not wait for the import

    given = run_options(options) if resumed is None else resumed.options
    if isinstance(workflow, LoadedWorkflow):
        workspace, loaded = open_workspace(workflow.path, where(options)), workflow
    else:
        workspace = options["workspace"] = open_workspace(workflow, where(options))
        loaded = load(workflow, provider=given.provider, model=given.model, **where(options))
    if resumed is None and options.get("only") is not None:
        given = _with_only(given, str(options["only"]), workspace, loaded)
    return prepared_run.prepare_run(workspace, loaded, given, resumed, elsewhere=elsewhere)


def _with_only(given: RunOptions, task: str, workspace: Workspace, loaded: LoadedWorkflow) -> RunOptions:
    """Return the options of a run of one task alone, with the inputs of the run that the rest is taken from."""
    from nika_core.app.only_task import only_task  # few runs are of one task alone

    path = Path(loaded.path)
    journal = workspace.journal(path)
    trusted = trusted_by_variable(workspace.environ, journal.path) is True
    only = only_task(journal, path, task, trusted=trusted)
    return replace(given, only=only, inputs={**only.inputs, **given.inputs})


def plan(workflow: str | Path | LoadedWorkflow, **options: Unpack[PlanOptions]) -> Plan:
    """Return what a run would do, touch and cost, as `nika plan` shows it. Nothing is called.

    Args:
        workflow: its path, its text, or what `load` returned.
        options: see `PlanOptions`.

    Raises:
        ProblemsError: with everything that is wrong.
    """
    from nika_core.app.planning import make_plan  # only a plan waits for the import

    return make_plan(prepare(workflow, **options))


async def aplan(workflow: str | Path | LoadedWorkflow, **options: Unpack[PlanOptions]) -> Plan:
    """Return the same plan, with the prompts that are known counted by their providers, to which they are sent."""
    from nika_core.app.forecasting import count_prompts
    from nika_core.app.planning import make_plan

    prepared = prepare(workflow, **options)
    return make_plan(prepared, await count_prompts(prepared))


def refuse_running_loop(name: str, instead: str) -> None:
    """Raise UsageError if an event loop runs in this thread: a function that blocks would stop it."""
    import asyncio

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return
    raise UsageError(
        f"{name}() was called while an event loop runs in this thread, which it would block",
        hint=f"use `await {instead}(...)`: notebooks, web handlers and async tests have a running loop",
    )
