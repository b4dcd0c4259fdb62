"""`nika run --mock`: every keyword plays its part without any effect."""

from __future__ import annotations

import json

from nika_core.model.json import Json, JsonObject
from nika_core.plugin import Facets, StepContext, StepOutput


class MockStep:
    """A step that returns what the keyword's `mock` facet says its output would look like."""

    def __init__(self, facets: Facets) -> None:
        self._facets = facets

    async def run(self, payload: JsonObject, context: StepContext) -> StepOutput | Json:
        """Return the mock output; touch nothing."""
        output = self._facets.mock(payload)
        if context.output.format == "json" and isinstance(output, str):
            try:
                json.loads(output)
            except ValueError:
                return minimal_json(context.output.schema or {})
        return output


def minimal_json(schema: JsonObject) -> Json:
    """Return the simplest JSON that a plain schema accepts: what is required, and nothing more."""
    for chosen in ("const", "default"):
        if chosen in schema:
            found: Json = schema[chosen]
            return found
    if schema.get("enum"):
        first: Json = schema["enum"][0]
        return first
    kind = schema.get("type", "object")
    match kind[0] if isinstance(kind, list) else kind:
        case "object":
            properties = schema.get("properties", {})
            return {name: minimal_json(properties.get(name, {"type": "string"})) for name in schema.get("required", ())}
        case "array":
            return [minimal_json(schema.get("items", {}))] * int(schema.get("minItems", 0))
        case "integer" | "number":
            return schema.get("minimum", 0)  # type: ignore[no-any-return]  # a number by the schema's own word
        case "boolean":
            return False
        case "null":
            return None
    return "mock".ljust(int(schema.get("minLength", 0)), ".")
