"""Inputs: as a document declares them, and as a run is given them."""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from nika_core import codes
from nika_core.document.validation.json_tree import plain_tree, typed_tree
from nika_core.errors import Problem, TemplateValueError
from nika_core.model.bounded import shorten
from nika_core.model.json import Json, refuse_constant
from nika_core.model.limits import LimitKind, Limits
from nika_core.model.nearest import did_you_mean
from nika_core.model.path import nesting
from nika_core.model.payload_tree import templates_in
from nika_core.model.workflow import InputSpec, PayloadValue, Workflow
from nika_core.values import dataclass

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
    if workflow.inputs is None:
        return {name: value if isinstance(value, str) else _compact(value) for name, value in given.items()}, ()
    values, issues = _read_inputs(workflow.inputs, given, limits)
    return values, tuple(
        Problem(
            codes.BAD_INPUT,
            issue.message,
            workflow.at(("inputs", issue.name)) if issue.name in workflow.inputs else None,
            issue.hint or f"pass it{': ' if issue.missing else ' as '}`-i {issue.name}=...`",
        )
        for issue in issues
    )


def call_issues(workflow: Workflow, given: Mapping[str, PayloadValue], limits: Limits) -> list[InputIssue]:
    """Return what can be known to be wrong with what a task gives to the workflow that it stands for."""
    known = {name: value for name, value in given.items() if not templates_in(value)}
    return _read_inputs(workflow.inputs or {}, known, limits, later=given.keys() - known.keys())[1]


def call_inputs(workflow: Workflow, given: Mapping[str, Json], limits: Limits) -> Mapping[str, Json]:
    """Return the inputs of a workflow that a task stands for, typed and with defaults. Raise TemplateValueError."""
    values, issues = _read_inputs(workflow.inputs or {}, given, limits)
    if issues:
        raise TemplateValueError("; ".join(issue.message for issue in issues), hint=issues[0].hint)
    return values


@dataclass(frozen=True, slots=True)
class InputIssue:
    """What is wrong with an input that is given, or is missing."""

    name: str
    message: str
    hint: str | None = None
    missing: bool = False


def _read_inputs(
    specs: Mapping[str, InputSpec],
    given: Mapping[str, Any],
    limits: Limits | None,
    later: Collection[str] = (),
) -> tuple[dict[str, Json], list[InputIssue]]:
    """Return the values, and all that is wrong with them. `later`: inputs whose values are not known yet."""
    depth = limits.counts.get(LimitKind.JSON_DEPTH) if limits is not None else None
    values: dict[str, Json] = {}
    issues: list[InputIssue] = []
    for name in (*given, *later):
        if name not in specs:
            hint = did_you_mean(name, specs) or f"its inputs: {', '.join(specs) or 'none'}"
            issues.append(InputIssue(name, f"the workflow has no input `{name}`", hint))
    for name, spec in specs.items():
        if name in given:
            try:
                values[name] = within(spec, read_value(spec.type, given[name], depth))
            except ValueError as error:
                issues.append(InputIssue(name, f"input `{name}`: {error}"))
        elif name in later:
            continue
        elif spec.has_default:
            values[name] = spec.default
        elif spec.required:
            about = f" ({spec.description})" if spec.description else ""
            issues.append(InputIssue(name, f"input `{name}` is missing{about}", missing=True))
    return values, issues


def read_value(type_: str, value: Json | str, max_depth: int | None = None) -> Json:
    """Return a given value as the declared type. Raises ValueError with what was expected and found."""
    typed: Json = _read(type_, value)
    if max_depth is not None and nesting(typed, max_depth) > max_depth:
        raise ValueError(f"nested deeper than {max_depth} levels")
    return typed


def within(spec: InputSpec, value: Json) -> Json:
    """Return a value that the input may have. Raises ValueError with what is allowed."""
    if spec.enum is not None and value not in spec.enum:
        raise ValueError(f"expected one of {', '.join(map(_shown, spec.enum))}, found {_shown(value)}")
    if isinstance(value, int | float) and not isinstance(value, bool):
        if spec.least is not None and value < spec.least:
            raise ValueError(f"expected at least {spec.least:g}, found {_shown(value)}")
        if spec.most is not None and value > spec.most:
            raise ValueError(f"expected at most {spec.most:g}, found {_shown(value)}")
    return value


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


class DeclarationError(ValueError):
    """A field of a declared input makes no sense. `field` is its key."""

    def __init__(self, message: str, field: str) -> None:
        super().__init__(message)
        self.field = field


@contextmanager
def _of_field(field: str) -> Iterator[None]:
    try:
        yield
    except ValueError as error:
        raise DeclarationError(str(error), field) from None


def declared(name: str, fields: Mapping[str, Any], default: Any) -> InputSpec:
    """Return one declared input. `default` is the tree as written.

    Raises:
        DeclarationError: a field makes no sense, e.g. a default of another type.
    """
    type_ = fields.get("type") or "string"
    has_default = "default" in fields
    value: Json = None
    if has_default:
        with _of_field("default"):
            value = typed_tree(default) if type_ == "json" else read_value(type_, plain_tree(default))
    required = fields.get("required")
    with _of_field("enum"):
        allowed = _allowed(type_, fields.get("enum"))
    spec = InputSpec(
        name,
        type_,
        fields.get("description") or "",
        value,
        has_default,
        (not has_default) if required is None else required,
        allowed,
        fields.get("min"),
        fields.get("max"),
    )
    if (spec.least is not None or spec.most is not None) and type_ not in ("int", "float"):
        field = "max" if spec.least is None else "min"
        raise DeclarationError(f"`min` and `max` are for int and float, and its type is {type_}", field)
    if has_default:
        with _of_field("default"):
            within(spec, value)
    return spec


def _allowed(type_: str, values: Any) -> tuple[Json, ...] | None:
    if values is None:
        return None
    if type(values) is not list or not values:
        raise ValueError("`enum` is a list of the values that are allowed")
    return tuple(typed_tree(value) if type_ == "json" else read_value(type_, plain_tree(value)) for value in values)
