"""What a JSON Schema says about a path into a value, as far as it can be known."""

from __future__ import annotations

from collections.abc import Sequence

from nika_core.model.json import Json, JsonObject
from nika_core.model.nearest import nearest
from nika_core.model.path import list_hint, text_hint
from nika_core.values import dataclass

# With one of these, what an object may hold cannot be told from its `properties` alone.
_OPEN = ("$ref", "$dynamicRef", "allOf", "anyOf", "oneOf", "if", "not", "patternProperties", "dependentSchemas")


@dataclass(frozen=True, slots=True)
class NotThere:
    """Why a path leads nowhere.

    Attributes:
        reason: follows what the schema is called: "declares no 'titel'".
        hint: what to do about it.
    """

    reason: str
    hint: str


def why_not_there(path: Sequence[str], schema: JsonObject) -> NotThere | None:
    """Return why no value that `schema` allows has something at `path`; None: one may have."""
    here: Json = schema
    may_be_json = True  # a text: a whole value may be JSON text, and so may be an item of a list that is one
    for taken, step in enumerate(path):
        if not isinstance(here, dict) or any(key in here for key in _OPEN):
            return None
        kinds = _kinds(here)
        properties = here.get("properties")
        if "object" in kinds and isinstance(properties, dict):
            if step not in properties:
                return _undeclared(path, taken, here, properties) if kinds == {"object"} else None
            here = properties[step]
        elif "array" in kinds and "object" not in kinds and kinds <= {"array", "null"}:
            if not step.isdecimal():
                reason = f"says that {_name(path, taken)} is a list, and '{step}' is not an index"
                return NotThere(reason, list_hint(path[taken:]))
            here = _item(here, int(step))
            may_be_json = not taken
            continue
        elif kinds and not kinds & ({"object", "array", "string"} if may_be_json else {"object", "array"}):
            reason = f"says that {_name(path, taken)} is {' or '.join(sorted(kinds))}, which has no '{step}'"
            return NotThere(reason, text_hint(step) if kinds == {"string"} else "end the path there")
        elif "object" in kinds and here.get("additionalProperties") is False and properties is None:
            return _undeclared(path, taken, here, {})
        else:
            return None
        may_be_json = False
    return None


def schema_at(path: Sequence[str], schema: JsonObject) -> JsonObject | None:
    """Return the schema of what is at `path` of a value that `schema` allows; None: it is not known."""
    here: Json = schema
    for step in path:
        if not isinstance(here, dict):
            return None
        kinds = _kinds(here)
        properties = here.get("properties")
        if isinstance(properties, dict) and step in properties and kinds <= {"object", "null"}:
            here = properties[step]
        elif step.isdecimal() and kinds and kinds <= {"array", "null"}:
            here = _item(here, int(step))
        else:
            return None
    return here if isinstance(here, dict) else None


def _kinds(schema: JsonObject) -> set[str]:
    """Return the types that a schema allows; `properties` without a type means an object."""
    kind = schema.get("type")
    if isinstance(kind, str):
        return {kind}
    if isinstance(kind, list):
        return {one for one in kind if isinstance(one, str)}
    return {"object"} if "properties" in schema else set()


def _item(schema: JsonObject, index: int) -> Json:
    prefix = schema.get("prefixItems")
    if isinstance(prefix, list) and index < len(prefix):
        found: Json = prefix[index]
        return found
    items: Json = schema.get("items", True)
    return items


def _undeclared(path: Sequence[str], taken: int, schema: JsonObject, properties: JsonObject) -> NotThere | None:
    step = path[taken]
    required = schema.get("required")
    if isinstance(required, list) and step in required:
        return None
    if schema.get("additionalProperties", False) is not False:
        return None
    near = nearest(step, properties)
    declared = f"it declares: {', '.join(list(properties)[:8])}" if properties else "it declares none"
    guess = f"did you mean '{near}'?" if near else declared
    return NotThere(
        f"declares no '{step}'" + (f" in {_name(path, taken)}" if taken else ""),
        f"{guess}; if it may be there all the same, give it a default with ??, or set additionalProperties: true",
    )


def _name(path: Sequence[str], taken: int) -> str:
    return f"'{'.'.join(path[:taken])}'" if taken else "it"
