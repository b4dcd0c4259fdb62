"""`nika resume`: go on with an interrupted or failed run."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from nika_core.app import Nika
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
from nika_core.cli.problems import refusals_as, telling_problems
from nika_core.cli.run import read_workflow


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
    with refusals_as(format_.value):
        seconds = seconds_of(timeout)

        from nika_core.app.preparing import prepare
        from nika_core.app.resuming import options_of, refuse_pointless, workflow_path
        from nika_core.cli.execute import execute

        journal = Nika.open(folder).journal()
        recorded = journal.load(run)
        options = options_of(recorded, gather(input_ or (), None), seconds)
        path = workflow_path(recorded)
        nika = Nika.open(path)
        loaded, checked = read_workflow(nika, path, options.provider, options.model)
        refuse_pointless(recorded, checked, from_)
        with telling_problems(loaded):
            prepared = prepare(nika, checked, options)
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
