"""`nika graph`: a workflow's graph as a drawing."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from nika_core.app import Nika
from nika_core.cli.console import mask_with, masked, say
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

    nika = Nika.open(workflow)
    mask_with(nika.masker)
    checked = require_workflow(nika.load(workflow))
    say(draw(checked, nika.graph(checked), format_.value, masked))
