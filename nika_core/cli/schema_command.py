"""`nika schema`: the JSON Schema of a workflow with the installed plugins, for editors."""

from __future__ import annotations

from nika_core.app import Workspace
from nika_core.cli.console import print_json


def schema() -> None:
    """The JSON Schema of a workflow with the installed plugins, for editors."""
    from nika_core.document.json_schema import workflow_json_schema

    print_json(workflow_json_schema(Workspace.open().registry))
