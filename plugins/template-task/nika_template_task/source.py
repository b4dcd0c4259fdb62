"""`{{fetch}}` and `{{fetch.items.0.name}}`: a task's output, or a path into it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

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
    schema_at,
    why_not_there,
)

_MOST_NAMES = 8


class TaskSource:
    """Outputs of tasks. The first step of the path is the task's id."""

    def check(self, placeholder: Placeholder, scope: Scope, report: SourceReport) -> None:
        """Report a task that is not there, and a field that the schema of its output does not declare."""
        name, *path = placeholder.path
        task = scope.tasks.get(name)
        if task is None:
            report(f"there is no task '{name}'", code=codes.UNKNOWN_REFERENCE, hint=_which(name, path, scope.tasks))
        elif path and (schema := task.output_schema) is not None and not placeholder.is_optional:
            missing = why_not_there(path, schema)
            if missing:
                what, hint = "the schema of the output of", missing.hint
                if task.inner is not None:
                    what = "the output of the workflow of"
                elif task.output.schema is None:
                    what = "what is known of the output of"
                if task.output.schema is None:  # nothing that its author could open
                    hint = hint.partition(";")[0]
                report(f"{what} '{name}' {missing.reason}", code=codes.UNKNOWN_REFERENCE, hint=hint)

    def schema(self, placeholder: Placeholder, scope: Scope) -> JsonObject | None:
        """Return what the schema of the task's output says of it."""
        name, *path = placeholder.path
        task = scope.tasks.get(name)
        schema = None if task is None else task.output_schema
        return None if schema is None else schema_at(path, schema)

    def depends_on(self, placeholder: Placeholder) -> Iterable[str]:
        """Return the task itself."""
        return placeholder.path[:1]

    def resolve(self, placeholder: Placeholder, values: Values) -> Json:
        """Return the output, or the part of it that the path leads to. Raise TemplateValueError."""
        name = placeholder.path[0]
        if name not in values.outputs:
            raise TemplateValueError(f"task '{name}' has no output: it was skipped, or it failed")
        return read_path(
            values.outputs[name], placeholder.path[1:], max_depth=values.max_depth, subject=f"the output of '{name}'"
        )


def _which(name: str, path: Sequence[str], tasks: Collection[str]) -> str:
    if path and path[0] in tasks:  # {{tasks.fetch.output}}
        return f"a task is named by its id alone: {{{{{path[0]}}}}}"
    near = nearest(name, tasks)
    if near:
        return f"did you mean '{near}'?"
    known = list(tasks)
    more = f" and {len(known) - _MOST_NAMES} more" if len(known) > _MOST_NAMES else ""
    return f"the tasks are: {', '.join(known[:_MOST_NAMES])}{more}; for literal braces write \\{{{{"
