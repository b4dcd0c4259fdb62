"""`nika init`: a project that runs at once, offline."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

import nika_core as nika
from nika_core.cli.console import plain, print_data, print_json, print_message, style_data
from nika_core.cli.options import Format, FormatOption
from nika_core.errors import NikaError
from nika_core.model.files import is_folder
from nika_core.model.json import JsonObject


def init_command(
    folder: Annotated[Path, typer.Argument(metavar="[DIR]", help="Where; made if it is not there.")] = Path(),
    template: Annotated[
        str,
        typer.Option(
            "--template",
            metavar="NAME",
            help="What the project does: see --list.",
            autocompletion=nika.complete_project_templates,
        ),
    ] = "hello",
    list_: Annotated[bool, typer.Option("--list", help="List the installed templates, and make nothing.")] = False,
    format_: FormatOption = Format.PRETTY,
) -> None:
    """Make a project that runs at once, without keys, on the mock provider. Nothing is overwritten."""
    if list_:
        _list(format_)
        return
    files = nika.init(folder, *_schemas(folder), template=template)
    if format_ is Format.JSON:
        print_json({"files": [{"path": str(made.path), "kept": made.kept} for made in files]})
        return
    for made in files:
        print_data(plain(f"{'kept' if made.kept else 'made'}  {made.path}"))
        if made.hint:
            print_message(f"      {made.hint}")
    there = "" if folder.resolve() == Path.cwd() else f"cd {shlex.quote(plain(str(folder)))} && "
    print_message(f"next: {there}nika run")


def _list(format_: Format) -> None:
    """Print each template that can be used, and why another cannot."""
    workspace = nika.Workspace.open()
    found = []
    for each in nika.plugins(workspace=workspace):
        if each.record.kind.id != "project_templates" or each.status != "available":
            continue
        try:
            summary = nika.describe_plugin(each, workspace=workspace).summary
        except nika.PluginError as error:
            print_message(plain(error.message))
            continue
        found.append({"name": each.record.word, "summary": summary, "distribution": each.record.distribution})
    if format_ is Format.JSON:
        print_json({"templates": found})
        return
    width = max((len(row["name"]) for row in found), default=0)
    for row in found:
        print_data(f"{style_data(row['name'].ljust(width), 'bold')}  {plain(row['summary'])}")


def _schemas(folder: Path) -> tuple[JsonObject, JsonObject] | tuple[()]:
    """Return both schemas with the installed plugins; print why and return nothing if that fails."""
    try:
        if is_folder(folder):
            return nika.schema(folder=folder), nika.project_schema(folder=folder)
        return nika.schema(), nika.project_schema()
    except NikaError as error:
        print_message(f"no JSON Schema for editors: {plain(error.message)}; `nika schema` says more")
        return ()
