"""Inputs: as a document declares them, and as a run is given them."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from nika_core import codes
from nika_core.document.validation.json_tree import plain_tree, typed_tree
from nika_core.errors import Problem
from nika_core.model.bounded import shorten
from nika_core.model.json import Json, refuse_constant
from nika_core.model.limits import LimitKind, Limits
from nika_core.model.nearest import did_you_mean
from nika_core.model.path import nesting
from nika_core.model.workflow import InputSpec, Workflow

_EXPECTED = {
    "string": "a text",
    "int": "a whole number",
    "float": "a number",
    "bool": "`true` or `false`",
    "json": "JSON",
}


def check_inputs(
    workflow: Workflow, given: Mapping[str, Json | str], limits: Limits | None = None
) -> tuple[dict[str, Json], tuple[Problem, ...]]:
    """Return the inputs of a run, typed and with defaults, and all that is wrong with them.

    Where the workflow declares no inputs, anything is taken as a text. A text is read as the declared type; a value
    of another type must already have it.
    """
    depth = limits.counts.get(LimitKind.JSON_DEPTH) if limits is not None else None
    if workflow.inputs is None:
        return {name: value if isinstance(value, str) else _compact(value) for name, value in given.items()}, ()
    values: dict[str, Json] = {}
    problems: list[Problem] = []

    def report(message: str, name: str, hint: str | None = None) -> None:
        place = workflow.at(("inputs", name)) if name in (workflow.inputs or ()) else None
        problems.append(Problem(codes.BAD_INPUT, message, place, hint))

    for name in given:
        if name not in workflow.inputs:
            names = ", ".join(workflow.inputs) or "none"
            report(
                f"the workflow has no input `{name}`",
                name,
                did_you_mean(name, workflow.inputs) or f"its inputs: {names}",
            )
    for name, spec in workflow.inputs.items():
        if name in given:
            try:
                values[name] = read_value(spec.type, given[name], depth)
            except ValueError as error:
                report(f"input `{name}`: {error}", name, f"pass it as `-i {name}=...`")
        elif spec.has_default:
            values[name] = spec.default
        elif spec.required:
            about = f" ({spec.description})" if spec.description else ""
            report(f"input `{name}` is missing{about}", name, f"pass it: `-i {name}=...`")
    return values, tuple(problems)


def read_value(type_: str, value: Json | str, max_depth: int | None = None) -> Json:
    """Return a given value as the declared type. Raises ValueError with what was expected and found."""
    typed: Json = _read(type_, value)
    if max_depth is not None and nesting(typed, max_depth) > max_depth:
        raise ValueError(f"nested deeper than {max_depth} levels")
    return typed


def _read(type_: str, value: Any) -> Any:
    wrong = ValueError(f"expected {_EXPECTED[type_]}, found {_shown(value)}")
    if type_ == "json":
        if not isinstance(value, str):
            return value
        try:
            return json.loads(value, parse_constant=refuse_constant)
        except (ValueError, RecursionError) as error:
            raise ValueError(f"expected JSON, found {_shown(value)}: {error}") from None
    if type_ == "string":
        if isinstance(value, str):
            return value
        raise wrong
    if type_ == "bool":
        if isinstance(value, bool):
            return value
        if isinstance(value, str) and value.lower() in ("true", "false"):
            return value.lower() == "true"
        raise wrong
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise wrong
    try:
        if type_ == "int":
            if isinstance(value, float) and not value.is_integer():
                raise wrong
            return int(value)
        number = float(value)
    except (ValueError, OverflowError):
        raise wrong from None
    if not math.isfinite(number):
        raise wrong
    return number


def _shown(value: Any) -> str:
    return f"`{shorten(value if isinstance(value, str) else _compact(value), 60)}`"


def _compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def declared(name: str, fields: Mapping[str, Any], default: Any) -> InputSpec:
    """Return one declared input. `default` is the tree as written. Raises ValueError if it has another type."""
    type_ = fields.get("type") or "string"
    has_default = "default" in fields
    value: Json = None
    if has_default:
        value = typed_tree(default) if type_ == "json" else read_value(type_, plain_tree(default))
    required = fields.get("required")
    return InputSpec(
        name,
        type_,
        fields.get("description") or "",
        value,
        has_default,
        (not has_default) if required is None else required,
    )
