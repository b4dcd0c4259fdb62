"""A run as it stands: its nodes, what is ready, what is told. Changed by `core` and its parts only."""

from __future__ import annotations

from collections import ChainMap, deque
from collections.abc import Mapping
from heapq import heappush
from typing import Any, Final

from nika_core.engine.core.groups import ChildExpansion
from nika_core.engine.core.messages import Command, Emit, Outcome
from nika_core.engine.core.nodes import Node, WorkflowScope
from nika_core.engine.core.readiness import NoOutputError
from nika_core.engine.core.run_plan import EarlyEnd, RunPlan
from nika_core.engine.core.visibility import NO_OUTPUTS, AllOutputs, VisibleOutputs
from nika_core.errors import TemplateValueError
from nika_core.model.approval import ToolGrant
from nika_core.model.events import NO_DATA, EventKind
from nika_core.model.ids import NodeId
from nika_core.model.json import Json
from nika_core.model.large_values import value_of
from nika_core.model.state import LEGAL_TRANSITIONS, Ready, RunStatus, TaskState
from nika_core.model.template import Placeholder
from nika_core.model.usage import NOTHING, Usage
from nika_core.plugin import Values

NO_SLOT_FIRST: Final = 0
_IN_ORDER: Final = 1


class IllegalTransitionError(Exception):
    """The engine tried what a node's life does not allow: a fault in the engine."""


