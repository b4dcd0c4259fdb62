"""What is known of a workflow's output before it runs, as JSON Schema."""

from __future__ import annotations

from functools import partial

from nika_core.document.checks.check_context import Context
from nika_core.model.json import JsonObject
from nika_core.model.template import Placeholder
from nika_core.model.tree_schema import schema_of_tree
from nika_core.model.workflow import NoOutputs


def output_schema(context: Context) -> JsonObject | None:
    """Return the schema of the workflow's output; None: nothing is known of it."""
    workflow = context.workflow
    if workflow.outputs is not NoOutputs.NO_OUTPUTS:
        return schema_of_tree(workflow.outputs, partial(_of_placeholder, context)) or None
    named = workflow.agent.output if workflow.agent is not None else None
    if named is None and len(workflow.tasks) == 1:
        named = workflow.tasks[0].id
    task = context.tasks.get(named) if named is not None else None
    return None if task is None else task.output_schema


def _of_placeholder(context: Context, placeholder: Placeholder) -> JsonObject:
    """Return what the source says of a value; nothing if there are others, or pipes."""
    if placeholder.pipes or placeholder.is_optional:
        return {}
    return context.known_schema(placeholder) or {}
