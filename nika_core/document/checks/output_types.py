"""What is known of a workflow's output before it runs, as JSON Schema."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from nika_core.document.checks.check_context import Context
from nika_core.errors import NikaError
from nika_core.model.json import JsonObject
from nika_core.model.template import Placeholder, Template
from nika_core.model.workflow import NoOutputs
from nika_core.plugin import TypedSource

_TYPES: Final[dict[type[Any], str]] = {str: "string", bool: "boolean", int: "integer", float: "number"}


def output_schema(context: Context) -> JsonObject | None:
    """Return the schema of the workflow's output; None: nothing is known of it."""
    workflow = context.workflow
    if workflow.outputs is not NoOutputs.NO_OUTPUTS:
        return _of_tree(context, workflow.outputs) or None
    named = workflow.agent.output if workflow.agent is not None else None
    if named is None and len(workflow.tasks) == 1:
        named = workflow.tasks[0].id
    task = context.tasks.get(named) if named is not None else None
    return None if task is None else task.output_schema


def _of_tree(context: Context, tree: Any) -> JsonObject:
    if isinstance(tree, Template):
        if tree.single is None:
            return {"type": "string"}
        return _of_placeholder(context, tree.single)
    if isinstance(tree, Mapping):
        properties = {str(name): _of_tree(context, value) for name, value in tree.items()}
        return {"type": "object", "properties": properties, "additionalProperties": False}
    if isinstance(tree, list | tuple):
        return {"type": "array"}
    kind = _TYPES.get(type(tree)) or ("string" if isinstance(tree, str) else None)
    return {} if kind is None else {"type": kind}


def _of_placeholder(context: Context, placeholder: Placeholder) -> JsonObject:
    """Return what the source says of a value; nothing if there are others, or pipes."""
    if placeholder.pipes or placeholder.is_optional:
        return {}
    try:
        source = context.catalog.source(placeholder.source)
        schema = source.schema(placeholder, context.scope) if isinstance(source, TypedSource) else None
    except NikaError:  # reported elsewhere
        return {}
    return schema or {}
