"""Agentic mode: the main agent is asked about what has failed for good, and the run does what it decides."""

from __future__ import annotations

from collections import Counter
from typing import Final, Protocol

from nika_core.engine.core.messages import Action, AgentDecision, AskDecision
from nika_core.engine.core.nodes import Node, WorkflowScope
from nika_core.engine.core.run_plan import EarlyEnd
from nika_core.engine.core.run_state import RunState
from nika_core.model.events import EventKind
from nika_core.model.json import JsonObject
from nika_core.model.state import RunStatus, SkipReason
from nika_core.model.workflow import Mode

_SHOWN: Final = 50  # tasks that are named, however many there are
MAX_DECIDED_RETRIES: Final = 3  # how often the main agent may have one task done again


class DecisionActions(Protocol):
    """What the core does with a node."""

    def give_up(self, node: Node) -> None: ...
    def skip(self, node: Node, reason: SkipReason) -> None: ...
    def begin_again(self, node: Node, epoch: int) -> None: ...
    def end_early(self, early_end: EarlyEnd) -> None: ...
    def stop(self, scope: WorkflowScope, early_end: EarlyEnd) -> None: ...


class Decisions:
    """Asks, and acts on the answers."""

    def __init__(self, state: RunState, actions: DecisionActions) -> None:
        self._state = state
        self._actions = actions

    def asks_about(self, node: Node) -> bool:
        """Return whether the main agent is asked about a failed node: about a list or a loop as a whole."""
        mode = node.task.mode or node.scope.plan.mode
        ending = self._state.early_end or node.scope.early_end
        return mode is Mode.AGENTIC and node.parent is None and ending is None

    def ask(self, node: Node, epoch: int) -> None:
        """Ask about a node; what depends on it waits meanwhile."""
        node.asking = epoch
        self._state.asking += 1
        self._state.out.append(self.question(node))

    def forget(self, node: Node) -> None:
        """Forget a question whose answer nobody needs any more."""
        node.asking = 0
        self._state.asking -= 1

    def question(self, node: Node) -> AskDecision:
        """Return the question about a node that is asked about."""
        assert node.outcome.failure is not None
        failure, plan = node.outcome.failure, node.scope.plan
        return AskDecision(
            node.id,
            node.asking,
            failure,
            self._may_retry(node),
            _about(node),
            plan.agent,
            node.identity,
            node.scope.budgets,
        )

    def _may_retry(self, node: Node) -> bool:
        """Return whether doing it again can help: what was never started fails the same way every time."""
        return node.outcome.attempts > 0 and node.retries < MAX_DECIDED_RETRIES

    def decided(self, event: AgentDecision) -> None:
        """Do what the main agent has decided."""
        node = self._state.nodes.get(event.node)
        if node is None or not node.asking or node.asking != event.epoch:
            return
        self.forget(node)
        node.spend(event.usage)
        action = event.action
        if action is Action.RETRY and not self._may_retry(node):
            action = Action.CONTINUE
        data = {"action": action.value, "reason": event.reason, "epoch": event.epoch}
        self._state.emit(EventKind.DECISION, node, data)
        if action is Action.RETRY:
            node.retries += 1
            node.spend(node.outcome.usage)
            self._actions.begin_again(node, event.epoch + 1)
        elif action is Action.SKIP:
            self._actions.skip(node, SkipReason.DECISION)
        else:
            self._actions.give_up(node)
            if action is Action.ABORT:
                reason = f"the main agent ended the run after `{node.id}` failed: {event.reason}"
                early_end = EarlyEnd(RunStatus.FAILED, reason)
                if node.scope.owner is None:
                    self._actions.end_early(early_end)
                else:
                    self._actions.stop(node.scope, early_end)


def _about(node: Node) -> JsonObject:
    scope, task = node.scope, node.task.id
    sources = sorted({edge.source for edge in scope.plan.graph.incoming[task]})
    targets = sorted({edge.target for edge in scope.plan.graph.outgoing[task]})
    around = [*sources, *targets][:_SHOWN]
    return {
        "workflow": scope.plan.name,
        "failedTask": {
            "id": node.id,
            "keyword": node.task.keyword,
            "onError": node.task.on_error.value,
            "dependsOn": sources[:_SHOWN],
            "neededBy": targets[:_SHOWN],
            "timesStarted": node.asking,
        },
        "tasksByState": dict(Counter(other.state.name for other in scope.nodes.values())),
        "tasksAround": {other: scope.nodes[other].state.name for other in around},
    }
