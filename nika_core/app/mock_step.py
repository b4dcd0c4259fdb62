"""`nika run --mock`: every keyword plays its part without any effect."""

from __future__ import annotations

from nika_core.model.json import Json, JsonObject
from nika_core.model.json_text import parse_json
from nika_core.plugin import Facets, StepContext, StepOutput
from nika_core.template.json_check import import_validator, value_problems
from nika_core.template.schema_instance import minimal_instance


class MockStep:
    """A step that returns what the keyword's `mock` facet says its output would look like."""

    def __init__(self, facets: Facets) -> None:
        self._facets = facets

    async def run(self, payload: JsonObject, context: StepContext) -> StepOutput | Json:
        """Return the mock output, or a small one that fits what the task wants of its output; touch nothing."""
        output = self._facets.mock(payload)
        if output == "" and context.output.format == "lines":
            return "mock"  # of an empty list the tasks behind it would show nothing
        if context.output.format != "json":
            return output
        schema = context.output.schema or {}
        if schema:
            await import_validator()
        if isinstance(output, str):
            try:
                output = parse_json(output, context.max_json_depth)
            except ValueError:
                return minimal_instance(schema) if schema else {}
        return minimal_instance(schema) if value_problems(output, schema) else output
