"""`${input.topic}`: an input of the workflow, or a path into one that is JSON."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from nika_core.plugin import (
    Json,
    JsonObject,
    Placeholder,
    Scope,
    SourceReport,
    TemplateValueError,
    Values,
    codes,
    nearest,
    read_path,
)

_SCALARS: Final = ("int", "float", "bool")
_TYPES: Final = {"string": "string", "int": "integer", "float": "number", "bool": "boolean"}


class InputSource:
    """Inputs. The first step of the path is the input's name."""

    def check(self, placeholder: Placeholder, scope: Scope, report: SourceReport) -> None:
        """Report an input that the workflow does not declare, where it declares any."""
        if scope.inputs is None:  # then any input is accepted
            return
        name, *path = placeholder.path
        spec = scope.inputs.get(name)
        if spec is None:
            near = nearest(name, scope.inputs)
            known = ", ".join(list(scope.inputs)[:8])
            hint = f"did you mean '{near}'?" if near else f"declare it under `inputs`; declared: {known or 'none'}"
            report(f"there is no input '{name}'", code=codes.UNKNOWN_REFERENCE, hint=hint)
        elif path and spec.type in _SCALARS:
            report(
                f"the input '{name}' is of type {spec.type} and has no '{path[0]}'",
                code=codes.UNKNOWN_REFERENCE,
                hint=f"write ${{input.{name}}}, or declare it with type: json",
            )

    def schema(self, placeholder: Placeholder, scope: Scope) -> JsonObject | None:
        """Return the type of the input, and its `enum`."""
        name, *path = placeholder.path
        spec = None if scope.inputs is None else scope.inputs.get(name)
        if spec is None or path:
            return None
        if spec.many:
            return {"type": "array"}
        schema: JsonObject = {"type": _TYPES[spec.type]} if spec.type in _TYPES else {}
        return schema if spec.enum is None else {**schema, "enum": list(spec.enum)}

    def depends_on(self, placeholder: Placeholder) -> Iterable[str]:
        """Depend on no task."""
        return ()

    def resolve(self, placeholder: Placeholder, values: Values) -> Json:
        """Return the input, or the part of it that the path leads to. Raise TemplateValueError."""
        name = placeholder.path[0]
        if name not in values.inputs:
            raise TemplateValueError(
                f"the input '{name}' is not given",
                hint=f"give it: nika run ... -i {name}=VALUE, or write a default after ??",
            )
        return read_path(
            values.inputs[name], placeholder.path[1:], max_depth=values.max_depth, subject=f"the input '{name}'"
        )
