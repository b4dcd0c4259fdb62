"""JSON Schemas of what workflows take and yield, and of the forms of questions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from nika_core import LoadedWorkflow

_TYPES: Final = {"string": "string", "int": "integer", "float": "number", "bool": "boolean"}
ENDED: Final = ("succeeded", "failed", "cancelled")
STATUSES: Final = ("running", *ENDED, "paused")


def inputs_schema(inputs: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the schema of an object with these inputs (`InputSpec`, by name); None: any inputs, as texts."""
    if inputs is None:
        return {"type": "object", "additionalProperties": {"type": "string"}}
    schema: dict[str, Any] = {
        "type": "object",
        "properties": {name: _input(spec) for name, spec in inputs.items()},
        "additionalProperties": False,
    }
    required = [name for name, spec in inputs.items() if spec.required and not spec.has_default]
    return {**schema, "required": required} if required else schema


def _input(spec: Any) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": _TYPES[spec.type]} if spec.type in _TYPES else {}
    if spec.enum is not None:
        schema["enum"] = list(spec.enum)
    if not spec.many:
        schema |= _bounds(spec, "minLength", "maxLength")
        if spec.format:
            schema["format"] = {"uri": "uri"}.get(spec.format, spec.format)
    for name, value in (("minimum", spec.least), ("maximum", spec.most)):
        if value is not None:
            schema[name] = value
    if spec.many:
        schema = {"type": "array", "items": schema, **_bounds(spec, "minItems", "maxItems")}
    if spec.description:
        schema["description"] = spec.description
    if spec.has_default:
        schema["default"] = spec.default
    return schema


def _bounds(spec: Any, least: str, most: str) -> dict[str, Any]:
    bounds = {least: spec.shortest, most: spec.longest}
    return {name: value for name, value in bounds.items() if value is not None}


def result_schema(loaded: LoadedWorkflow | None = None) -> dict[str, Any]:
    """Return the schema of how a run stands; with a workflow, its output as far as its author says what it is."""
    return {
        "type": "object",
        "properties": {
            "runId": {"type": "string", "description": "The run: `nika runs show` shows it."},
            "status": {"enum": list(STATUSES)},
            "output": _output(loaded),
            "error": {"type": "string"},
            "questions": {"type": "array", "items": {"type": "object"}},
            "usage": {"type": "object"},
            "progress": {"type": "object"},
        },
        "required": ["runId", "status"],
    }


def _output(loaded: LoadedWorkflow | None) -> dict[str, Any]:
    workflow = None if loaded is None else loaded.workflow
    name = None if workflow is None or workflow.agent is None else workflow.agent.output
    for task in () if workflow is None else workflow.tasks:
        if task.id == name:
            return dict(task.output_schema or {})
    return {}
