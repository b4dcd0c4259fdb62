"""The command: a function whose parameters are its arguments and options."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from nika_core.plugin import CommandContext, Styled


class Format(StrEnum):
    """The output format."""

    PRETTY = "pretty"
    JSON = "json"


def main(
    context: typer.Context,
    workflow: Annotated[Path, typer.Argument(help="The workflow's file.")],
    format_: Annotated[Format, typer.Option("--format", help="How to print.")] = Format.PRETTY,
) -> None:
    """List the tasks of a workflow."""
    nika: CommandContext = context.obj
    tasks = nika.load_workflow(workflow).tasks
    if format_ is Format.JSON:
        nika.terminal.print_json({task.id: task.keyword for task in tasks})
        return
    for task in tasks:
        nika.terminal.print_data(Styled(task.id, ("bold",)), f": {task.keyword}")
