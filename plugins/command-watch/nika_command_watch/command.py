"""`nika runs watch`: follows any run of the project, whichever process works on it. It reads the history only."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

import nika_core as nika
from nika_core.plugin import CommandContext


def watch(
    context: typer.Context,
    run: Annotated[
        str | None,
        typer.Argument(
            metavar="[RUN]",
            help="A run's id, a unique beginning of it, or `last`; without: all.",
            autocompletion=nika.complete_runs,
        ),
    ] = None,
) -> None:
    """Follow runs of this project in the terminal; the last line shows the keys."""
    given: CommandContext = context.obj
    folder = given.workspace.project_folder
    followed = None if run is None else nika.runs.follow(run, folder=folder)
    if not (sys.stdin.isatty() and sys.__stderr__ is not None and sys.__stderr__.isatty()):
        nika.runs.find("last", folder=folder)  # without any runs, that is what to say
        raise nika.UsageError("`nika runs watch` needs a terminal", hint="nika runs show RUN, or nika runs list")
    from nika_command_watch.app import WatchApp  # Textual: only now, and for no other command

    WatchApp(folder, given.terminal, followed).run(mouse=False)
