"""Inputs: as a document declares them, and as a run is given them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final

from nika_core import codes
from nika_core.document.validation.json_tree import plain_tree, typed_tree
from nika_core.errors import Problem, TemplateValueError
from nika_core.model.input_values import compact, input_spec, read_value, within
from nika_core.model.json import Json
from nika_core.model.limits import LimitKind, Limits
from nika_core.model.nearest import did_you_mean
from nika_core.model.payload_tree import templates_in
from nika_core.model.workflow import InputSpec, PayloadValue, Workflow
from nika_core.values import dataclass

_EXAMPLES: Final[Mapping[str, Json]] = {"int": 3, "float": 0.5, "bool": True, "json": {"a": [1]}}
_MAX_EXAMPLE: Final = 60


def check_inputs(
    workflow: Workflow, given: Mapping[str, Json | str], limits: Limits | None = None
) -> tuple[dict[str, Json], tuple[Problem, ...]]:
    """Return the inputs of a run, typed and with defaults, and all that is wrong with them.

    Where the workflow declares no inputs, anything is taken as a text. A text is read as the declared type; a value
    of another type must already have it.
    """
    if workflow.inputs is None:
        return {name: value if isinstance(value, str) else compact(value) for name, value in given.items()}, ()
    values, issues = _read_inputs(workflow.inputs, given, limits)
    return values, tuple(
        Problem(
            codes.BAD_INPUT,
            issue.message,
            workflow.at(("inputs", issue.name)) if issue.name in workflow.inputs else None,
            issue.hint or _how_to_pass(workflow.inputs[issue.name], missing=issue.missing),
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


def _how_to_pass(spec: InputSpec, *, missing: bool) -> str:
    """Return how a value is passed on the command line, with one that fits if it is known."""
    import shlex  # only for this message

    bounded = any(bound is not None for bound in (spec.least, spec.most, spec.shortest, spec.longest))
    value: Json = spec.default
    if value is None and spec.enum:
        value = spec.enum[0]
    if value is None and not (bounded or spec.many or spec.format):
        value = _EXAMPLES.get(spec.type)
    text = value if isinstance(value, str) else compact(value)
    if missing or value is None or len(text) > _MAX_EXAMPLE:
        return f"pass it{': ' if missing else ' as '}`-i {spec.name}=...`"
    return f"for example: -i {spec.name}={shlex.quote(text)}"


def declared(name: str, fields: Mapping[str, Any], default: Any) -> InputSpec:
    """Return one declared input. `default` is the tree as written. Raise DeclarationError as `input_spec` does."""
    return input_spec(name, {**fields, "default": default} if "default" in fields else fields, _read_tree)


def _read_tree(type_: str, tree: Any) -> Json:
    return typed_tree(tree) if type_ == "json" else read_value(type_, plain_tree(tree))
