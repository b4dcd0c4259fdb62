"""The JSON Schema of a validator, with the messages that an editor shows if a value does not fit.

`errorMessage` is not part of JSON Schema: yaml-language-server (in VS Code: the YAML extension) shows it, others ignore
it. A mapping that may also be a text is recognized by its type, with `if`: with `anyOf`, an editor guesses
which alternative was meant, and guesses wrong if a key is misspelt.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

import strictyaml
from strictyaml.compound import MapCombined

from nika_core.plugin.fields import BoundedFloat, Duration, NonEmptyStr, PositiveInt, Scalar, StrictBool, strict
from nika_core.plugin.fields.scalars import VariableName
from nika_core.plugin.fields.strict_classes import CheckedValidator, DocumentedMap, ScalarOf, TemplatedValidator

Schema = dict[str, Any]

TEXT: Final = {"type": ["string", "number", "boolean", "null"]}  # as an editor types a plain scalar
_SCALAR_TYPES: Final = frozenset({"string", "number", "integer", "boolean", "null", "array"})


def describe(schema: Schema, docs: Mapping[str, str]) -> Schema:
    """Return the schema of a mapping with what its keys are for."""
    properties = schema.get("properties")
    if not properties:
        return schema
    described = {
        key: {**inner, "description": docs[key]} if key in docs and isinstance(inner, dict) else inner
        for key, inner in properties.items()
    }
    return {**schema, "properties": described}


def choice(*schemas: Schema) -> Schema:
    """Return the schema of what fits one of these."""
    mappings = [schema for schema in schemas if schema.get("type") == "object"]
    others = [schema for schema in schemas if schema.get("type") != "object"]
    if len(mappings) != 1 or not others or not all(map(_is_no_mapping, others)):
        return {"anyOf": list(schemas)}
    other = others[0] if len(others) == 1 else {"anyOf": others}
    schema = {"if": {"type": "object"}, "then": mappings[0], "else": other}
    words = [word for each in others for word in each.get("enum", ()) if word not in ("", None, "true", "false")]
    return {**schema, "examples": words} if words else schema  # in `else`, editors do not look for what to suggest


def provider_schema(words: Iterable[str]) -> Schema:
    """Return the schema of a provider's name. Editors suggest these; another one may be installed elsewhere."""
    return {"type": "string", "examples": list(words), "errorMessage": "Expected the name of a provider."}


def _is_no_mapping(schema: Schema) -> bool:
    if "anyOf" in schema:
        return all(map(_is_no_mapping, schema["anyOf"]))
    if "enum" in schema or "const" in schema:
        return True
    types = schema.get("type", "object")
    return {types} <= _SCALAR_TYPES if isinstance(types, str) else set(types) <= _SCALAR_TYPES


def schema_of(validator: Any) -> Schema:
    """Return the JSON Schema of a validator: never stricter than the validator, as editors read YAML."""
    validator = strict(validator)
    make = _MAKERS.get(type(validator))
    if make is not None:
        return make(validator)
    if isinstance(validator, strictyaml.ScalarValidator):
        return dict(TEXT)
    return {}


def _map(validator: Any) -> Schema:
    open_ended = isinstance(validator, MapCombined)
    schema: Schema = {
        "type": "object",
        "properties": {str(key): schema_of(inner) for key, inner in validator._validator_dict.items()},
        "additionalProperties": schema_of(validator._value_validator) if open_ended else False,
    }
    if type(validator._key_validator) is not strictyaml.Str:  # keys are changed, so the schema cannot name them
        return {"type": "object"}
    if validator._required_keys:
        schema["required"] = [str(key) for key in validator._required_keys]
    if not isinstance(validator, DocumentedMap):
        return schema
    for key, file in validator.text_files.items():
        schema.setdefault("allOf", []).append(_text_or_file(schema, file.stands_for, key))
    return describe(schema, validator.docs)


def _text_or_file(schema: Schema, field: str, file: str) -> Schema:
    """Return the rule that a text is given by one of two keys. The mapping then no longer requires the first one."""
    both = {"properties": {field: False}, "errorMessage": f"`{field}` and `{file}` are both given: keep one of them."}
    rule: Schema = {"if": {"required": [file]}, "then": both}
    if field in schema.get("required", ()):
        schema["required"] = [name for name in schema["required"] if name != field]
        rule["else"] = {"required": [field], "errorMessage": f"Missing property `{field}`, or `{file}`."}
    return rule