class RunState:
    """What a core has learned since its start, and what it is about to say.

    Attributes:
        root: the run's own workflow.
        nodes: all nodes that are there, by id.
        ready: a heap of what may start: nodes that take no slot first, then by their place in declared order.
        running: nodes that run and take a slot.
        held: lists with an item that only the limit of what runs at once holds back.
        busy: nodes that run, whether or not they take a slot.
        made: nodes that were made in all.
        number: of the last event that was told.
        early_end: why nothing starts any more, but cleanup.
        interrupted: whether somebody has asked once for the run to be stopped.
        asking: how many nodes the main agent is asked about.
        timers: of loops that wait for their next round.
        impatient: whether the timer runs after which a run that only waits pauses.
        waited_long: whether that timer has run out.
        highest_epoch: of all nodes so far: what is done again with all that is inside it starts beyond it.
        grants: tool calls that people have allowed for the rest of the run.
        settling: nodes about which is to be decided whether they run.
        out: what the core says next.
    """

    def __init__(self, plan: RunPlan) -> None:
        self.plan = plan
        self.nodes: dict[NodeId, Node] = {}
        self.ready: list[tuple[int, tuple[int, ...], NodeId]] = []
        self.running = 0
        self.held: set[NodeId] = set()
        self.busy = 0
        self.made = 0
        self.number = 0
        self.early_end: EarlyEnd | None = None
        self.interrupted = False
        self.asking = 0
        self.timers: set[str] = set()
        self.impatient = False
        self.waited_long = False
        self.seen: set[str] = set()
        self.finished = False
        self.highest_epoch = max((earlier.epoch for earlier in plan.previous.values()), default=1)
        self.grants: dict[ToolGrant, None] = dict.fromkeys(plan.grants)
        self.settling: deque[Node] = deque()
        self.out: list[Command] = []
        self.root = WorkflowScope(plan.workflow, plan.inputs)
        self.add_all(self.root)

    def add(self, node: Node) -> None:
        """Take in a node that was made."""
        self.nodes[node.id] = node
        self.made += 1

    def add_all(self, scope: WorkflowScope) -> None:
        """Take in the nodes of a workflow."""
        for node in scope.nodes.values():
            self.add(node)

    def forget(self, node: Node) -> None:
        """Let go of an item or a round that has ended, and of the workflow that it stood for."""
        del self.nodes[node.id]
        self.forget_inside(node)

    def forget_inside(self, node: Node) -> None:
        """Forget the nodes of the workflow that a node stood for, before the workflow is done again."""
        if isinstance(node.expansion, ChildExpansion):
            for inner in node.expansion.scope.nodes.values():
                self.forget(inner)

    def scopes(self) -> list[WorkflowScope]:
        """Return the workflows that are under way: the run's own, and those inside it."""
        inner = (node.expansion for node in self.nodes.values())
        return [self.root, *(each.scope for each in inner if isinstance(each, ChildExpansion) and each.scope.open)]

    def settle_sources(self, scope: WorkflowScope) -> None:
        """Decide about those that wait for nobody."""
        self.settling.extend(node for node in scope.nodes.values() if not node.waiting_for)

    def forgotten_usage(self) -> Usage:
        """Return what nodes of earlier lives had used that are not there any more, e.g. items of a longer list."""
        forgotten = NOTHING
        for identity, earlier in self.plan.previous.items():
            if identity not in self.seen:
                forgotten = forgotten + earlier.outcome.usage
        return forgotten

    # ---- what is told

    def emit(self, kind: EventKind, node: Node | None = None, data: Mapping[str, Any] = NO_DATA) -> None:
        """Tell something that changes no state."""
        self.number += 1
        self.out.append(Emit(self.number, kind, None if node is None else node.id, data))

    def transition(self, node: Node, state: TaskState, kind: EventKind, data: Mapping[str, Any] = NO_DATA) -> None:
        """Change a node's state, and tell it. Raises IllegalTransitionError."""
        if type(state) not in LEGAL_TRANSITIONS[type(node.state)]:
            raise IllegalTransitionError(f"{node.id}: {type(node.state).__name__} -> {type(state).__name__}")
        node.state = state
        self.number += 1
        self.out.append(Emit(self.number, kind, node.id, data))

    # ---- what is ready

    def make_ready(self, node: Node, epoch: int | None = None) -> None:
        """Let a node start as soon as there is room."""
        self.transition(node, Ready(epoch or node.first_epoch), EventKind.TASK_READY)
        self.queue(node)

    def queue(self, node: Node) -> None:
        """Put a node that is ready among those that may start."""
        first = _IN_ORDER if node.takes_slot else NO_SLOT_FIRST
        heappush(self.ready, (first, node.order, node.id))

    # ---- what a node may see

    def values(self, node: Node, own: Outcome | None = None) -> Values:
        """Return what a node may see of the others.

        Args:
            own: a round's outcome, which the condition of its loop may see.
        """
        scope = node.scope
        graph = scope.plan.graph
        outputs: Mapping[str, Json] = NO_OUTPUTS
        if graph.incoming[node.task.id]:
            outputs = VisibleOutputs(scope.outputs, graph, node.task.id)
        if own is not None and own.has_output:
            outputs = ChainMap({node.task.id: value_of(own.output)}, outputs)  # type: ignore[arg-type]  # it is only read
        return self._values(scope, outputs, node.bindings, self.status_of(scope) if node.task.always else None)

    def all_values(self, scope: WorkflowScope) -> Values:
        """Return what the outputs of a workflow may see."""
        return self._values(scope, AllOutputs(scope.outputs), {})

    def status_of(self, scope: WorkflowScope) -> RunStatus:
        """Return how a workflow would end now."""
        early_end = scope.early_end or (self.early_end if scope.owner is None else None)
        if early_end is not None:
            return early_end.status
        return RunStatus.FAILED if scope.failed else RunStatus.SUCCEEDED

    def early_end_of(self, node: Node) -> EarlyEnd | None:
        """Return why nothing of a node starts any more; None: it goes on, as cleanup does after a stop."""
        early_end = node.scope.early_end or self.early_end
        if early_end is None or early_end.status is RunStatus.PAUSED or node.scope.cleanup_over:
            return early_end
        return None if node.is_cleanup else early_end

    def _values(
        self,
        scope: WorkflowScope,
        outputs: Mapping[str, Json],
        bindings: Mapping[str, Json],
        status: RunStatus | None = None,
    ) -> Values:
        plan = self.plan
        run: dict[str, Json] = {"id": plan.run_id, "scope": None if scope.owner is None else scope.owner.identity}
        if status is not None:
            run["status"] = status.value
        return Values(
            outputs,
            scope.inputs,
            plan.environ,
            plan.max_json_depth,
            states=scope.states(),
            errors=scope.errors,
            bindings=bindings,
            run=run,
        )

    def resolve(self, node: Node, placeholder: Placeholder, own: Outcome | None = None) -> Json:
        """Return the value of a condition's placeholder.

        Raises:
            NoOutputError: it names a task that has no output.
            TemplateValueError: it has no value for another reason.
        """
        plan, scope = node.scope.plan, node.scope
        try:
            return plan.resolve(placeholder, self.values(node, own))
        except TemplateValueError as error:
            visible = scope.outputs.keys() | ({node.task.id} if own is not None and own.has_output else set())
            if any(task not in visible for task in plan.depends_on(placeholder)):
                raise NoOutputError(error.message) from error
            raise
