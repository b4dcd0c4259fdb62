"""Nodes that stand for several: a list's items, a loop's rounds, a workflow's tasks. Bookkeeping only; `core` decides.

Items and rounds are made when they can start, and forgotten when they have ended: what is kept of an item is its output
and its result. A list of 10,000 costs memory for what runs and what is kept, not more.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, TypeAlias

from nika_core import codes
from nika_core.engine.core.hashing import digest
from nika_core.engine.core.messages import NO_OUTCOME, Outcome
from nika_core.engine.core.nodes import Node, WorkflowScope
from nika_core.engine.core.run_plan import Each, Item, Loop
from nika_core.errors import Category
from nika_core.model.ids import item_id, round_id
from nika_core.model.json import Json, JsonObject
from nika_core.model.large_values import value_of
from nika_core.model.message import Message
from nika_core.model.state import Failure, TaskResult
from nika_core.model.usage import NOTHING, Usage
from nika_core.model.workflow import Binding, ItemError
from nika_core.values import dataclass, field

_NAMED: Final = 3  # failed items that a message names; `${error.task.items}` has them all


@dataclass(slots=True)
class EachExpansion:
    """A list under way.

    Attributes:
        pending: the indexes of the items that are to be done; all, or (again) those that had failed.
        following: how many of these have been made.
        active: items that are made and have not ended.
        outputs: by index; None for those without one.
        results: how items ended, by index.
        failures: failed items whose failure counts.
        failed: their identities.
        stopped: no further item starts.
        identities: how many items with the same content were made.
        again: the identities of the items that had failed and are done again.
        usage: of all items that have ended, but not of those that had ended before it was done again.
        definition: the hash of the task's definition; "": no item has needed it.
        waiting: how many of the active ones wait for something outside.
    """

    node: Node
    spec: Each
    items: Sequence[Item]
    pending: Sequence[int] = ()
    following: int = 0
    active: dict[int, Node] = field(default_factory=dict)
    outputs: list[Json] = field(default_factory=list)
    results: dict[int, TaskResult] = field(default_factory=dict)
    failures: dict[int, Failure] = field(default_factory=dict)
    failed: dict[int, str] = field(default_factory=dict)
    stopped: bool = False
    identities: Counter[str] = field(default_factory=Counter)
    again: Mapping[int, str] = field(default_factory=dict)
    usage: Usage = NOTHING
    definition: str = ""
    feeding: bool = False
    waiting: int = 0

    def __post_init__(self) -> None:
        if not self.outputs:
            self.outputs = [None] * len(self.items)
            self.pending = range(len(self.items))

    def retry(self) -> EachExpansion:
        """Return the same list with its failed items, and no others, to be done once more."""
        kept = {index: result for index, result in self.results.items() if index not in self.failures}
        return EachExpansion(
            self.node,
            self.spec,
            self.items,
            sorted(self.failures),
            0,
            {},
            self.outputs,
            kept,
            identities=self.identities,
            again=self.failed,
        )

    @property
    def ended(self) -> bool:
        """Whether nothing of it is under way, and nothing will start."""
        return not self.active and (self.stopped or self.following == len(self.pending))

    def room(self, max_concurrent: int | None) -> bool:
        """Return whether one more item may be made now."""
        if self.stopped or self.following == len(self.pending):
            return False
        own, active = self.spec.max_concurrent, len(self.active)
        if own is not None and active >= own:
            return False
        return max_concurrent is None or active - self.waiting < max_concurrent

    def make_next(self) -> Node:
        """Return the next item's node."""
        group, index = self.node, self.pending[self.following]
        self.following += 1
        item = self.items[index]
        node = Node(item_id(group.id, index), group.task, group.scope, (*group.order, index))
        node.parent, node.index, node.key = self, index, item.key
        node.first_epoch = group.epoch
        place: dict[str, Json] = {"item": item.value, "index": index, "number": index + 1, "key": item.key}
        node.bindings = {**group.bindings, Binding.ITEM: place}
        self.active[index] = node
        return node

    def identify(self, node: Node, definition: str, payload: str) -> None:
        """Name an item by what it is given, and its number among equal ones; reordered, it is still the same."""
        if (identity := self.again.get(node.index)) is not None:
            node.identity = identity
            return
        content = digest([definition, payload])[:16]
        if node.identity.startswith(f"{self.node.identity}[{content}."):
            return  # it had begun and waited: what it has done so far is kept under this name
        count = self.identities[content]
        self.identities[content] += 1
        node.identity = f"{self.node.identity}[{content}.{count}]"

    def record(self, node: Node, result: TaskResult, stand_in: Callable[[], Json]) -> None:
        """Keep what an item leaves behind, and forget its node. `stand_in` may raise anything."""
        index = node.index
        del self.active[index]
        self.usage = self.usage + result.usage if result.usage is not NOTHING else self.usage
        self.results[index] = without_outputs(result)
        if result.state == "success":
            self.outputs[index] = result.output
        elif result.failure is not None:
            if self.spec.on_error is ItemError.VALUE:
                self.outputs[index] = stand_in()
            else:
                self.failures[index] = result.failure
                self.failed[index] = node.identity
            if self.spec.on_error is ItemError.STOP:
                self.stopped = True

    def outcome(self) -> Outcome:
        """Return how the list as a whole ended."""
        usage, outputs = self.usage, list(self.outputs)
        if not self.failures or self.spec.on_error is ItemError.CONTINUE:
            return Outcome(output=outputs, usage=usage)
        failed = [f"{item_id(self.node.id, index)}: {self.failures[index].message}" for index in sorted(self.failures)]
        more = f"; and {len(failed) - _NAMED} more" if len(failed) > _NAMED else ""
        message = f"{len(failed)} of {len(self.items)} items failed: {'; '.join(failed[:_NAMED])}{more}"
        first = self.failures[min(self.failures)]
        failure = Failure(first.code, first.category, message, first.hint)
        return Outcome(outputs, True, failure, usage=usage)

    def error_items(self) -> list[JsonObject]:
        """Return the failed items, as `${error.task.items}` shows them."""
        return [
            _without_none(
                {
                    "index": index,
                    "key": self.items[index].key,
                    "code": result.failure.code,
                    "category": result.failure.category.value,
                    "message": result.failure.message,
                }
            )
            for index, result in sorted(self.results.items())
            if result.failure is not None
        ]

    def children(self, unfinished: Iterable[TaskResult] = ()) -> tuple[TaskResult, ...]:
        """Return the results of its items, in their order.

        Args:
            unfinished: those of the active ones, in the same order.
        """
        results = {**self.results, **dict(zip(self.active, unfinished, strict=False))}
        return tuple(results[index] for index in sorted(results))


