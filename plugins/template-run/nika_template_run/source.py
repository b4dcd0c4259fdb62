"""`${run.id}`: the run itself."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from nika_core.plugin import (
    ALL_TASKS,
    Binding,
    Json,
    Placeholder,
    Scope,
    SourceReport,
    TemplateValueError,
    Values,
    nearest,
)

KEYS: Final = ("id", "folder", "status")


class RunSource:
    """The run. The path is one key."""

    def check(self, placeholder: Placeholder, scope: Scope, report: SourceReport) -> None:
        """Report a key that a run does not have."""
        key, *path = placeholder.path
        if key == "status" and not path:
            if Binding.STATUS not in scope.bindings:
                hint = "add `always: true` to the task, or ask for a task's state: ${state.task}"
                report("a run has no status before all of its tasks have ended", hint=hint)
        elif key not in KEYS:
            near = nearest(key, KEYS)
            known = f"a run has: {', '.join(KEYS)}"
            report(f"a run has no '{key}'", hint=f"did you mean '{near}'?" if near else known)
        elif path:
            report(f"the {key} of a run is text and has no '{path[0]}'", hint="end the path there")

    def depends_on(self, placeholder: Placeholder) -> Iterable[str]:
        """Return all tasks for `status`, else none."""
        return (ALL_TASKS,) if placeholder.path[0] == "status" else ()

    def resolve(self, placeholder: Placeholder, values: Values) -> Json:
        """Return the value. Raise TemplateValueError."""
        key, *path = placeholder.path
        if path or key not in KEYS or key not in values.run:
            raise TemplateValueError(f"the run has no '{'.'.join(placeholder.path)}' yet")
        return values.run[key]
