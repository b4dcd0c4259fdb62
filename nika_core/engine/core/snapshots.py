"""A core's whole state as JSON and back."""

from __future__ import annotations

from collections import Counter
from typing import Any

from nika_core.engine.core.groups import ChildExpansion, EachExpansion, Expansion, LoopExpansion
from nika_core.engine.core.hashing import messages_hash
from nika_core.engine.core.messages import (
    NO_OUTCOME,
)
from nika_core.engine.core.nodes import Node, WorkflowScope
from nika_core.engine.core.run_plan import Child, Each, EarlyEnd, Item, Loop
from nika_core.engine.core.run_state import RunState
from nika_core.engine.core.values_json import (
    kept_result_json,
    kept_result_of,
    outcome_json,
    outcome_of,
    state_json,
    state_of,
    wait_json,
    wait_of,
)
from nika_core.model.approval import ToolGrant
from nika_core.model.codec import failure_of, message_json, message_of, usage_json, usage_of
from nika_core.model.ids import NodeId, item_id, round_id
from nika_core.model.json import JsonObject
from nika_core.model.state import (
    RunStatus,
)
from nika_core.model.usage import NOTHING


def snapshot(state: RunState) -> JsonObject:
    """Return everything that a core has learned since its start."""
    return {
        "number": state.number,
        "running": state.running,
        "busy": state.busy,
        "made": state.made,
        "asking": state.asking,
        "ready": [[first, list(order), node] for first, order, node in sorted(state.ready)],
        "timers": sorted(state.timers),
        "seen": sorted(state.seen),
        "impatient": state.impatient,
        "waitedLong": state.waited_long,
        "finished": state.finished,
        "highestEpoch": state.highest_epoch,
        "earlyEnd": _early_end_json(state.early_end),
        "interrupted": state.interrupted,
        "grants": [list(grant) for grant in state.grants],
        "order": list(state.nodes),
        "root": _scope_json(state.root),
    }


def restore(state: RunState, data: JsonObject) -> None:
    """Fill a new state with what `snapshot` returned; its plan must be the same."""
    state.number, state.running, state.busy = data["number"], data["running"], data["busy"]
    state.made, state.asking = data["made"], data["asking"]
    state.ready = [(first, tuple(order), NodeId(node)) for first, order, node in data["ready"]]
    state.timers, state.seen = set(data["timers"]), set(data["seen"])
    state.impatient, state.waited_long = data["impatient"], data["waitedLong"]
    state.finished, state.highest_epoch = data["finished"], data["highestEpoch"]
    state.early_end, state.interrupted = _early_end_of(data["earlyEnd"]), data["interrupted"]
    state.grants = {ToolGrant(*grant): None for grant in data["grants"]}
    nodes: dict[str, Node] = {}
    _fill_scope(state.root, data["root"], nodes)
    state.nodes = {NodeId(node): nodes[node] for node in data["order"]}


def _scope_json(scope: WorkflowScope) -> JsonObject:
    return {
        "outputs": list(scope.outputs),
        "errors": dict(scope.errors),
        "open": scope.open,
        "earlyEnd": _early_end_json(scope.early_end),
        "cleanupOver": scope.cleanup_over,
        "nodes": {task: _node_json(node) for task, node in scope.nodes.items()},
    }


def _fill_scope(scope: WorkflowScope, data: JsonObject, nodes: dict[str, Node]) -> None:
    for task, node_data in data["nodes"].items():
        _fill_node(scope.nodes[task], node_data, nodes)
    scope.open, scope.early_end = data["open"], _early_end_of(data["earlyEnd"])
    scope.cleanup_over = data["cleanupOver"]
    scope.errors.update(data["errors"])
    for task in data["outputs"]:
        outcome = scope.nodes[task].outcome
        scope.outputs[task] = outcome.output
        if outcome.messages and task in scope.plan.context:
            scope.conversation.add(task, outcome.messages, messages_hash(outcome.messages))


def _node_json(node: Node) -> JsonObject:
    values: dict[str, Any] = {"state": state_json(node.state), "waitingFor": node.waiting_for}
    if node.identity != node.id:
        values["identity"] = node.identity
    if node.outcome is not NO_OUTCOME:
        values["outcome"] = outcome_json(node.outcome)
    if node.extra_usage != NOTHING:
        values["extraUsage"] = usage_json(node.extra_usage)
    for name in ("asking", "retries", "reused", "rerun", "changed", "key"):
        if value := getattr(node, name):
            values[name] = value
    if node.signals:
        values["signals"] = dict(node.signals)
    if node.wait is not None:
        values["wait"] = wait_json(node.wait)
    if node.expansion is not None:
        values["expansion"] = _expansion_json(node.expansion)
    return values


def _fill_node(node: Node, data: JsonObject, nodes: dict[str, Node]) -> None:
    nodes[node.id] = node
    node.state, node.waiting_for = state_of(data["state"]), data["waitingFor"]
    node.identity = data.get("identity", node.id)
    node.outcome = outcome_of(data["outcome"]) if "outcome" in data else NO_OUTCOME
    node.extra_usage = usage_of(data.get("extraUsage"))
    node.asking, node.retries = data.get("asking", 0), data.get("retries", 0)
    node.reused, node.rerun = data.get("reused", False), data.get("rerun", False)
    node.changed = data.get("changed", False)
    node.key = data.get("key")
    node.signals = data.get("signals", {})
    node.wait = wait_of(data["wait"]) if "wait" in data else None
    if "expansion" in data:
        _fill_expansion(node, data["expansion"], nodes)


