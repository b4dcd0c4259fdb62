"""`nika init`: a project that runs at once, offline."""

from __future__ import annotations

import shlex
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

import nika_core as nika
from nika_core.cli.console import plain, print_data, print_json, print_message
from nika_core.cli.options import Format, FormatOption
from nika_core.errors import NikaError
from nika_core.model.files import is_folder
from nika_core.model.json import JsonObject


class _Template(StrEnum):
    """What a new project does."""

    HELLO = "hello"
    REVIEW = "review"
    TRIAGE = "triage"
    REPORT = "report"
    AGENT = "agent"


def init_command(
    folder: Annotated[Path, typer.Argument(metavar="[DIR]", help="Where; made if it is not there.")] = Path(),
    template: Annotated[_Template, typer.Option("--template", help="What the project does.")] = _Template.HELLO,
    format_: FormatOption = Format.PRETTY,
) -> None:
    """Make a project that runs at once, without keys, on the mock provider. Nothing is overwritten."""
    files = nika.init(folder, *_schemas(folder), template=template.value)
    if format_ is Format.JSON:
        print_json({"files": [{"path": str(made.path), "kept": made.kept} for made in files]})
        return
    for made in files:
        print_data(plain(f"{'kept' if made.kept else 'made'}  {made.path}"))
        if made.hint:
            print_message(f"      {made.hint}")
    there = "" if folder.resolve() == Path.cwd() else f"cd {shlex.quote(plain(str(folder)))} && "
    print_message(f"next: {there}nika run")


def _schemas(folder: Path) -> tuple[JsonObject, JsonObject] | tuple[()]:
    """Return both schemas with the installed plugins; print why and return nothing if that fails."""
    try:
        if is_folder(folder):
            return nika.schema(folder=folder), nika.project_schema(folder=folder)
        return nika.schema(), nika.project_schema()
    except NikaError as error:
        print_message(f"no JSON Schema for editors: {plain(error.message)}; `nika schema` says more")
        return ()
