"""A small JSON value that a JSON Schema accepts: what a mocked task returns. Candidates are tried until one is valid.

What a schema says is turned into candidates by a few rules, and jsonschema decides. So a rule may be too generous, and
a keyword without a rule (`not`, `if`) only sorts candidates out.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction
from itertools import chain, count, islice
from typing import Any, Final

from nika_core.model.json import Json, JsonObject
from nika_core.template.json_check import schema_validator
from nika_core.template.pattern_search import is_in
from nika_core.template.pattern_text import texts_matching

_TYPES: Final = ("object", "string", "array", "integer", "number", "boolean", "null")
_HINTS: Final = {  # of what type a value is, if the schema does not say so
    "object": ("properties", "required", "minProperties", "additionalProperties", "patternProperties"),
    "array": ("items", "prefixItems", "minItems", "contains", "uniqueItems"),
    "string": ("minLength", "maxLength", "pattern", "format"),
    "number": ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
}
_DEPTHS: Final = (3, 6, 12, 24)  # of references and nested values, tried in this order
_MOST_TRIED: Final = 60  # candidates of one schema
_MOST_ITEMS: Final = 1000
_FORMATS: Final = {
    "date": "2026-01-01",
    "date-time": "2026-01-01T00:00:00Z",
    "time": "00:00:00Z",
    "email": "mock@example.com",
    "uri": "https://example.com/",
    "hostname": "example.com",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "uuid": "00000000-0000-4000-8000-000000000000",
}


def minimal_instance(schema: JsonObject) -> Json:
    """Return a small value that the schema accepts. What no rule finds is an object of what is required.

    Raises TaskError (category config) if the schema makes no sense. Takes the validator's library (`import_validator`).
    """
    validator = schema_validator(schema)
    value: Json = {}
    for depth in _DEPTHS:
        builder = _Builder(validator, schema)
        value = next(builder.valid(schema, depth), value)
        if builder.accepts(schema, value):
            return value
    return value


class _Builder:
    def __init__(self, validator: Any, root: JsonObject) -> None:
        import referencing
        from referencing.jsonschema import DRAFT202012

        self._validator = validator
        self._root = root
        resource = referencing.Resource.from_contents(dict(root), default_specification=DRAFT202012)
        self._resolver = referencing.Registry().resolver_with_root(resource)

    def accepts(self, schema: Any, value: Json) -> bool:
        return bool(self._validator.evolve(schema=schema).is_valid(value))

    def valid(self, schema: Any, depth: int) -> Iterator[Json]:
        """Yield the candidates of a schema that it accepts."""
        if depth < 0 or schema is False:
            return
        for value in islice(self._candidates(schema, depth), _MOST_TRIED if depth else 3):
            if self.accepts(schema, value):
                yield value

    def _candidates(self, schema: Any, depth: int) -> Iterator[Json]:
        if not isinstance(schema, Mapping):  # `true`
            schema = {}
        if "$ref" in schema or "allOf" in schema:
            parts = [self._target(schema["$ref"])] if "$ref" in schema else []
            rest = {key: value for key, value in schema.items() if key not in ("$ref", "allOf")}
            yield from self._candidates(_all_of([rest, *parts, *schema.get("allOf", ())]), depth - bool(parts))
            return
        for name in ("anyOf", "oneOf"):
            if name in schema:
                rest = {key: value for key, value in schema.items() if key != name}
                yield from _in_turn(self.valid(_all_of([rest, each]), depth - 1) for each in schema[name])
                return
        if "const" in schema:
            yield schema["const"]
            return
        if "enum" in schema:
            yield from schema["enum"]
            return
        if "default" in schema:
            yield schema["default"]
        yield from islice(schema.get("examples", ()), 5)
        if "if" in schema:
            rest = {key: value for key, value in schema.items() if key not in ("if", "then", "else")}
            yield from self.valid(_all_of([rest, schema.get("else", {})]), depth - 1)
            yield from self.valid(_all_of([rest, schema["if"], schema.get("then", {})]), depth - 1)
        yield from _in_turn(self._of_type(kind, schema, depth) for kind in _types_of(schema))

    def _target(self, reference: Any) -> Any:
        if reference == "#":
            return self._root
        try:
            return self._resolver.lookup(reference).contents
        except Exception:  # whatever the library raises: the check of the value reports it
            return {}

    def _of_type(self, kind: str, schema: JsonObject, depth: int) -> Iterator[Json]:
        match kind:
            case "object":
                yield from self._objects(schema, depth)
            case "array":
                yield from self._arrays(schema, depth)
            case "string":
                yield from _strings(schema)
            case "integer" | "number":
                yield from _numbers(schema, whole=kind == "integer")
            case "boolean":
                yield from (False, True)
            case "null":
                yield None

    # ---- objects and arrays

    def _objects(self, schema: JsonObject, depth: int) -> Iterator[Json]:
        names = dict.fromkeys(schema.get("required", ()))
        needs = {**schema.get("dependencies", {}), **schema.get("dependentRequired", {})}
        for name in (more := list(names)):
            if isinstance(needs.get(name), list):
                more += [each for each in needs[name] if each not in names]
                names.update(dict.fromkeys(needs[name]))
        least = int(schema.get("minProperties", 0))
        others = chain(schema.get("properties", {}), self._new_names(schema, depth))
        value: dict[str, Json] = {}
        for name in chain(names, (name for name in others if name not in names)):
            if name not in names and len(value) >= least:
                break
            found = next(self.valid(self._property(schema, name), depth - 1), _NOTHING)
            if found is not _NOTHING:
                value[name] = found
            elif name in names:
                return
        yield value

    def _new_names(self, schema: JsonObject, depth: int) -> Iterator[str]:
        """Yield names for properties that the schema does not name."""
        texts = [text for pattern in schema.get("patternProperties", {}) for text in texts_matching(pattern)]
        patterns = (f"{text}{number or ''}" for number in range(10) for text in texts)
        named = self.valid({"type": "string", **_mapping(schema.get("propertyNames"))}, depth - 1)
        yield from (name for name in islice(chain(patterns, named), _MOST_TRIED) if isinstance(name, str))

    def _property(self, schema: JsonObject, name: str) -> Any:
        matching = [each for pattern, each in schema.get("patternProperties", {}).items() if _matches(pattern, name)]
        if name in schema.get("properties", {}):
            matching.append(schema["properties"][name])
        return _all_of(matching) if matching else schema.get("additionalProperties", {"type": "string"})

    def _arrays(self, schema: JsonObject, depth: int) -> Iterator[Json]:
        items, first = schema.get("items", {}), list(schema.get("prefixItems", ()))
        if isinstance(items, list):  # as it was before 2020-12
            first, items = items, schema.get("additionalItems", {})
        wanted = int(schema.get("minContains", 1)) if "contains" in schema else 0
        least = max(int(schema.get("minItems", 0)), wanted)
        value: list[Json] = []
        for index in range(min(least, _MOST_ITEMS)):
            item = first[index] if index < len(first) else items
            if index >= least - wanted:
                item = _all_of([item, schema["contains"]])
            choices = self.valid(item, depth - 1)
            if schema.get("uniqueItems") is True:
                choices = (each for each in choices if not any(_equal(each, other) for other in value))
            found = next(choices, _NOTHING)
            if found is _NOTHING:
                return
            value.append(found)
        yield value


_NOTHING: Final[Any] = object()


def _types_of(schema: JsonObject) -> tuple[str, ...]:
    kind = schema.get("type")
    if kind is not None:
        return tuple(kind) if isinstance(kind, list) else (kind,)
    hinted = [name for name, keys in _HINTS.items() if any(key in schema for key in keys)]
    return tuple(dict.fromkeys((*hinted, *_TYPES)))


def _mapping(schema: Any) -> JsonObject:
    return schema if isinstance(schema, Mapping) else {}


def _all_of(schemas: Iterable[Any]) -> Any:
    """Return one schema for several: what they say together, as far as one keyword can say it."""
    merged: dict[str, Any] = {}
    for schema in schemas:
        if schema is False:
            return False
        for key, value in _mapping(schema).items():
            merged[key] = _both(key, merged[key], value) if key in merged else value
    return merged


def _both(key: str, one: Any, other: Any) -> Any:
    if one == other:
        return one
    if key in ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties", "minContains"):
        return max(one, other)
    if key in ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties", "maxContains"):
        return min(one, other)
    if key in ("properties", "patternProperties"):
        return {
            name: _all_of([each[name] for each in (one, other) if name in each])
            for name in dict.fromkeys((*one, *other))
        }
    if key == "required":
        return list(dict.fromkeys((*one, *other)))
    if key in ("items", "additionalProperties", "contains", "propertyNames"):
        return one if isinstance(one, list) else _all_of([one, other])
    if key == "enum":
        return [value for value in one if any(_equal(value, each) for each in other)]
    if key == "type":
        ones, others = ({each} if isinstance(each, str) else {*each} for each in (one, other))
        return sorted((ones & others) or ({"integer"} if "integer" in ones | others else ones))
    if key == "multipleOf":
        product = Fraction(str(one)) * Fraction(str(other))
        return int(product) if product.denominator == 1 else float(product)
    if key == "allOf":
        return [*one, *other]
    return one


def _equal(one: Json, other: Json) -> bool:
    """Return whether two values are equal as JSON: 1 and true are not."""
    return one == other and isinstance(one, bool) is isinstance(other, bool)


def _in_turn(candidates: Iterable[Iterator[Json]]) -> Iterator[Json]:
    """Yield the first of each, then the second of each, and so on."""
    left = list(candidates)
    while left:
        still = []
        for each in left:
            found = next(each, _NOTHING)
            if found is not _NOTHING:
                still.append(each)
                yield found
        left = still


def _matches(pattern: str, name: str) -> bool:
    try:
        return is_in(pattern, name)
    except re.error:
        return False


# ---- texts and numbers


def _strings(schema: JsonObject) -> Iterator[str]:
    least, most = int(schema.get("minLength", 0)), schema.get("maxLength")
    if schema.get("format") in _FORMATS:
        yield _FORMATS[schema["format"]]
    if "pattern" in schema:
        yield from texts_matching(schema["pattern"], least)
    for number in count():
        text = "mock" if not number else f"{number}"
        yield text.ljust(least, ".")[: None if most is None else int(most)]


def _numbers(schema: JsonObject, *, whole: bool) -> Iterator[int | float]:
    low, above = _bound(schema, "minimum", "exclusiveMinimum", max)
    high, below = _bound(schema, "maximum", "exclusiveMaximum", min)
    step = Fraction(str(schema.get("multipleOf", 1)))
    if whole and step.denominator != 1:
        step = Fraction(step.numerator)
    if low is not None:
        start = math.ceil(low / step) * step
        start += step if above and start == low else 0
    elif high is not None:
        start = math.floor(high / step) * step
        start -= step if below and start == high else 0
    else:
        start = Fraction(0)
    if (low is None or low < 0 or (low == 0 and not above)) and (high is None or high > 0 or (high == 0 and not below)):
        start = Fraction(0)
    yield _number(start)
    if not whole and "multipleOf" not in schema:
        yield from (_number(each) for each in (low, high) if each is not None)
        if low is not None and high is not None:
            yield from (_number(low + (high - low) / part) for part in (2, 3, 5, 7))
    for number in count(1):
        yield from (_number(start + number * step), _number(start - number * step))


def _bound(schema: JsonObject, name: str, exclusive: str, nearer: Any) -> tuple[Fraction | None, bool]:
    """Return a bound, and whether it is outside itself. `exclusiveMinimum` was true or false before draft 6."""
    own, other = schema.get(name), schema.get(exclusive)
    if isinstance(other, bool) or other is None:
        return (None if own is None else Fraction(str(own))), other is True
    if own is None:
        return Fraction(str(other)), True
    bound = nearer(Fraction(str(own)), Fraction(str(other)))
    return bound, bound == Fraction(str(other))


def _number(value: Fraction) -> int | float:
    return int(value) if value.denominator == 1 else float(value)
