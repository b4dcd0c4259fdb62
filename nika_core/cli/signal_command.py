"""`nika signal`: gives a task what it waits for."""

from __future__ import annotations

import json
from typing import Annotated

import typer

import nika_core as nika
from nika_core.cli.console import plain, print_json, print_message
from nika_core.cli.options import Format, FormatOption, OnOption, RunArgument
from nika_core.cli.remote_options import where
from nika_core.cli.stdin import STDIN, read_stdin
from nika_core.errors import UsageError
from nika_core.model.json_text import parse_json


def signal_command(
    run: RunArgument,
    task: Annotated[
        str,
        typer.Argument(help="The task's id; review.3 means review[3].", autocompletion=nika.complete_tasks_of_run),
    ],
    payload: Annotated[str, typer.Argument(metavar="[JSON]", help="What the task is given; `-` reads it.")] = "null",
    on: OnOption = None,
    format_: FormatOption = Format.PRETTY,
) -> None:
    """Give a task what it waits for: written to the history of its run, which takes it within a second."""
    try:
        value = parse_json(read_stdin("the signal") if payload == str(STDIN) else payload)
    except ValueError as error:
        hint = f"a text needs quotes of its own: '{json.dumps(payload[:40])}'; without JSON the payload is null"
        raise UsageError(f"the signal cannot be used: {error}", hint=hint) from None
    run, on, _ = where(run, on)
    if on is not None:
        from nika_core.cli.remote_runs import RemoteRuns

        RemoteRuns(nika.Workspace.open(), on).signal(run, task, value, format_)
        return
    sent = nika.signal(run, task, value)
    if format_ is Format.JSON:
        status = {"runId": sent.run_id, "task": sent.task, "runStatus": sent.run_status, "repeated": sent.repeated}
        print_json(status)
        return
    again = " before, and nothing has changed" if sent.repeated else ""
    then = "the run takes it within a second" if sent.run_status == "running" else f"go on: nika resume {sent.run_id}"
    print_message(f"'{plain(sent.task)}' was given the signal{again}; {then}")
