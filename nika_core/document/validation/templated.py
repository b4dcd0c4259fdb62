"""Values that may be a template: checked when they are read or, if a template brings them, when it is rendered."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from nika_core import codes
from nika_core.document.validation.issues import ValidationIssue
from nika_core.document.validation.scalar_validators import SCALAR, Compiled
from nika_core.errors import TemplateValueError
from nika_core.model.json import Json
from nika_core.template.rendering import to_text


class TypedText(str):
    """A text that may be a template, with what makes a value of it when its placeholders are filled in.

    `before_run`: its value may not depend on what a task yields.
    """

    __slots__ = ("before_run", "convert")
    convert: Callable[[Json], Json]
    before_run: bool


def templated(inner: Compiled, before_run: bool = False) -> Compiled:
    """Compile `Templated`: what `inner` accepts, or a `TypedText`."""

    def convert(value: Json) -> Json:
        issues: list[ValidationIssue] = []
        converted: Json = inner.check(_texts(value), issues)
        for issue in issues:
            path = ".".join(str(step) for step in reversed(issue.path))
            message = f"{path}: {issue.message}" if path else issue.message
            raise TemplateValueError(message, code=codes.VALUE_NOT_ALLOWED_HERE, hint=issue.hint)
        return converted

    def check(node: Any, issues: list[ValidationIssue]) -> Any:
        if isinstance(node, str) and ("{{" in node or "${" in node):
            text = TypedText(node)
            text.convert = convert
            text.before_run = before_run
            return text
        return inner.check(node, issues)

    return Compiled(check, inner.kinds | {SCALAR}, inner.expects, inner.fields)


def _texts(value: Json) -> Any:
    """Return a value of JSON as a document has it, with a text for each scalar."""
    if isinstance(value, Mapping):
        return {key: _texts(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_texts(item) for item in value]
    return to_text(value)
