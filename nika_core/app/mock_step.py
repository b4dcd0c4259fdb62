"""`nika run --mock`: every keyword plays its part without any effect."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from nika_core.app.mock_shapes import Shape
from nika_core.model.ids import definition_path
from nika_core.model.json import Json, JsonObject
from nika_core.model.json_text import parse_json
from nika_core.plugin import Facets, StepContext, StepOutput
from nika_core.template import to_text
from nika_core.template.json_check import import_validator, value_problems

_TEXT: Final[JsonObject] = {"type": "string"}


class MockStep:
    """A step that returns what the keyword's `mock` facet says its output would look like."""

    def __init__(self, facets: Facets, wanted: Callable[[], Mapping[str, Shape]]) -> None:
        """Make the step of a keyword.

        Args:
            wanted: what is read of the outputs of tasks, by the paths of their definitions.
        """
        self._facets = facets
        self._wanted = wanted

    async def run(self, payload: JsonObject, context: StepContext) -> StepOutput | Json:
        """Return the mock output, or a small one that fits what is wanted of it; touch nothing."""
        output = self._facets.mock(payload)
        shape = self._wanted().get(definition_path(context.task_id))
        kind, schema = context.output.format, context.output.schema or {}
        if kind == "lines":
            fields = shape is not None and shape.item is not None and shape.item.schema()
            if fields and shape is not None and shape.item is not None:
                return to_text(_fitting(shape.item.schema(_TEXT)))
            return output or "mock"  # of an empty list the tasks behind it would show nothing
        if kind != "json" and shape is None:
            return output
        await import_validator()
        value: Json = output
        if isinstance(output, str):
            try:
                value = parse_json(output, context.max_json_depth)
            except ValueError:
                value = output if kind != "json" else _instance(schema)
        if kind == "json" and value_problems(value, schema):
            value = _instance(schema)
        if shape is None or not value_problems(value, shape.schema()):
            return value if kind == "json" else output
        fitting = _fitting({"allOf": [schema, shape.schema()]} if schema else shape.schema(_TEXT))
        return value if value_problems(fitting, schema) else fitting


def _instance(schema: JsonObject) -> Json:
    return _fitting(schema) if schema else {}


def _fitting(schema: JsonObject) -> Json:
    from nika_core.template.schema_instance import minimal_instance  # which most mocked tasks do without

    return minimal_instance(schema)
