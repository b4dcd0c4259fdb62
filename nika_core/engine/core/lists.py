"""Lists: what becomes of a task that is done for each item."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from nika_core import codes
from nika_core.engine.core.failures import FAULTS
from nika_core.engine.core.group_kind import GroupKind, NodeActions
from nika_core.engine.core.groups import EachExpansion
from nika_core.engine.core.hashing import list_hash
from nika_core.engine.core.inner_workflows import InnerWorkflows
from nika_core.engine.core.messages import Outcome
from nika_core.engine.core.nodes import Node
from nika_core.engine.core.readiness import NoOutputError
from nika_core.engine.core.run_plan import Each, EarlyEnd, Item
from nika_core.engine.core.run_state import RunState
from nika_core.errors import Category
from nika_core.model.events import EventKind
from nika_core.model.state import Failure, Ready, Running, SkipReason, TaskResult
from nika_core.model.workflow import ItemError
from nika_core.values import replace


class Lists(GroupKind):
    """Opens lists, makes their items when there is room, and ends them."""

    def __init__(self, state: RunState, actions: NodeActions, workflows: InnerWorkflows) -> None:
        super().__init__(state, actions)
        self._workflows = workflows

    def open(self, node: Node, spec: Each, epoch: int) -> None:
        """Begin a list."""
        try:
            items = tuple(spec.items(self._state.values(node)))
        except FAULTS as error:
            self._actions.fail(node, epoch, self._template(error, "what makes the list"))
            return
        failure = self._too_many(len(items), spec) or _repeated_key(items)
        if failure is not None:
            self._actions.fail(node, epoch, failure)
            return
        self._start(node, epoch, {"group": "each", "items": len(items), "payload": list_hash(items)})
        expansion = node.expansion = EachExpansion(node, spec, items)
        self.feed_or_end(expansion)

    def open_again(self, node: Node, earlier: EachExpansion, epoch: int) -> None:
        """Do the failed items of a list again, as the main agent wants."""
        expansion = node.expansion = earlier.retry()
        self._start(node, epoch, {"group": "each", "items": len(expansion.pending)})
        self.feed_or_end(expansion)

    def item_ended(self, expansion: EachExpansion, node: Node, result: TaskResult) -> None:
        """Go on after an item has ended for good."""
        try:
            expansion.record(node, result, lambda: expansion.spec.stand_in(self._state.values(node)))
        except FAULTS as error:  # there is no value to stand in: the item counts as failed
            failure = self._template(error, "what stands in for an item")
            before = "" if result.failure is None else f"; it had failed: {result.failure.message}"
            expansion.failures[node.index] = replace(failure, message=f"`onItemError`: {failure.message}{before}")
            expansion.failed[node.index] = node.identity
        if expansion.failures and self._state.plan.fail_fast and expansion.spec.on_error is ItemError.FAIL:
            expansion.stopped = True
        self._state.held.discard(expansion.node.id)
        self.feed_or_end(expansion)

    def feed_or_end(self, expansion: EachExpansion) -> None:
        """Make the items for which there is room, or end a list of which nothing is left."""
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

    def stop(self, expansion: EachExpansion, early_end: EarlyEnd) -> None:
        """Start no item any more, and cancel those that run."""
        expansion.stopped = True
        self._state.held.discard(expansion.node.id)
        for child in tuple(expansion.active.values()):
            self._actions.stop_node(child, early_end)
        if isinstance(expansion.node.state, Running) and expansion.ended:
            self.feed_or_end(expansion)

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
                self._workflows.open(node, body, node.first_epoch)
            else:
                state.make_ready(node)
        if expansion.room(None):
            state.held.add(expansion.node.id)
        else:
            state.held.discard(expansion.node.id)

    def _item_wanted(self, node: Node, spec: Each) -> bool | None:
        """Return whether an item is to be done; None: that cannot be said, and the item has failed."""
        if spec.condition is None:
            return True
        try:
            return spec.condition.evaluate(partial(self._state.resolve, node))
        except (NoOutputError, *FAULTS) as error:
            self._state.transition(node, Ready(), EventKind.TASK_READY)
            self._actions.fail(node, 1, self._template(error, "`when`"))
            return None

    def _too_many(self, count: int, spec: Each) -> Failure | None:
        if spec.max_items is not None and count > spec.max_items:
            message = f"the list has {count} items, at most {spec.max_items} are allowed"
            hint = "raise `max` of forEach, or NIKA_MAX_ITEMS, or take a part of the list with `| first(n)`"
            return Failure(codes.COUNT_LIMIT, Category.TEMPLATE, message, hint)
        return self._no_room_for(count)


def _repeated_key(items: Sequence[Item]) -> Failure | None:
    seen: set[str] = set()
    for index, item in enumerate(items):
        if item.key is not None and item.key in seen:
            message = f"item {index + 1} of the list has the key '{item.key}', which an item before it has"
            return Failure(
                codes.REPEATED_KEY, Category.TEMPLATE, message, "make `key` of forEach different for each item"
            )
        if item.key is not None:
            seen.add(item.key)
    return None
