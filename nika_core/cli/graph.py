"""`nika graph`: a workflow's graph as a drawing."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from nika_core.app.workspace import Workspace
from nika_core.cli.console import mask_with, masked, print_data
from nika_core.cli.problems import require_workflow


class Format(StrEnum):
    """How to draw."""

    MERMAID = "mermaid"
    DOT = "dot"
    SVG = "svg"
    TEXT = "text"


def graph(
    workflow: Annotated[Path, typer.Argument(help="The workflow's file.")],
    format_: Annotated[Format, typer.Option("--format", help="How to draw.")] = Format.TEXT,
) -> None:
    """Draw a workflow's graph."""
    from nika_core.document.drawing import draw

    workspace = Workspace.open(workflow)
    mask_with(workspace.masker)
    checked = require_workflow(workspace.load(workflow))
    print_data(draw(checked, workspace.graph(checked), format_.value, masked))
