"""What becomes of nodes that stand for several: lists, loops, and workflows inside workflows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Final, Protocol

from nika_core import codes
from nika_core.engine.core.failures import FAULTS, failure_from
from nika_core.engine.core.groups import ChildExpansion, EachExpansion, Expansion, LoopExpansion
from nika_core.engine.core.hashing import digest
from nika_core.engine.core.messages import CancelTimer, Outcome, StartTimer
from nika_core.engine.core.nodes import Node, WorkflowScope
from nika_core.engine.core.preparation import Preparation
from nika_core.engine.core.readiness import NoOutputError
from nika_core.engine.core.results import (
    node_result,
    output_failure,
    scope_failure,
    scope_output,
    scope_usage,
    started_data,
)
from nika_core.engine.core.reuse import ReuseAction, reruns
from nika_core.engine.core.run_plan import Child, Each, EarlyEnd, Item, Loop
from nika_core.engine.core.run_state import RunState
from nika_core.errors import Category
from nika_core.model.events import EventKind
from nika_core.model.ids import NodeId, segments
from nika_core.model.state import Failure, Pending, Ready, Running, RunStatus, Skipped, SkipReason
from nika_core.model.workflow import ItemError

_ROUND: Final = "round:"
_WORKFLOW: Final = "workflow:"


class NodeActions(Protocol):
    """What becomes of a node."""

    def succeed(self, node: Node, outcome: Outcome) -> None: ...
    def fail(self, node: Node, epoch: int, failure: Failure, outcome: Outcome | None = None) -> None: ...
    def skip(self, node: Node, reason: SkipReason) -> None: ...
    def decline(self, node: Node, outcome: Outcome) -> None: ...
    def stop(self, scope: WorkflowScope, early_end: EarlyEnd) -> None: ...
    def stop_node(self, node: Node, early_end: EarlyEnd) -> None: ...


class Expander:
    """Opens groups, makes their nodes when there is room, and ends them."""

    def __init__(self, state: RunState, actions: NodeActions, preparation: Preparation) -> None:
        self._state = state
        self._actions = actions
        self._preparation = preparation

    # ---- opening

    def open(self, node: Node) -> None:
        """Begin a task that stands for several nodes, or for a workflow."""
        epoch = node.epoch
        if isinstance(node.state, Pending):
            self._state.transition(node, Ready(epoch), EventKind.TASK_READY)
        spec = node.scope.plan.groups[node.task.id]
        earlier = node.expansion
        if isinstance(earlier, EachExpansion):  # the main agent wants it done again: the failed items are
            node.expansion = earlier.retry()
            self._start(node, epoch, {"group": "each", "items": len(node.expansion.pending)})
            self._feed_or_end(node.expansion)
        elif isinstance(spec, Each):
            self._open_list(node, spec, epoch)
        elif isinstance(spec, Loop):
            self._start(node, epoch, {"group": "loop", "max": spec.max_rounds})
            node.expansion = LoopExpansion(node, spec)
            self._next_round(node.expansion)
        else:
            self._state.forget_inside(node)
            node.expansion = None
            self._open_workflow(node, spec, epoch)

    def decides_per_item(self, node: Node) -> bool:
        """Whether the task's `when` is decided for each item."""
        spec = node.scope.plan.groups.get(node.task.id)
        return isinstance(spec, Each) and spec.condition is not None

    def _start(self, node: Node, epoch: int, data: Mapping[str, Any]) -> None:
        started = {"keyword": node.task.keyword, "epoch": epoch, "attempt": 1, **data}
        if node.identity != node.id:
            started["identity"] = node.identity
        if node.key is not None:
            started["key"] = node.key
        self._state.transition(node, Running(epoch), EventKind.TASK_STARTED, started)

    def _open_list(self, node: Node, spec: Each, epoch: int) -> None:
        try:
            items = tuple(spec.items(self._state.values(node)))
        except FAULTS as error:
            self._actions.fail(node, epoch, self._template(error, "what makes the list"))
            return
        failure = self._too_many(len(items), spec) or _repeated_key(items)
        if failure is not None:
            self._actions.fail(node, epoch, failure)
            return
        self._start(node, epoch, {"group": "each", "items": len(items)})
        expansion = node.expansion = EachExpansion(node, spec, items)
        self._feed_or_end(expansion)

    def _too_many(self, count: int, spec: Each) -> Failure | None:
        if spec.max_items is not None and count > spec.max_items:
            message = f"the list has {count} items, at most {spec.max_items} are allowed"
            hint = "raise `max` of forEach, or NIKA_MAX_ITEMS, or take a part of the list with `| first(n)`"
            return Failure(codes.COUNT_LIMIT, Category.TEMPLATE, message, hint)
        return self._no_room_for(count)

    def _no_room_for(self, count: int) -> Failure | None:
        most = self._state.plan.max_nodes
        if most is None or self._state.made + count <= most:
            return None
        message = f"with {count} more nodes the run would have more than {most} tasks, items and rounds"
        return Failure(codes.COUNT_LIMIT, Category.TEMPLATE, message, "raise NIKA_MAX_NODES")

    def _open_workflow(self, node: Node, spec: Child, epoch: int) -> None:
        """Begin the workflow that a task, an item or a round stands for."""
        try:
            payload, definition, given = self._preparation.given(node)
            if isinstance(node.parent, EachExpansion):
                node.parent.identify(node, definition, given)
            inputs = spec.inputs(payload)
            plan = spec.plan_for(inputs, node.scope.plan)
        except FAULTS as error:
            self._actions.fail(node, epoch, self._template(error, "what makes the inputs"))
            return
        failure = self._no_room_for(len(plan.tasks))
        if failure is not None:
            self._actions.fail(node, epoch, failure)
            return
        if spec.definition:  # an item's identity goes without: what is edited inside leaves the rest of it as it is
            definition = digest([definition, spec.definition])
        choice = self._preparation.choose(node, definition, given)
        if choice.action is ReuseAction.SKIP:
            self._actions.skip(node, SkipReason.DECISION)
            return
        started = started_data(node, epoch, definition, given, "")
        self._state.transition(
            node,
            Running(epoch),
            EventKind.TASK_STARTED,
            {**started, "group": "workflow", "tasks": len(plan.tasks)},
        )
        scope = WorkflowScope(plan, inputs, node)
        if isinstance(node.parent, LoopExpansion):
            scope.earlier = node.parent.messages
        node.expansion = ChildExpansion(node, scope)
        self._state.add_all(scope)
        seconds = _time_of(scope)
        if seconds is not None:
            self._state.out.append(StartTimer(f"{_WORKFLOW}{node.id}", seconds))
        self.mark_reruns(scope, self._state.plan.rerun_from)
        self._state.settle_sources(scope)
        if not scope.open:
            self.workflow_ended(scope)

    def mark_reruns(self, scope: WorkflowScope, rerun_from: str | None) -> None:
        """Mark the tasks that `--from` asks for, and those that depend on them."""
        if rerun_from is None:
            return
        path = segments(rerun_from)
        owner = scope.owner
        inside = () if owner is None else segments(owner.id)
        for task in reruns(scope.plan.graph, path, inside):
            scope.nodes[task].rerun = True

    # ---- lists

    def _feed(self, expansion: EachExpansion) -> None:
        state = self._state
        limit = state.plan.max_concurrent if expansion.node.takes_slot else None
        while expansion.room(limit):
            node = expansion.make_next()
            node.rerun = self._rerun_child(expansion.node, node.index, None)
            state.add(node)
            body = expansion.spec.body
            wanted = self._item_wanted(node, expansion.spec)
            if wanted is None:
                continue
            if not wanted:
                self._actions.skip(node, SkipReason.CONDITION)
            elif body is not None:
                state.transition(node, Ready(node.first_epoch), EventKind.TASK_READY)
                self._open_workflow(node, body, node.first_epoch)
            else:
                state.make_ready(node)

    def _item_wanted(self, node: Node, spec: Each) -> bool | None:
        """Whether an item is to be done; None: that cannot be said, and the item has failed."""
        if spec.condition is None:
            return True
        try:
            return spec.condition.evaluate(partial(self._state.resolve, node))
        except (NoOutputError, *FAULTS) as error:
            self._state.transition(node, Ready(), EventKind.TASK_READY)
            self._actions.fail(node, 1, self._template(error, "`when`"))
            return None

    def _rerun_child(self, group: Node, index: int | None, number: int | None) -> bool:
        wanted = self._state.plan.rerun_from
        if group.rerun:
            return True
        if wanted is None:
            return False
        path, here = segments(wanted), segments(group.id)
        if len(path) < len(here) or path[: len(here) - 1] != here[:-1]:
            return False
        task, wanted_index, wanted_round = path[len(here) - 1]
        if task != here[-1][0]:
            return False
        last = len(path) == len(here)
        if number is not None and wanted_round is not None:
            return number > wanted_round or (number == wanted_round and last)
        return last and index is not None and index == wanted_index

    # ---- loops

    def _next_round(self, expansion: LoopExpansion) -> None:
        failure = self._no_room_for(1)
        if failure is not None:
            self._end(expansion.node, expansion.failed(failure))
            return
        node = expansion.make_next()
        node.rerun = self._rerun_child(expansion.node, None, expansion.number)
        self._state.add(node)
        if expansion.spec.body is not None:
            self._state.transition(node, Ready(node.first_epoch), EventKind.TASK_READY)
            self._open_workflow(node, expansion.spec.body, node.first_epoch)
        else:
            self._state.make_ready(node)

    def _round_ended(self, expansion: LoopExpansion, node: Node) -> None:
        spec, group = expansion.spec, expansion.node
        failure = node.outcome.failure
        if node.state == Skipped(SkipReason.DECLINED):
            self._actions.decline(group, Outcome(has_output=False, usage=expansion.usage))
            return
        early_end = self._state.early_end_of(group)
        if early_end is not None:
            self._end(group, expansion.failed(Failure(codes.CANCELLED, Category.CANCELLED, early_end.reason)))
            return
        if failure is not None and (spec.fail_on_round_error or failure.category is Category.CANCELLED):
            self._end(group, expansion.failed(failure))
            return
        if failure is None:
            try:
                resolve = partial(self._state.resolve, node, own=node.outcome)
                if spec.until.evaluate(resolve):
                    self._end(group, expansion.succeeded())
                    return
            except (NoOutputError, *FAULTS) as error:
                self._end(group, expansion.failed(self._template(error, "`until`")))
                return
        if expansion.number >= spec.max_rounds:
            self._end(group, expansion.exhausted())
        elif spec.every and not node.reused:
            timer = f"{_ROUND}{group.id}"
            self._state.timers.add(timer)
            self._state.out.append(StartTimer(timer, spec.every))
        else:
            self._next_round(expansion)

    def timer_fired(self, timer: str) -> bool:
        """Whether the timer was that of a loop, whose next round then begins, or of a workflow, which then ends."""
        if timer.startswith(_WORKFLOW):
            node = self._state.nodes.get(NodeId(timer.removeprefix(_WORKFLOW)))
            if node is not None and isinstance(node.expansion, ChildExpansion) and isinstance(node.state, Running):
                self._out_of_time(node, node.expansion.scope)
            return True
        if not timer.startswith(_ROUND):
            return False
        if timer in self._state.timers:
            self._state.timers.discard(timer)
            node = self._state.nodes.get(NodeId(timer.removeprefix(_ROUND)))
            if node is not None and isinstance(node.expansion, LoopExpansion) and node.expansion.active is None:
                self._next_round(node.expansion)
        return True

    def _out_of_time(self, node: Node, scope: WorkflowScope) -> None:
        if scope.early_end is not None:
            return
        message = f"`{node.task.keyword}` did not end within {_time_of(scope):g} s"
        hint = "raise the `timeout` of the task, or of its workflow"
        failure = Failure(codes.TIMEOUT, Category.TIMEOUT, message, hint)
        self._actions.stop(scope, EarlyEnd(RunStatus.FAILED, f"`{node.id}` took too long", failure))

    # ---- ending

    def child_ended(self, expansion: Expansion, node: Node) -> None:
        """An item or a round has ended for good."""
        assert not isinstance(expansion, ChildExpansion)
        result = node_result(node, self._state)
        self._state.forget(node)
        if isinstance(expansion, LoopExpansion):
            expansion.record(node, result)
            self._round_ended(expansion, node)
            return
        try:
            expansion.record(node, result, lambda: expansion.spec.stand_in(self._state.values(node)))
        except FAULTS as error:  # what stands in has no value: the item's own failure counts
            expansion.failures[node.index] = self._template(error, "what stands in for an item")
        if expansion.failures and self._state.plan.fail_fast and expansion.spec.on_error is ItemError.FAIL:
            expansion.stopped = True
        self._feed_or_end(expansion)

    def child_waits(self, node: Node) -> None:
        """An item waits for something outside: meanwhile another one may start in its place."""
        if isinstance(node.parent, EachExpansion):
            self._feed_or_end(node.parent)

    def _feed_or_end(self, expansion: EachExpansion) -> None:
        if expansion.feeding or not isinstance(expansion.node.state, Running):
            return  # an item that ended at once: whoever made it goes on
        expansion.feeding = True
        try:
            self._feed(expansion)
        finally:
            expansion.feeding = False
        if not expansion.ended:
            return
        early_end = self._state.early_end_of(expansion.node)
        if early_end is not None and len(expansion.results) < len(expansion.items):
            failure = Failure(codes.CANCELLED, Category.CANCELLED, early_end.reason)
            self._end(expansion.node, Outcome(list(expansion.outputs), True, failure))
        else:
            self._end(expansion.node, expansion.outcome())

    def workflow_ended(self, scope: WorkflowScope) -> None:
        """All tasks of a workflow that a node stands for have ended for good."""
        node = scope.owner
        assert node is not None
        if _time_of(scope) is not None:
            self._state.out.append(CancelTimer(f"{_WORKFLOW}{node.id}"))
        usage = scope_usage(scope)
        failure = self._scope_failure(node, scope)
        if failure is not None:
            self._end(node, Outcome(has_output=False, failure=failure, usage=usage))
            return
        try:
            output, has_output = scope_output(scope, self._state)
        except FAULTS as error:
            failure = output_failure(error, self._state.plan.max_error_bytes)
            self._end(node, Outcome(has_output=False, failure=failure, usage=usage))
            return
        messages = scope.conversation.all() if isinstance(node.parent, LoopExpansion) else ()
        self._end(node, Outcome(output=output if has_output else None, usage=usage, messages=messages))

    def _scope_failure(self, node: Node, scope: WorkflowScope) -> Failure | None:
        """Return why the task fails that stands for a workflow; None: it does not."""
        early_end = scope.early_end
        if early_end is None:
            return scope_failure(scope) if scope.failed else None
        if early_end.failure is not None:
            return early_end.failure
        if scope.failed and early_end not in (node.scope.early_end, self._state.early_end):
            return scope_failure(scope)  # what failed inside is why it ends, and nothing outside of it
        return Failure(codes.CANCELLED, Category.CANCELLED, early_end.reason)

    def _end(self, node: Node, outcome: Outcome) -> None:
        """A group has ended."""
        assert isinstance(node.state, Running)
        epoch = node.state.epoch
        if outcome.failure is None:
            self._actions.succeed(node, outcome)
        else:
            self._actions.fail(node, epoch, outcome.failure, outcome)

    def stop(self, node: Node, early_end: EarlyEnd) -> None:
        """Start nothing of a group any more, and cancel what runs of it."""
        expansion = node.expansion
        if isinstance(expansion, ChildExpansion):
            self._actions.stop(expansion.scope, early_end)
        elif isinstance(expansion, LoopExpansion):
            if expansion.active is not None:
                self._actions.stop_node(expansion.active, early_end)
            else:
                timer = f"{_ROUND}{node.id}"
                self._state.timers.discard(timer)
                self._state.out.append(CancelTimer(timer))
                self._end(node, expansion.failed(Failure(codes.CANCELLED, Category.CANCELLED, early_end.reason)))
        elif isinstance(expansion, EachExpansion):
            expansion.stopped = True
            for child in tuple(expansion.active.values()):
                self._actions.stop_node(child, early_end)
            if isinstance(node.state, Running) and expansion.ended:
                self._feed_or_end(expansion)

    def _template(self, error: BaseException, whose: str) -> Failure:
        failure = failure_from(error, whose, self._state.plan.max_error_bytes)
        return Failure(failure.code, Category.TEMPLATE, failure.message, failure.hint)


def _time_of(scope: WorkflowScope) -> float | None:
    """Return the seconds that a workflow has, by its own word and by that of the task that stands for it."""
    assert scope.owner is not None
    bounds = [seconds for seconds in (scope.owner.task.timeout, scope.plan.max_seconds) if seconds is not None]
    return min(bounds, default=None)


def _repeated_key(items: Sequence[Item]) -> Failure | None:
    seen: set[str] = set()
    for index, item in enumerate(items):
        if item.key is not None and item.key in seen:
            message = f"item {index} of the list has the key '{item.key}', which an item before it has"
            return Failure(
                codes.REPEATED_KEY, Category.TEMPLATE, message, "make `key` of forEach different for each item"
            )
        if item.key is not None:
            seen.add(item.key)
    return None
