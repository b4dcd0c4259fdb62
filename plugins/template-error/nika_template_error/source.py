"""`${error.load.message}`: why a task failed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from nika_core.plugin import (
    Category,
    Json,
    JsonObject,
    Placeholder,
    Scope,
    SourceReport,
    TemplateValueError,
    Values,
    nearest,
    read_path,
)

FIELDS: Final = ("message", "code", "category", "output", "task", "items")
_TEXTS: Final = ("message", "code", "category", "task")


class ErrorSource:
    """Errors of tasks. The first step of the path is the task's id, the second a field of its error."""

    def check(self, placeholder: Placeholder, scope: Scope, report: SourceReport) -> None:
        """Report a task that does not exist, and a field that no error has."""
        name, *path = placeholder.path
        if name not in scope.tasks:
            near = nearest(name, scope.tasks)
            known = f"the tasks are: {', '.join(list(scope.tasks)[:8])}{', ...' if len(scope.tasks) > 8 else ''}"
            report(f"there is no task '{name}'", hint=f"did you mean '{near}'?" if near else known)
        elif not path:
            report("which part of the error is meant?", hint=f"write ${{error.{name}.message}}; {_fields()}")
        elif path[0] not in FIELDS:
            near = nearest(path[0], FIELDS)
            report(f"an error has no '{path[0]}'", hint=f"did you mean '{near}'?" if near else _fields())
        elif len(path) > 1 and path[0] in _TEXTS:
            report(f"the {path[0]} of an error is text and has no '{path[1]}'", hint="end the path there")

    def schema(self, placeholder: Placeholder, scope: Scope) -> JsonObject | None:
        """Return the words that a category can be."""
        return {"enum": [category.value for category in Category]} if placeholder.path[1:] == ("category",) else None

    def depends_on(self, placeholder: Placeholder) -> Iterable[str]:
        """Return the task."""
        return placeholder.path[:1]

    def resolve(self, placeholder: Placeholder, values: Values) -> Json:
        """Return the field, or the part of it that the path leads to. Raise TemplateValueError."""
        name, *path = placeholder.path
        error = values.errors.get(name)
        if error is None:
            raise TemplateValueError(f"task '{name}' did not fail")
        if not path or path[0] not in error:
            raise TemplateValueError(f"the error of '{name}' has no '{path[0] if path else ''}'")
        return read_path(
            error[path[0]], path[1:], max_depth=values.max_depth, subject=f"the {path[0]} of the error of '{name}'"
        )


def _fields() -> str:
    return f"an error has: {', '.join(FIELDS)}"