@dataclass(slots=True)
class LoopExpansion:
    """A loop under way.

    Attributes:
        number: the round that was made last, from 1.
        active: that round, until it has ended.
        last: the last round that yielded an output.
        outputs: of all rounds, if they are collected.
        messages: what all rounds so far added to the conversation.
        results: how rounds ended.
        usage: of all rounds.
        definition: the hash of the task's definition; "": no round has needed it.
        again: whether all rounds of an earlier life were reused in vain, and are done anew.
    """

    node: Node
    spec: Loop
    number: int = 0
    active: Node | None = None
    last: Outcome = NO_OUTCOME
    outputs: list[Json] = field(default_factory=list)
    messages: tuple[Message, ...] = ()
    results: list[TaskResult] = field(default_factory=list)
    usage: Usage = NOTHING
    definition: str = ""
    again: bool = False

    def make_next(self) -> Node:
        """Return the next round's node."""
        group = self.node
        self.number += 1
        node = Node(round_id(group.id, self.number), group.task, group.scope, (*group.order, self.number))
        node.identity = f"{group.identity}@{self.number}"
        node.parent, node.index = self, self.number
        node.first_epoch = group.epoch
        last: dict[str, Json] = {"round": self.number - 1} if self.number > 1 else {}
        if self.last.has_output:
            last["output"] = value_of(self.last.output)
        node.bindings = {**group.bindings, Binding.ROUND: last}
        self.active = node
        return node

    def record(self, node: Node, result: TaskResult) -> None:
        """Keep what a round leaves behind, and forget its node."""
        self.active = None
        self.usage = self.usage + result.usage
        self.results.append(without_outputs(result))
        self.last = node.outcome
        if self.spec.collect:
            self.outputs.append(result.output if result.state == "success" else None)
        if self.spec.keep_conversation and result.state == "success":
            self.messages += node.outcome.messages

    def succeeded(self) -> Outcome:
        """Return the outcome if the loop ends now and is content."""
        messages = self.messages if self.spec.keep_conversation else self.last.messages
        if self.spec.collect:
            return Outcome(output=list(self.outputs), usage=self.usage, messages=messages)
        return self.last._replace(usage=self.usage, messages=messages, attempts=1)

    def exhausted(self) -> Outcome:
        """Return the outcome if the condition never held."""
        last = self.results[-1]
        if not self.spec.fail_if_exhausted and last.failure is None:
            return self.succeeded()
        if last.failure is not None:
            return self.failed(last.failure)
        rounds = "1 round" if self.number == 1 else f"{self.number} rounds"
        failure = Failure(
            codes.NOT_REACHED,
            Category.VALIDATION,
            f"`until` did not hold after {rounds}: {self.spec.until.text}",
            "raise `max`, or set `onExhausted: continue` to take the last output",
        )
        return self.failed(failure)

    def failed(self, failure: Failure) -> Outcome:
        """Return the outcome for a failure; what the last round yielded goes with it."""
        output, has_output = self.last.output, self.last.has_output
        if self.spec.collect:
            output, has_output = list(self.outputs), True
        return Outcome(output, has_output, failure, usage=self.usage)

    def children(self, unfinished: Iterable[TaskResult] = ()) -> tuple[TaskResult, ...]:
        """Return the results of its rounds; `unfinished`: that of the active one."""
        return (*self.results, *unfinished)


@dataclass(slots=True)
class ChildExpansion:
    """A workflow under way that a node stands for."""

    node: Node
    scope: WorkflowScope


Expansion: TypeAlias = EachExpansion | LoopExpansion | ChildExpansion


def without_outputs(result: TaskResult) -> TaskResult:
    """Return what is kept of an item or a round: outputs are in the list's, and inner ones nobody can read any more."""
    children = tuple(map(without_outputs, result.children))
    return result._replace(output=None, has_output=False, messages=(), children=children)


def _without_none(values: Mapping[str, Json]) -> JsonObject:
    return {key: value for key, value in values.items() if value is not None}