def _expansion_json(expansion: Expansion) -> JsonObject:
    if isinstance(expansion, ChildExpansion):
        return {"inputs": dict(expansion.scope.inputs), "scope": _scope_json(expansion.scope)}
    if isinstance(expansion, LoopExpansion):
        return {
            "number": expansion.number,
            "active": None if expansion.active is None else _child_json(expansion.active),
            "last": outcome_json(expansion.last),
            "outputs": list(expansion.outputs),
            "messages": [message_json(message) for message in expansion.messages],
            "results": [kept_result_json(result) for result in expansion.results],
            "usage": usage_json(expansion.usage),
            "again": expansion.again,
        }
    return {
        "items": [[item.value, item.key] for item in expansion.items],
        "pending": list(expansion.pending),
        "following": expansion.following,
        "active": [_child_json(child) for child in expansion.active.values()],
        "outputs": list(expansion.outputs),
        "results": {str(index): kept_result_json(result) for index, result in expansion.results.items()},
        "failed": {str(index): identity for index, identity in expansion.failed.items()},
        "again": {str(index): identity for index, identity in expansion.again.items()},
        "usage": usage_json(expansion.usage),
        "failures": {str(index): failure.as_json() for index, failure in expansion.failures.items()},
        "stopped": expansion.stopped,
        "identities": dict(expansion.identities),
    }


def _child_json(node: Node) -> JsonObject:
    return {**_node_json(node), "index": node.index, "bindings": dict(node.bindings)}


def _fill_expansion(node: Node, data: JsonObject, nodes: dict[str, Node]) -> None:
    spec: Any = node.scope.plan.groups.get(node.task.id)
    if node.parent is not None:
        spec = node.parent.spec.body  # type: ignore[union-attr]  # only lists and loops have items and rounds
    if isinstance(spec, Child):
        scope = WorkflowScope(spec.plan_for(data["inputs"], node.scope.plan), data["inputs"], node)
        if isinstance(node.parent, LoopExpansion):
            scope.earlier = node.parent.messages
        node.expansion = ChildExpansion(node, scope)
        _fill_scope(scope, data["scope"], nodes)
    elif isinstance(spec, Loop):
        node.expansion = _loop_of(node, spec, data, nodes)
    elif isinstance(spec, Each):
        node.expansion = _each_of(node, spec, data, nodes)


def _loop_of(node: Node, spec: Loop, data: JsonObject, nodes: dict[str, Node]) -> LoopExpansion:
    expansion = LoopExpansion(
        node,
        spec,
        data["number"],
        None,
        outcome_of(data["last"]),
        list(data["outputs"]),
        tuple(message_of(message) for message in data["messages"]),
        [kept_result_of(result) for result in data["results"]],
        usage_of(data["usage"]),
        again=data.get("again", False),
    )
    if (active := data["active"]) is not None:
        expansion.active = _child_of(expansion, active, nodes)
    return expansion


def _each_of(node: Node, spec: Each, data: JsonObject, nodes: dict[str, Node]) -> EachExpansion:
    expansion = EachExpansion(
        node,
        spec,
        tuple(Item(value, key) for value, key in data["items"]),
        list(data["pending"]),
        data["following"],
        {},
        list(data["outputs"]),
        {int(index): kept_result_of(result) for index, result in data["results"].items()},
        {int(index): failure_of(failure) for index, failure in data["failures"].items()},
        {int(index): identity for index, identity in data["failed"].items()},
        data["stopped"],
        Counter(data["identities"]),
        {int(index): identity for index, identity in data["again"].items()},
        usage_of(data["usage"]),
    )
    for child in data["active"]:
        expansion.active[child["index"]] = _child_of(expansion, child, nodes)
        expansion.waiting += "wait" in child
    return expansion


def _child_of(expansion: EachExpansion | LoopExpansion, data: JsonObject, nodes: dict[str, Node]) -> Node:
    group, index = expansion.node, data["index"]
    make = item_id if isinstance(expansion, EachExpansion) else round_id
    node = Node(make(group.id, index), group.task, group.scope, (*group.order, index))
    node.parent, node.index, node.bindings = expansion, index, data["bindings"]
    node.first_epoch = group.epoch
    _fill_node(node, data, nodes)
    return node


def _early_end_json(early_end: EarlyEnd | None) -> JsonObject | None:
    if early_end is None:
        return None
    failure = None if early_end.failure is None else early_end.failure.as_json()
    return {"status": early_end.status.value, "reason": early_end.reason, "failure": failure}


def _early_end_of(data: JsonObject | None) -> EarlyEnd | None:
    if not data:
        return None
    failure = failure_of(data["failure"]) if data["failure"] else None
    return EarlyEnd(RunStatus(data["status"]), data["reason"], failure)
