"""The smallest value that fits a JSON Schema: what the mock answers when it is asked for JSON."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from nika_core.plugin import Json, JsonObject

_MAX_DEPTH: Final = 32
_FORMATS: Final = {
    "date": "2000-01-01",
    "time": "00:00:00Z",
    "date-time": "2000-01-01T00:00:00Z",
    "email": "mock@example.com",
    "uri": "https://example.com/",
    "uuid": "00000000-0000-4000-8000-000000000000",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "hostname": "example.com",
}


def instance_of(schema: Any, text: str = "mock") -> Json:
    """Return a minimal instance of a schema. Strings that may be anything are `text`.

    Deterministic. Keywords that say what a value may not be (`not`, `pattern`, `if`) are not followed.
    """
    return _instance(schema, schema if isinstance(schema, Mapping) else {}, text, 0)


def _instance(schema: Any, root: JsonObject, text: str, depth: int) -> Json:
    if not isinstance(schema, Mapping) or not schema:
        return {} if depth == 0 else text
    if depth > _MAX_DEPTH:
        return None
    schema = _flat(schema, root, depth)
    if "const" in schema:
        return schema["const"]  # type: ignore[no-any-return]  # a schema is JSON
    if "default" in schema:
        return schema["default"]  # type: ignore[no-any-return]  # a schema is JSON
    if schema.get("enum"):
        return schema["enum"][0]  # type: ignore[no-any-return]  # a schema is JSON
    match _type_of(schema):
        case "object":
            return _object(schema, root, text, depth)
        case "array":
            items = schema.get("prefixItems") or [schema.get("items", {})]
            count = max(int(schema.get("minItems", 0)), len(schema.get("prefixItems", ())))
            return [_instance(items[min(i, len(items) - 1)], root, text, depth + 1) for i in range(count)]
        case "string":
            return _string(schema, text)
        case "integer":
            return int(_number(schema, 1))
        case "number":
            return _number(schema, 0)
        case "boolean":
            return True
        case "null":
            return None
    return text


def _flat(schema: JsonObject, root: JsonObject, depth: int) -> JsonObject:
    """Return the schema with `$ref`, `allOf` and the first branch of `anyOf` and `oneOf` laid into it."""
    found: dict[str, Any] = {}
    parts: list[Any] = []
    reference = schema.get("$ref")
    if isinstance(reference, str):
        parts.append(_lookup(root, reference))
    parts.extend(schema.get("allOf", ()))
    for word in ("anyOf", "oneOf"):
        parts.extend(schema.get(word, ())[:1])
    for part in parts:
        if not isinstance(part, Mapping) or depth > _MAX_DEPTH:
            continue
        flat = _flat(part, root, depth + 1)
        for key, value in flat.items():
            if key == "properties" and key in found:
                found[key] = {**found[key], **value}
            elif key == "required" and key in found:
                found[key] = [*found[key], *value]
            else:
                found[key] = value
    own = {key: value for key, value in schema.items() if key not in ("$ref", "allOf", "anyOf", "oneOf")}
    if "properties" in own and "properties" in found:
        own["properties"] = {**found["properties"], **own["properties"]}
    if "required" in own and "required" in found:
        own["required"] = [*found["required"], *own["required"]]
    return {**found, **own}


def _lookup(root: JsonObject, reference: str) -> Any:
    if not reference.startswith("#"):
        return {}
    found: Any = root
    for part in reference[1:].split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        if isinstance(found, Mapping):
            found = found.get(key, {})
        elif isinstance(found, Sequence) and key.isdigit() and int(key) < len(found):
            found = found[int(key)]
        else:
            return {}
    return found


def _type_of(schema: JsonObject) -> str | None:
    declared = schema.get("type")
    if isinstance(declared, str):
        return declared
    if isinstance(declared, Sequence) and declared:
        return str(next((item for item in declared if item != "null"), declared[0]))
    if "properties" in schema or "required" in schema:
        return "object"
    if "items" in schema or "prefixItems" in schema:
        return "array"
    if "minimum" in schema or "maximum" in schema:
        return "number"
    return None


def _object(schema: JsonObject, root: JsonObject, text: str, depth: int) -> JsonObject:
    properties = schema.get("properties", {})
    found = {
        name: _instance(properties.get(name, {}), root, text, depth + 1)
        for name in dict.fromkeys(schema.get("required", ()))
    }
    for name in properties:
        if len(found) >= int(schema.get("minProperties", 0)):
            break
        if name not in found:
            found[name] = _instance(properties[name], root, text, depth + 1)
    return found


def _string(schema: JsonObject, text: str) -> str:
    known = _FORMATS.get(str(schema.get("format")))
    if known is not None:
        return known
    shortest = int(schema.get("minLength", 0))
    found = text if len(text) >= shortest else text + "x" * (shortest - len(text))
    found = found[: int(schema["maxLength"])] if "maxLength" in schema else found
    pattern = schema.get("pattern")
    if isinstance(pattern, str) and not _fits(pattern, found):
        plain = pattern.removeprefix("^").removesuffix("$")
        return plain if _fits(pattern, plain) else found
    return found


def _fits(pattern: str, text: str) -> bool:
    try:
        return re.search(pattern, text) is not None
    except re.error:
        return False


def _number(schema: JsonObject, step: int) -> float | int:
    low = schema.get("minimum")
    if "exclusiveMinimum" in schema and schema["exclusiveMinimum"] is not True:
        low = schema["exclusiveMinimum"] + (step or 0.5)
    high = schema.get("maximum")
    if "exclusiveMaximum" in schema and schema["exclusiveMaximum"] is not True:
        high = schema["exclusiveMaximum"] - (step or 0.5)
    found: float | int = 0
    if low is not None and found < low:
        found = low
    if high is not None and found > high:
        found = high
    multiple = schema.get("multipleOf")
    if multiple and found % multiple:
        found = (found // multiple + 1) * multiple
    if step and found != int(found):
        found = int(found) + (1 if found > 0 else 0)
    return found
