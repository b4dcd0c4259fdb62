"""`nika schema`: the JSON Schema of a workflow with the installed plugins, for editors."""

from __future__ import annotations

from nika_core.app import Nika
from nika_core.cli.console import say_json


def schema() -> None:
    """The JSON Schema of a workflow with the installed plugins, for editors."""
    from nika_core.document.json_schema import workflow_schema

    say_json(workflow_schema(Nika.open().catalog))
