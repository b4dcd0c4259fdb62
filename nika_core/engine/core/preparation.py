"""What a node starts with: its payload and the hashes of it, the earlier outcome that it may take, its call."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial

from nika_core.engine.core.groups import EachExpansion, LoopExpansion
from nika_core.engine.core.hashing import messages_hash, payload_hash
from nika_core.engine.core.messages import TaskCall
from nika_core.engine.core.nodes import Node
from nika_core.engine.core.reuse import FRESH, NO_DEADLINES, Reuse, ReuseAction, ReuseDecision
from nika_core.engine.core.run_state import RunState
from nika_core.model.json import Json, JsonObject
from nika_core.model.late_values import late_leaves
from nika_core.model.message import Message
from nika_core.values import replace


class Preparation:
    """Makes what a node starts with. Changes nothing."""

    def __init__(self, state: RunState) -> None:
        self._state = state
        self._plan = state.plan
        self._reuse = Reuse(state.plan)

    def given(self, node: Node) -> tuple[JsonObject, str, str]:
        """Return a node's payload, and the hashes of its definition and of what it is given. Raises anything."""
        plan = node.scope.plan
        payload = self.payload(node)
        definition = self._definition(node)
        heard: tuple[str, ...] = ()
        if node.task.id in plan.context:
            heard = node.scope.conversation.hashes(node.task.id)
            if node.scope.earlier:
                heard = (messages_hash(node.scope.earlier), *heard)
        if isinstance(node.parent, LoopExpansion) and node.parent.messages:
            heard = (*heard, messages_hash(node.parent.messages))
        return payload, definition, payload_hash(payload, node.task.payload, heard)

    def _definition(self, node: Node) -> str:
        group = node.parent
        if not isinstance(group, EachExpansion | LoopExpansion):
            return node.scope.plan.definition(node.task)
        if not group.definition:  # the same for all its items or rounds
            group.definition = node.scope.plan.definition(node.task)
        return group.definition

    def payload(self, node: Node) -> JsonObject:
        """Return a node's payload. Raises anything."""
        return node.scope.plan.render(node.task, partial(self._state.values, node))

    def signals(self, node: Node, epoch: int) -> Mapping[str, Json]:
        """Return the signals that a node has been given under this epoch, in earlier lives of the run, too."""
        return {**self._reuse.signals(node.identity, epoch), **node.signals} if self._reuse.active else node.signals

    def kept_answers(self, node: Node, epoch: int) -> Iterable[JsonObject]:
        """Return the signals of an earlier epoch that hold in this one, too: their keys stand for all that is asked."""
        return () if node.rerun or node.retries else self._reuse.kept_answers(node.identity, epoch)

    def choose(self, node: Node, definition: str, given: str) -> ReuseDecision:
        """Decide whether the earlier run's outcome of a node is taken."""
        done_again = isinstance(node.parent, EachExpansion) and node.index in node.parent.again
        if not self._reuse.active or node.retries or done_again:
            return FRESH
        choice = self._reuse.choose(node, definition, given)
        if choice.changed:
            node.mark_changed()
        return choice

    def cache_key(self, node: Node, definition: str, given: str) -> str:
        """Return the name under which the results of runs have a node's; "": it is not cached."""
        cache = self._plan.cache
        if cache is None or node.task.cache is None:
            return ""
        return cache.key(node.task, node.scope.plan.folder, definition, given)

    def cached(self, node: Node, key: str, choice: ReuseDecision) -> ReuseDecision:
        """Decide whether the result of another run is taken for a node that would run."""
        cache, max_age = self._plan.cache, node.task.cache
        if cache is None or max_age is None or node.rerun or node.retries:
            return choice
        found = cache.get(key, max_age)
        if found is None:
            return choice
        reason = f"cached: run {found.run_id} was given the same"
        return replace(choice, action=ReuseAction.REUSE, reason=reason, cached=found)

    def call(self, node: Node, epoch: int, payload: JsonObject) -> TaskCall:
        """Return the call of one epoch of a node."""
        plan = node.scope.plan
        messages: tuple[Message, ...] = ()
        if node.task.id in plan.context:
            messages = (*node.scope.earlier, *node.scope.conversation.seen_by(node.task.id))
        if isinstance(node.parent, LoopExpansion):
            messages = (*messages, *node.parent.messages)
        task = node.task
        return TaskCall(
            node=node.id,
            keyword=task.keyword,
            epoch=epoch,
            key=f"{self._plan.run_id}/{node.identity}#{epoch}",
            payload=payload,
            late=late_leaves(payload),
            run_id=self._plan.run_id,
            workflow=plan.name,
            folder=plan.folder,
            output=task.output,
            timeout=task.timeout,
            idle_timeout=task.idle_timeout,
            env=plan.env,
            retry=task.retry,
            allowed_tools=task.allowed_tools,
            disallowed_tools=task.disallowed_tools,
            ask_tools=task.ask_tools,
            grants=tuple(self._state.grants),
            messages=messages,
            agent=plan.agent,
            sections=plan.sections,
            limits=self._plan.limits,
            signals=node.signals,
            deadlines=self._reuse.deadlines(node.identity, epoch) if self._reuse.active else NO_DEADLINES,
            budgets=node.scope.budgets,
        )
