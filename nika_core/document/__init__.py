"""From text to a checked workflow: strict YAML, schema, places, references, and how problems are shown."""

from nika_core.document.checks import TaskPayloads, WorkflowPayload, check_values, check_workflow, graph_of
from nika_core.document.checks.check_context import is_known_before_run, reads
from nika_core.document.filling import fill_in, settings_of
from nika_core.document.plugin_catalog import PluginCatalog
from nika_core.document.reading.inputs import call_inputs, check_inputs
from nika_core.document.reading.project_file import check_settings, load_project
from nika_core.document.reading.task_ids import declared_tasks, raw_document
from nika_core.document.reading.workflow_loader import LoadedWorkflow, load_workflow

__all__ = [
    "LoadedWorkflow",
    "PluginCatalog",
    "TaskPayloads",
    "WorkflowPayload",
    "call_inputs",
    "check_inputs",
    "check_settings",
    "check_values",
    "check_workflow",
    "declared_tasks",
    "fill_in",
    "graph_of",
    "is_known_before_run",
    "load_project",
    "load_workflow",
    "raw_document",
    "reads",
    "settings_of",
]
