"""`nika schema`: the JSON Schemas of a workflow and of the project file with the installed plugins, for editors."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

import nika_core as nika
from nika_core.cli.console import print_json
from nika_core.cli.options import format_option


class _Format(StrEnum):
    """The one format, named so that every command takes `--format json`."""

    JSON = "json"


def schema_command(
    project: Annotated[bool, typer.Option("--project", help="The schema of the project file, nika.yaml.")] = False,
    format_: Annotated[_Format, format_option()] = _Format.JSON,
) -> None:
    """Print the JSON Schema of a workflow with the installed plugins, for editors."""
    print_json(nika.project_schema() if project else nika.schema())
