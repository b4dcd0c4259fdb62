"""`${state.load}`: how a task ended."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from nika_core.plugin import Json, JsonObject, Placeholder, Scope, SourceReport, TemplateValueError, Values, nearest

STATES: Final = ("success", "failed", "skipped", "cancelled")


class StateSource:
    """States of tasks. The path is the task's id, and nothing else."""

    def check(self, placeholder: Placeholder, scope: Scope, report: SourceReport) -> None:
        """Report a task that does not exist, and a path into a state, which is a word."""
        name, *path = placeholder.path
        if name not in scope.tasks:
            near = nearest(name, scope.tasks)
            known = f"the tasks are: {', '.join(list(scope.tasks)[:8])}{', ...' if len(scope.tasks) > 8 else ''}"
            report(f"there is no task '{name}'", hint=f"did you mean '{near}'?" if near else known)
        elif path:
            report(
                f"the state of '{name}' is a word and has no '{path[0]}'",
                hint=f"write ${{state.{name}}}; why a task failed is ${{error.{name}.message}}",
            )

    def schema(self, placeholder: Placeholder, scope: Scope) -> JsonObject:
        """Return the four words."""
        return {"enum": list(STATES)}

    def depends_on(self, placeholder: Placeholder) -> Iterable[str]:
        """Return the task."""
        return placeholder.path[:1]

    def resolve(self, placeholder: Placeholder, values: Values) -> Json:
        """Return `success`, `failed`, `skipped` or `cancelled`. Raise TemplateValueError."""
        name, *path = placeholder.path
        if path or name not in values.states:
            raise TemplateValueError(f"task '{name}' has not ended" if not path else "a state has no fields")
        return values.states[name]
