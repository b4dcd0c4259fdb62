"""How nodes and runs ended, as events and results have it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from nika_core.engine.core.groups import ChildExpansion, EachExpansion, LoopExpansion, without_outputs
from nika_core.engine.core.messages import Outcome
from nika_core.engine.core.nodes import Node, WorkflowScope
from nika_core.engine.core.run_state import RunState
from nika_core.errors import Category
from nika_core.model.codec import message_json, usage_json
from nika_core.model.json import Json, JsonObject
from nika_core.model.large_values import LargeValue, value_of
from nika_core.model.state import (
    Cancelled,
    Failed,
    Failure,
    RunResult,
    RunStatus,
    Skipped,
    Success,
    TaskResult,
)
from nika_core.model.usage import NOTHING, Usage


def task_data(outcome: Outcome) -> JsonObject:
    """Return the data of `task.succeeded`, `task.failed` and `task.reused`; keys without a value are left out."""
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


def started_data(node: Node, epoch: int, definition: str, payload: str, reason: str, cache: str = "") -> dict[str, Any]:
    """Return the data of `task.started` for a first attempt.

    Args:
        reason: why the outcome of an earlier run was not reused.
        cache: the name under which its result is kept for other runs; "": it is not.
    """
    data: dict[str, Any] = {
        "keyword": node.task.keyword,
        "epoch": epoch,
        "attempt": 1,
        "definition": definition,
        "payload": payload,
    }
    if node.identity != node.id:
        data["identity"] = node.identity
    if node.key is not None:
        data["key"] = node.key
    if reason:
        data["reason"] = reason
    if cache:
        data["cache"] = cache
    return data


def error_of(node: Node) -> JsonObject:
    """Return why a node failed, as `${error}` shows it: also if only items of it failed."""
    expansion, outcome = node.expansion, node.outcome
    items = expansion.error_items() if isinstance(expansion, EachExpansion) else []
    failure = outcome.failure
    if failure is None and not items:
        return {}
    data: dict[str, Any] = {}
    if failure is not None:
        data = {"message": failure.message, "code": failure.code, "category": failure.category.value}
        if outcome.has_output:
            data["output"] = value_of(outcome.output)
    else:
        message = f"{len(items)} of {len(outcome.output)} items failed" if isinstance(outcome.output, list) else ""
        first = items[0]
        assert isinstance(first, Mapping)
        data = {"message": message, "code": first["code"], "category": first["category"], "output": outcome.output}
    if items:
        data["items"] = items
    if isinstance(expansion, ChildExpansion) and (inner := failed_node(expansion.scope)) is not None:
        data["task"] = inner.id
    return data


def failed_node(scope: WorkflowScope) -> Node | None:
    """Return the innermost node whose failure made a workflow fail; the first in declared order."""
    for kind in (Failed, Cancelled):  # what is cancelled in the end is not the reason for it
        for node in scope.nodes.values():
            if isinstance(node.state, kind) and not node.tolerated:
                inner = failed_node(node.expansion.scope) if isinstance(node.expansion, ChildExpansion) else None
                return inner or node
    return None


def scope_failure(scope: WorkflowScope) -> Failure:
    """Return why a workflow failed that a node stands for; it names the inner task."""
    node = failed_node(scope)
    assert node is not None
    failure = node.outcome.failure
    assert failure is not None
    return Failure(failure.code, failure.category, f"`{node.id}`: {failure.message}", failure.hint)


def scope_output(scope: WorkflowScope, state: RunState) -> tuple[Json | LargeValue, bool]:
    """Return a workflow's output, and whether it has one. May raise whatever its `outputs` raise.

    Without `outputs` it is the output of the task that `agent.output` names or, without that, of the last one in
    declared order that has one.
    """
    plan = scope.plan
    if plan.outputs is not None:
        return plan.outputs(state.all_values(scope)), True
    for task in reversed(plan.tasks):
        if task.id in scope.outputs and (plan.output == task.id or (plan.output is None and not task.always)):
            return scope.outputs[task.id], True
    return None, False


def scope_usage(scope: WorkflowScope) -> Usage:
    """Return what all nodes of a workflow have used."""
    return _sum(node_usage(node) for node in scope.nodes.values())


def node_usage(node: Node) -> Usage:
    """Return what a node has used in this life of the run."""
    return node.outcome.usage + node.extra_usage if node.extra_usage is not NOTHING else node.outcome.usage


def node_result(node: Node, state: RunState) -> TaskResult:
    """Return how a node ended, with what it stood for inside it."""
    outcome, ended, usage = node.outcome, node.state, node_usage(node)
    expansion = node.expansion
    earlier = NOTHING
    if not node.reused and node.identity in state.plan.previous and node.identity not in state.seen:
        earlier = state.plan.previous[node.identity].outcome.usage  # a run's figures are those of all its lives
    if state.plan.previous:
        state.seen.add(node.identity)
    failed = isinstance(ended, Failed | Cancelled)
    kind, children = _children(node, state)
    if isinstance(expansion, ChildExpansion) or (expansion is not None and not node.ended):
        usage = _sum(child.usage for child in children) + node.extra_usage
    usage = usage + earlier if earlier is not NOTHING else usage
    return TaskResult(
        node.id,
        node.task.keyword,
        ended.name if isinstance(ended, Success | Failed | Cancelled | Skipped) else "cancelled",
        outcome.attempts,
        outcome.duration,
        outcome.output if isinstance(ended, Success) else None,
        isinstance(ended, Success) and outcome.has_output,
        outcome.truncated,
        usage,
        outcome.failure if failed or isinstance(ended, Success) else None,
        ended.reason if isinstance(ended, Skipped) else None,
        node.reused,
        outcome.messages,
        key=node.key,
        waits_for=None if node.wait is None else node.wait.about or {"key": node.wait.key},
        children_kind=kind,
        children=children,
    )


def _children(node: Node, state: RunState) -> tuple[str, tuple[TaskResult, ...]]:
    """Return what a node stands for, and how that ended; what waits in a run that pauses has not."""
    expansion = node.expansion
    if isinstance(expansion, ChildExpansion):
        return "tasks", tuple(node_result(inner, state) for inner in expansion.scope.nodes.values())
    if isinstance(expansion, EachExpansion):
        active = (without_outputs(node_result(item, state)) for item in expansion.active.values())
        return "items", expansion.children(active)
    if isinstance(expansion, LoopExpansion):
        rounds = () if expansion.active is None else (without_outputs(node_result(expansion.active, state)),)
        return "rounds", expansion.children(rounds)
    return "", ()


def run_result(state: RunState, status: RunStatus) -> RunResult:
    """Return how a run ended: all tasks in declared order, and the workflow's output if it succeeded."""
    root, plan = state.root, state.plan
    tasks = tuple(node_result(node, state) for node in root.nodes.values())
    usage = _sum(task.usage for task in tasks) + state.forgotten_usage()
    output: Json | LargeValue = None
    has_output, failure = False, None
    if status is RunStatus.SUCCEEDED:
        try:
            output, has_output = scope_output(root, state)
        except Exception as error:  # a template source is a plugin
            status, failure = RunStatus.FAILED, output_failure(error, plan.max_error_bytes)
    return RunResult(
        plan.run_id,
        plan.workflow.name,
        status,
        tasks,
        output=value_of(output),
        has_output=has_output,
        usage=usage,
        failure=failure,
    )


def output_failure(error: BaseException, max_bytes: int | None) -> Failure:
    """Return the failure of a workflow whose `outputs` have no value."""
    from nika_core.engine.core.failures import failure_from

    failure = failure_from(error, "what makes the output", max_bytes)
    return Failure(failure.code, Category.TEMPLATE, f"`outputs`: {failure.message}", failure.hint)


def _sum(usages: Iterable[Usage]) -> Usage:
    total = NOTHING
    for usage in usages:
        if usage is not NOTHING:
            total = total + usage
    return total
