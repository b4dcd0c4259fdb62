"""How tasks and runs ended, as events and results have it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nika_core.engine.core.messages import NO_OUTCOME, Outcome
from nika_core.engine.core.run_plan import RunPlan
from nika_core.engine.core.run_state import RunState
from nika_core.model.codec import message_json, usage_json
from nika_core.model.json import JsonObject
from nika_core.model.state import Failed, RunResult, RunStatus, Skipped, Success, TaskResult, TaskState
from nika_core.model.usage import NOTHING
from nika_core.model.workflow import Task


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


def started_data(task: Task, epoch: int, definition: str, payload: str, reason: str) -> JsonObject:
    """The data of `task.started` for a first attempt; `reason`: why it was not reused from an earlier run."""
    data: dict[str, Any] = {
        "keyword": task.keyword,
        "epoch": epoch,
        "attempt": 1,
        "definition": definition,
        "payload": payload,
    }
    if reason:
        data["reason"] = reason
    return data


def run_result(plan: RunPlan, status: RunStatus, states: Mapping[str, TaskState], run_state: RunState) -> RunResult:
    """All tasks in declared order, and the workflow's output.

    The output is that of the task that `output:` names or, without it, of the last one in declared order that has one.
    """
    tasks = tuple(_task_result(plan, task, states[task.id], run_state) for task in plan.request.workflow.tasks)
    output = plan.request.agent_block.output
    named = (task for task in reversed(tasks) if task.has_output and output in (None, task.id))
    last = next(named, None)
    usage = NOTHING
    for task in tasks:
        if task.usage is not NOTHING:
            usage = usage + task.usage
    return RunResult(
        plan.request.run_id,
        plan.request.workflow.name,
        status,
        tasks,
        output=last.output if last else None,
        has_output=last is not None,
        usage=usage,
    )


def _task_result(plan: RunPlan, task: Task, state: TaskState, run_state: RunState) -> TaskResult:
    id_ = task.id
    outcome = run_state.outcomes.get(id_, NO_OUTCOME)
    reused = id_ in run_state.reused
    usage = outcome.usage
    if id_ in run_state.extra_usage:
        usage = usage + run_state.extra_usage[id_]
    if not reused and id_ in plan.request.previous:  # a run's figures are those of all its lives
        usage = usage + plan.request.previous[id_].outcome.usage
    kind = type(state)
    return TaskResult(
        id_,
        task.keyword,
        "success" if kind is Success else "failed" if kind is Failed else "skipped",
        outcome.attempts,
        outcome.duration,
        outcome.output,
        outcome.has_output,
        outcome.truncated,
        usage,
        outcome.failure if kind is Failed else None,
        state.reason if isinstance(state, Skipped) else None,
        reused,
        outcome.messages,
    )
