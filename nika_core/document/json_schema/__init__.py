"""JSON Schemas for editors: of a workflow and of the project file, with the installed plugins.

They are of draft 7, as VS Code's YAML extension takes it.
"""

from nika_core.document.json_schema.from_validators import schema_of
from nika_core.document.json_schema.project import project_json_schema
from nika_core.document.json_schema.workflow import workflow_json_schema

__all__ = ["project_json_schema", "schema_of", "workflow_json_schema"]
