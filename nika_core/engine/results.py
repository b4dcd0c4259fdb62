"""How tasks and runs ended, as events and results have it."""

from __future__ import annotations

from collections.abc import Container, Mapping
from typing import Any, Final

from nika_core.engine.history import message_json, usage_json
from nika_core.engine.plan import Plan
from nika_core.engine.wire import Outcome
from nika_core.model.json import JsonObject
from nika_core.model.state import Failed, RunResult, RunStatus, Skipped, Success, TaskResult, TaskState
from nika_core.model.usage import NOTHING, Usage

_NOT_RUN: Final = Outcome(has_output=False, attempts=0)


def task_data(outcome: Outcome) -> JsonObject:
    """The data of `task.succeeded`, `task.failed` and `task.reused`; keys without a value are left out."""
    data: dict[str, Any] = {"attempts": outcome.attempts, "durationMs": round(outcome.duration * 1000, 3)}
    if outcome.has_output:
        data["output"] = outcome.output
    if outcome.truncated:
        data["truncated"] = True
    if outcome.usage is not NOTHING and outcome.usage != NOTHING:
        data["usage"] = usage_json(outcome.usage)
    if outcome.messages:
        data["messages"] = [message_json(message) for message in outcome.messages]
    if outcome.failure is not None:
        data["error"] = outcome.failure.as_json()
    return data


def run_result(
    plan: Plan,
    status: RunStatus,
    states: Mapping[str, TaskState],
    outcomes: Mapping[str, Outcome],
    reused: Container[str],
) -> RunResult:
    """All tasks in declared order, and the workflow's output.

    The output is that of the task that `output:` names or, without it, of the last one in declared order that has one.
    """
    tasks = tuple(
        _task_result(task.id, task.keyword, states[task.id], outcomes.get(task.id, _NOT_RUN), task.id in reused)
        for task in plan.tasks
    )
    named = (task for task in reversed(tasks) if task.has_output and plan.output in (None, task.id))
    last = next(named, None)
    usage = sum((task.usage for task in tasks if task.usage is not NOTHING), NOTHING)
    return RunResult(
        plan.run_id,
        plan.workflow,
        status,
        tasks,
        output=last.output if last else None,
        has_output=last is not None,
        usage=usage if isinstance(usage, Usage) else NOTHING,
    )


def _task_result(task: str, keyword: str, state: TaskState, outcome: Outcome, reused: bool) -> TaskResult:
    name = "success" if isinstance(state, Success) else "failed" if isinstance(state, Failed) else "skipped"
    return TaskResult(
        task,
        keyword,
        name,
        outcome.attempts,
        outcome.duration,
        outcome.output,
        outcome.has_output,
        outcome.truncated,
        outcome.usage,
        outcome.failure if name == "failed" else None,
        state.reason if isinstance(state, Skipped) else None,
        reused,
        outcome.messages,
    )
