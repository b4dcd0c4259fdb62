"""Inputs: as a document declares them, and as a run is given them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nika_core import codes
from nika_core.document.validation.json_tree import plain_tree, typed_tree
from nika_core.errors import Problem
from nika_core.model.input_values import compact, input_spec, read_value, within
from nika_core.model.json import Json
from nika_core.model.limits import LimitKind, Limits
from nika_core.model.nearest import did_you_mean
from nika_core.model.workflow import InputSpec, Workflow


def check_inputs(
    workflow: Workflow, given: Mapping[str, Json | str], limits: Limits | None = None
) -> tuple[dict[str, Json], tuple[Problem, ...]]:
    """Return the inputs of a run, typed and with defaults, and all that is wrong with them.

    Where the workflow declares no inputs, anything is taken as a text. A text is read as the declared type; a value
    of another type must already have it.
    """
    depth = limits.counts.get(LimitKind.JSON_DEPTH) if limits is not None else None
    if workflow.inputs is None:
        return {name: value if isinstance(value, str) else compact(value) for name, value in given.items()}, ()
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
                values[name] = within(spec, read_value(spec.type, given[name], depth))
            except ValueError as error:
                report(f"input `{name}`: {error}", name, f"pass it as `-i {name}=...`")
        elif spec.has_default:
            values[name] = spec.default
        elif spec.required:
            about = f" ({spec.description})" if spec.description else ""
            report(f"input `{name}` is missing{about}", name, f"pass it: `-i {name}=...`")
    return values, tuple(problems)


def declared(name: str, fields: Mapping[str, Any], default: Any) -> InputSpec:
    """Return one declared input. `default` is the tree as written. Raise DeclarationError as `input_spec` does."""
    return input_spec(name, {**fields, "default": default} if "default" in fields else fields, _read_tree)


def _read_tree(type_: str, tree: Any) -> Json:
    return typed_tree(tree) if type_ == "json" else read_value(type_, plain_tree(tree))
