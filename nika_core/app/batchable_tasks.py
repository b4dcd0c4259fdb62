"""`--economy`: which tasks may wait for a batch, and what that changes for them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from nika_core.app.prepared_run import PreparedRun
from nika_core.engine.core.ports import CallScope
from nika_core.errors import NikaError
from nika_core.model.ids import definition_path
from nika_core.model.limits import LimitKind
from nika_core.model.workflow import KeywordCategory, Task, Workflow
from nika_core.plugin import ModelRequest
from nika_core.values import replace

# Seconds for one attempt, which ends when its batch is with the provider: until then it waits for others to join.
_SENDING_TIME: Final = 24 * 3600.0


class BatchableTasks:
    """The tasks whose calls may go into a batch: stateless ones, of a model that has batches.

    Args:
        tasks: them, if they were found before: a run on a backend has the same ones on all machines.
    """

    def __init__(self, prepared: PreparedRun, tasks: Mapping[str, str] | None = None) -> None:
        self.tasks = dict(_all(prepared, "")) if tasks is None else dict(tasks)
        self.longest = prepared.limits.amounts.get(LimitKind.BATCH_SECONDS)

    def eligible(self, call: CallScope, request: ModelRequest) -> bool:
        """Return whether this call may wait: one of the task itself, not of a tool that it uses."""
        return self.tasks.get(definition_path(call.task_id)) == call.keyword and not request.tools

    def inside(self, path: str = "") -> list[str]:
        """Return those of one workflow. `path`: of the task that stands for it, with a slash; "": the run's own."""
        return [
            name.removeprefix(path)
            for name in self.tasks
            if name.startswith(path) and "/" not in name.removeprefix(path)
        ]

    def with_sending_time(self, workflow: Workflow, path: str = "") -> Workflow:
        """Return the same workflow; those tasks of it that may wait have the time to send a batch."""
        tasks = (
            replace(task, timeout=_SENDING_TIME, idle_timeout=None) if f"{path}{task.id}" in self.tasks else task
            for task in workflow.tasks
        )
        return replace(workflow, tasks=tuple(tasks))


def _all(prepared: PreparedRun, path: str) -> Iterator[tuple[str, str]]:
    """Yield the paths and the keywords of the tasks that may wait, in a workflow and in those inside it."""
    for task in prepared.workflow.tasks:
        if task.inner is not None:
            yield from _all(prepared.inner[task.id], f"{path}{task.id}/")
        elif _may_wait(task, prepared):
            yield f"{path}{task.id}", task.keyword


def _may_wait(task: Task, prepared: PreparedRun) -> bool:
    keyword = prepared.keywords[task.keyword]
    if not keyword.needs_provider or keyword.category is not KeywordCategory.TOOL or prepared.options.mock:
        return False
    model = task.payload.get("model")
    if model is not None and not isinstance(model, str):
        return False  # its name is not known yet
    try:
        return prepared.model_info(model)[1].batch
    except NikaError:
        return False
