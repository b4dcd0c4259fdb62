"""How the payloads of a prepared run are rendered: the same in a run, on a worker, and where one is looked at later."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from nika_core.app.attached_paths import with_files
from nika_core.app.model_checks import with_model
from nika_core.app.prepared_run import PreparedRun
from nika_core.app.run_folder import RunFolder
from nika_core.model.json import Json, JsonObject
from nika_core.model.late_values import LateValue
from nika_core.model.limits import LimitKind
from nika_core.model.template import Placeholder
from nika_core.model.workflow import Task
from nika_core.plugin import Values
from nika_core.template import render_payload, resolve, resolve_early
from nika_core.values import replace


def rendering(
    prepared: PreparedRun, folder: RunFolder
) -> tuple[Callable[[Task, Callable[[], Values]], JsonObject], Callable[[Placeholder, Values], Json]]:
    """Return what renders a task's payload, and what resolves a condition's placeholder (see `Services`).

    Args:
        folder: that of the run, for `${run.folder}`.
    """
    workspace, catalog = prepared.workspace, prepared.workspace.registry
    json_depth = prepared.limits.counts.get(LimitKind.JSON_DEPTH)

    @cache
    def is_late(source: str) -> bool:
        return catalog.template_source(source).late

    def resolved(placeholder: Placeholder, values: Values) -> Json:
        return resolve(placeholder, replace(values, run=folder.added_to(values.run)), catalog.source)

    def rendered(task: Task, values: Callable[[], Values]) -> JsonObject:
        seen: Values | None = None

        def value(placeholder: Placeholder) -> Json | LateValue:
            nonlocal seen
            if seen is None:
                seen = values()
                seen = replace(seen, run=folder.added_to(seen.run))
            return resolve_early(placeholder, seen, catalog.source, is_late)

        keyword, facets = prepared.keywords[task.keyword], prepared.facets[task.keyword]
        payload = render_payload(keyword, facets, task.payload, value, max_depth=json_depth)
        payload = with_model(payload, keyword, workspace.project, provider=prepared.options.provider)
        if prepared.options.mock and prepared.options.recording is None:
            return payload  # no file is looked at
        return with_files(payload, task, keyword, folder.path)

    return rendered, resolved
