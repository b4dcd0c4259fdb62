"""`nika resume`: go on with an interrupted or failed run."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from nika_core.app import Workspace
from nika_core.cli.inputs import gather
from nika_core.cli.options import (
    FolderOption,
    RunArgument,
    RunFormat,
    RunFormatOption,
    TimeoutOption,
    VerboseOption,
    seconds_of,
)
from nika_core.cli.problems import printing_problems, refused_run_as_json
from nika_core.cli.run_command import read_workflow


def resume(
    run: RunArgument,
    from_: Annotated[
        str | None, typer.Option("--from", metavar="TASK", help="Run this task and all below it again.")
    ] = None,
    input_: Annotated[
        list[str] | None, typer.Option("--input", "-i", metavar="KEY=VALUE", help="An input, in place of the old one.")
    ] = None,
    timeout: TimeoutOption = None,
    folder: FolderOption = None,
    format_: RunFormatOption = RunFormat.PRETTY,
    verbose: VerboseOption = 0,
) -> None:
    """Go on with an interrupted or failed run."""
    with refused_run_as_json(format_.value):
        seconds = seconds_of(timeout)

        from nika_core.app.prepared_run import prepare
        from nika_core.app.resuming import check_resumable, options_of, workflow_path
        from nika_core.cli.live_run import execute

        journal = Workspace.open(folder).journal()
        recorded = journal.load(run)
        options = options_of(recorded, gather(input_ or (), None), seconds)
        path = workflow_path(recorded)
        workspace = Workspace.open(path)
        loaded, checked = read_workflow(workspace, path, options.provider, options.model)
        check_resumable(recorded, checked, from_)
        with printing_problems(loaded):
            prepared = prepare(workspace, checked, options)
        sys.exit(
            execute(
                prepared,
                format_.value,
                verbose,
                journal=journal,
                document=loaded.text,
                recorded=recorded,
                rerun_from=from_,
            )
        )