def _pattern(validator: Any) -> Schema:
    schema: Schema = {"type": "object", "additionalProperties": schema_of(validator._value_validator)}
    key = getattr(validator._key_validator, "scalar", None)
    if type(key) is VariableName:
        schema["propertyNames"] = {"pattern": "^[A-Za-z_][A-Za-z0-9_]*$", "errorMessage": expected(key)}
    if validator._minimum_keys is not None:
        schema["minProperties"] = validator._minimum_keys
    if validator._maximum_keys is not None:
        schema["maxProperties"] = validator._maximum_keys
    return schema


def _enum(validator: Any) -> Schema:
    if type(validator._item_validator) is not strictyaml.Str:
        return dict(TEXT)
    words: list[Any] = list(validator._restricted_to)
    typed = {"true": True, "false": False, "null": None}
    return {"enum": [*words, *(typed[word] for word in words if word in typed)]}


def _either(validator: Any) -> Schema:
    return choice(*_alternatives(validator))


def _alternatives(validator: Any) -> list[Schema]:
    """Return the schemas of `a | b | c`, which is a choice of choices."""
    if isinstance(validator, strictyaml.OrValidator):
        return [*_alternatives(validator._validator_a), *_alternatives(validator._validator_b)]
    return [schema_of(validator)]


def _templated(validator: TemplatedValidator) -> Schema:
    return {"anyOf": [schema_of(validator.inner), {"type": "string", "pattern": r"\{\{|\$\{"}]}


def expected(scalar: Scalar) -> str:
    """Return the message for a text that a scalar type refuses."""
    return f"Expected {scalar.expects}."


def _scalar(validator: ScalarOf) -> Schema:
    make = _SCALARS.get(type(validator.scalar))
    schema = make(validator.scalar) if make is not None else dict(TEXT)
    return {**schema, "errorMessage": expected(validator.scalar)}


def _number(validator: BoundedFloat) -> Schema:
    schema: Schema = {"type": ["number", "string"], "pattern": r"^-?[0-9]+(\.[0-9]+)?$"}
    if validator.least > float("-inf"):
        schema["minimum"] = validator.least
    if validator.most < float("inf"):
        schema["maximum"] = validator.most
    return schema


_SCALARS: Final[dict[type[Scalar], Callable[[Any], Schema]]] = {
    Duration: lambda _: {"type": ["string", "number"], "pattern": r"^[0-9]+(\.[0-9]+)?(ms|s|m|h|d)?$", "minimum": 0},
    PositiveInt: lambda validator: {"type": ["integer", "string"], "minimum": validator.least, "pattern": "^[0-9]+$"},
    BoundedFloat: _number,
    StrictBool: lambda _: {"enum": [True, False, "true", "false"]},
    NonEmptyStr: lambda _: {"type": ["string", "number", "boolean"], "pattern": r"\S"},
}

_MAKERS: Final[dict[type[Any], Callable[[Any], Schema]]] = {
    strictyaml.Str: lambda _: dict(TEXT),
    strictyaml.Int: lambda _: {
        "type": ["integer", "string"],
        "pattern": r"^[-+]?[0-9_]+$",
        "errorMessage": "Expected a whole number.",
    },
    strictyaml.Float: lambda _: {"type": ["number", "string"], "errorMessage": "Expected a number."},
    strictyaml.Decimal: lambda _: {"type": ["number", "string"], "errorMessage": "Expected a number."},
    strictyaml.Bool: lambda _: {"type": ["boolean", "string", "integer"], "errorMessage": "Expected true or false."},
    strictyaml.Regex: lambda validator: {
        "type": ["string", "number", "boolean"],
        "pattern": f"^(?:{validator._regex})",
    },
    strictyaml.EmptyDict: lambda _: {"enum": ["", None], "errorMessage": "Expected a mapping, or nothing."},
    strictyaml.EmptyList: lambda _: {"enum": ["", None], "errorMessage": "Expected a list, or nothing."},
    strictyaml.EmptyNone: lambda _: {"enum": ["", None]},
    strictyaml.NullNone: lambda _: {"enum": ["null", None]},
    strictyaml.Any: lambda _: {},
    strictyaml.Enum: _enum,
    strictyaml.Map: _map,
    MapCombined: _map,
    DocumentedMap: _map,
    ScalarOf: _scalar,
    CheckedValidator: lambda validator: schema_of(validator.inner),
    TemplatedValidator: _templated,
    strictyaml.MapPattern: _pattern,
    strictyaml.Seq: lambda validator: {"type": "array", "items": schema_of(validator._validator)},
    strictyaml.UniqueSeq: lambda validator: {
        "type": "array",
        "items": schema_of(validator._validator),
        "uniqueItems": True,
    },
    strictyaml.FixedSeq: lambda validator: {
        "type": "array",
        "items": [schema_of(inner) for inner in validator._validators],
        "minItems": len(validator._validators),
        "maxItems": len(validator._validators),
    },
    strictyaml.OrValidator: _either,
}
