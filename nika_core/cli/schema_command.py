"""`nika schema`: the JSON Schema of a workflow with the installed plugins, for editors."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import nika_core as nika
from nika_core.cli.console import print_json
from nika_core.cli.options import format_option


class _Format(StrEnum):
    """The one format, named so that every command takes `--format json`."""

    JSON = "json"


def schema_command(format_: Annotated[_Format, format_option()] = _Format.JSON) -> None:
    """Print the JSON Schema of a workflow with the installed plugins, for editors."""
    print_json(nika.schema())
