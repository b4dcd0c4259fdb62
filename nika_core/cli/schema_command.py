"""`nika schema`: the JSON Schema of a workflow with the installed plugins, for editors."""

from __future__ import annotations

import nika_core as nika
from nika_core.cli.console import print_json


def schema_command() -> None:
    """Print the JSON Schema of a workflow with the installed plugins, for editors."""
    print_json(nika.schema())
