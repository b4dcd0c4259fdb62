"""`nika graph`: a workflow's graph as a drawing."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from nika_command_graph.drawing import draw
from nika_core.plugin import CommandContext


class GraphFormat(StrEnum):
    """How to draw."""

    MERMAID = "mermaid"
    DOT = "dot"
    SVG = "svg"
    TEXT = "text"
    JSON = "json"


def graph(
    context: typer.Context,
    workflow: Annotated[
        Path | None, typer.Argument(metavar="[WORKFLOW]", help="The workflow's file; without it, `main:` of nika.yaml.")
    ] = None,
    format_: Annotated[GraphFormat, typer.Option("--format", help="How to draw.")] = GraphFormat.TEXT,
) -> None:
    """Draw a workflow's graph."""
    nika: CommandContext = context.obj
    checked = nika.load_workflow(workflow)
    drawing = draw(checked, nika.graph(checked), format_.value, nika.terminal.mask, nika.tools_asked(checked))
    nika.terminal.print_data(drawing)
