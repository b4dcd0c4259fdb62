"""`nika run`: check, decide, run, and tell."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from nika_core import codes
from nika_core.app import Nika, RunOptions
from nika_core.cli.console import mask_with
from nika_core.cli.inputs import gather
from nika_core.cli.options import (
    InputOption,
    InputsOption,
    ModelOption,
    ProviderOption,
    RunFormat,
    RunFormatOption,
    TimeoutOption,
    VerboseOption,
    WorkflowArgument,
    seconds_of,
)
from nika_core.cli.problems import refusals_as, require_workflow, telling_problems
from nika_core.document import LoadedWorkflow
from nika_core.errors import UsageError
from nika_core.model.workflow import Workflow


def run(
    workflow: WorkflowArgument = None,
    input_: InputOption = None,
    inputs: InputsOption = None,
    provider: ProviderOption = None,
    model: ModelOption = None,
    max_concurrent: Annotated[
        int | None, typer.Option("--max-concurrent", min=1, help="Tasks at once; narrows NIKA_MAX_CONCURRENT.")
    ] = None,
    timeout: TimeoutOption = None,
    fail_fast: Annotated[bool, typer.Option("--fail-fast", help="Stop everything after the first failure.")] = False,
    no_journal: Annotated[bool, typer.Option("--no-journal", help="Keep no history: cannot be resumed.")] = False,
    mock: Annotated[bool, typer.Option("--mock", help="Every keyword plays its part without any effect.")] = False,
    economy: Annotated[
        bool, typer.Option("--economy", help="Send single calls (`llm`) through the provider's batch API.")
    ] = False,
    format_: RunFormatOption = RunFormat.PRETTY,
    verbose: VerboseOption = 0,
) -> None:
    """Run a workflow."""
    with refusals_as(format_.value):
        given = gather(input_ or (), inputs)
        nika, path = find_workflow(workflow)
        options = RunOptions(
            inputs=given,
            provider=provider,
            model=model,
            max_concurrent=max_concurrent,
            timeout=seconds_of(timeout),
            fail_fast=fail_fast,
            mock=mock,
            economy=economy,
        )
        loaded, checked = read_workflow(nika, path, provider, model)

        from nika_core.app.preparing import prepare
        from nika_core.cli.execute import execute

        with telling_problems(loaded):
            prepared = prepare(nika, checked, options)
        journal = None if no_journal else nika.journal(path)
        sys.exit(execute(prepared, format_.value, verbose, journal=journal, document=loaded.text))


def read_workflow(nika: Nika, path: Path, provider: str | None, model: str | None) -> tuple[LoadedWorkflow, Workflow]:
    """The file, and the workflow in it. Raises ToldError after telling all that is wrong, with its models too."""
    mask_with(nika.masker)
    loaded = nika.load(path, model=model)
    if loaded.workflow is None:
        from nika_core.app.models import with_models

        loaded = with_models(nika, loaded, provider=provider, model=model)
    return loaded, require_workflow(loaded)


def find_workflow(workflow: Path | None) -> tuple[Nika, Path]:
    """The opened project and the file to run. Raises UsageError where neither says which."""
    nika = Nika.open(workflow)
    if workflow is not None:
        return nika, workflow
    if nika.project.main is None:
        where = f"{nika.project.path} has no `main:`" if nika.project.path else "there is no nika.yaml here"
        raise UsageError(
            f"which workflow? {where}",
            code=codes.USAGE,
            hint="nika run FILE.nika.yaml, or `main: FILE.nika.yaml` in nika.yaml; `nika init` makes both",
        )
    return nika, nika.project_folder / nika.project.main
