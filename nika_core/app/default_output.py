"""The output of a workflow that does not say which one it is."""

from __future__ import annotations

from nika_core.model.bounded import shorten
from nika_core.model.state import RunResult, SkipReason
from nika_core.model.workflow import NoOutputs, Workflow

_MOST_CHARACTERS = 200


def passed_over(workflow: Workflow, result: RunResult) -> list[str]:
    """Return a warning if a run took an earlier task's output because the tasks after that one were skipped."""
    named = workflow.agent is not None and workflow.agent.output is not None
    if named or workflow.outputs is not NoOutputs.NO_OUTPUTS or not result.succeeded or not result.has_output:
        return []
    cleanup = {task.id for task in workflow.tasks if task.always}
    skipped: list[str] = []
    for task in reversed(result.tasks):
        if task.id in cleanup or task.skip_reason is SkipReason.NOT_SELECTED:
            continue
        if task.has_output:
            break
        if task.skip_reason is not None:
            skipped.insert(0, f"'{task.id}'")
    if not skipped:
        return []
    names, were = shorten(", ".join(skipped), _MOST_CHARACTERS), "was" if len(skipped) == 1 else "were"
    return [f"the output is that of '{task.id}', since {names} after it {were} skipped; `outputs` can say what it is"]
