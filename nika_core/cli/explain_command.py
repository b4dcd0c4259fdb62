"""`nika explain CODE`: what a code means, an example that causes it, and how to fix it."""

from __future__ import annotations

from textwrap import indent
from typing import Annotated

import typer

import nika_core as nika
from nika_core.cli.console import plain, print_data, print_json, style_data
from nika_core.cli.options import Format, FormatOption


def explain_command(
    code: Annotated[
        str, typer.Argument(help="NIKA-050, or just 50; or a plugin's own code.", autocompletion=nika.complete_codes)
    ],
    format_: FormatOption = Format.PRETTY,
) -> None:
    """Explain a NIKA code: what it means, an example that causes it, and its fix."""
    explanation = nika.explain(code)
    if format_ is Format.JSON:
        print_json(nika.to_json(explanation))
        return
    print_data(f"{style_data(explanation.code, 'bold')}: {plain(explanation.title)}\n\n{plain(explanation.meaning)}\n")
    example = indent(plain(explanation.example).rstrip(), "    ")
    print_data(f"Example:\n\n{example}\n\nFix: {plain(explanation.fix)}")
