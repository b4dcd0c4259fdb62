"""What a core knows of each node while it runs: a task, an item, a round, or a task inside another workflow."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Final

from nika_core.engine.core.messages import NO_OUTCOME, InnerBudget, Outcome, Wait
from nika_core.engine.core.run_plan import EarlyEnd, WorkflowPlan
from nika_core.engine.core.visibility import Conversation
from nika_core.model.ids import NodeId, TaskId, inner_id
from nika_core.model.json import Json, JsonObject
from nika_core.model.large_values import LargeValue
from nika_core.model.message import Message
from nika_core.model.state import Cancelled, Failed, Pending, Ready, Running, Skipped, Success, TaskState, Waiting
from nika_core.model.usage import NOTHING, Usage
from nika_core.model.workflow import OnError, Task
from nika_core.values import dataclass, field

if TYPE_CHECKING:
    from nika_core.engine.core.groups import Expansion

PENDING: Final = Pending()
NO_BINDINGS: Final[Mapping[str, Json]] = {}
NO_SIGNALS: Final[Mapping[str, Json]] = {}


class Node:
    """One thing that is done once: the unit of states, events, budgets, keys and reuse.

    Attributes:
        id: its path, for people, events and results.
        identity: its path for keys and reuse: items by what they are given instead of by their place.
        task: what defines it.
        scope: the workflow that it belongs to.
        order: its place in declared order, as a path of numbers.
        parent: the list or loop that it is an item or a round of.
        index: which item (from 0) or round (from 1).
        key: an item's name for people.
        first_epoch: what it starts under; later ones than 1 if what it belongs to is done again.
        bindings: what its list and its loop give it, by `Binding`.
        waiting_for: edges from tasks that have not ended for good.
        outcome: the last one.
        asking: the epoch about which the main agent is asked; 0: it is not.
        retries: how often the main agent had it done again.
        extra_usage: used in epochs before the last one, and for decisions about it.
        expansion: its items, its rounds or its inner workflow, while it stands for them.
        wait: what it waits for.
        signals: what it was given by signals, by their key.
        rerun: it is never reused.
        changed: what defines it, or what it depends on, is not what it was in the run that is resumed.
    """

    state: TaskState = PENDING
    identity: str
    parent: Expansion | None = None
    index: int = 0
    key: str | None = None
    first_epoch: int = 1
    bindings: Mapping[str, Json] = NO_BINDINGS
    waiting_for: int = 0
    outcome: Outcome = NO_OUTCOME
    asking: int = 0
    retries: int = 0
    extra_usage: Usage = NOTHING
    reused: bool = False
    expansion: Expansion | None = None
    wait: Wait | None = None
    signals: Mapping[str, Json] = NO_SIGNALS
    rerun: bool = False
    changed: bool = False

    def __init__(self, node_id: NodeId, task: Task, scope: WorkflowScope, order: tuple[int, ...]) -> None:
        self.id = node_id
        self.identity = node_id
        self.task = task
        self.scope = scope
        self.order = order
        self.takes_slot = task.id not in scope.plan.no_slot

    @property
    def epoch(self) -> int:
        """The epoch that it is in, or will start under."""
        state = self.state
        return state.epoch if isinstance(state, Ready | Running | Waiting) else self.first_epoch

    @property
    def ended(self) -> bool:
        """Whether its state is final, unless somebody decides to do it again."""
        return isinstance(self.state, Success | Failed | Cancelled | Skipped)

    @property
    def tolerated(self) -> bool:
        """Whether its failure is one that its dependents may go on after, and its run does not fail for."""
        return self.task.on_error is OnError.CONTINUE

    @property
    def is_cleanup(self) -> bool:
        """Whether it is cleanup, or inside something that is."""
        node: Node | None = self
        while node is not None and not node.task.always:
            node = node.scope.owner
        return node is not None

    def mark_changed(self) -> None:
        """Mark a node as changed, and with it every group that it belongs to."""
        node: Node | None = self
        while node is not None and not node.changed:
            node.changed = True
            node = node.parent.node if node.parent is not None else node.scope.owner

    def spend(self, usage: Usage) -> None:
        """Count what was used for it, but not in its last outcome."""
        if usage != NOTHING:
            self.extra_usage = self.extra_usage + usage


@dataclass(slots=True)
class WorkflowScope:
    """One workflow while it runs: the run's own, or one that a node stands for.

    Attributes:
        owner: the node that stands for it; None: the run itself.
        nodes: its tasks, in declared order.
        outputs: of its tasks that have one; only ever added to, since views of it are handed out.
        errors: why its tasks failed, as `${error}` shows it.
        conversation: its main conversation.
        open: how many of its tasks have not ended for good.
        early_end: why nothing in it starts any more, but cleanup.
        cleanup_over: whether that has no more time, either.
        earlier: what the rounds before said, if it is a round's and continues their conversation.
        budgets: what it may cost, and those that it is inside of.
    """

    plan: WorkflowPlan
    inputs: Mapping[str, Json]
    owner: Node | None = None
    nodes: dict[TaskId, Node] = field(default_factory=dict)
    outputs: dict[TaskId, Json | LargeValue] = field(default_factory=dict)
    errors: dict[TaskId, JsonObject] = field(default_factory=dict)
    conversation: Conversation = field(init=False)
    open: int = 0
    early_end: EarlyEnd | None = None
    earlier: tuple[Message, ...] = ()
    budgets: tuple[InnerBudget, ...] = ()
    cleanup_over: bool = False

    def __post_init__(self) -> None:
        graph = self.plan.graph
        self.conversation = Conversation(graph, self.plan.context)
        owner = self.owner
        order = owner.order if owner is not None else ()
        for index, task in enumerate(self.plan.tasks):
            node_id = NodeId(task.id) if owner is None else inner_id(owner.id, task.id)
            node = Node(node_id, task, self, (*order, index))
            if owner is not None:
                node.identity = f"{owner.identity}/{task.id}"
                node.rerun = owner.rerun
                node.first_epoch = owner.epoch
            node.waiting_for = len(graph.incoming[task.id])
            self.nodes[task.id] = node
        self.open = len(self.nodes)
        if owner is not None:
            self.budgets = owner.scope.budgets
            if (usd := self.plan.agent.max_budget_usd) is not None:
                account, since = f"{owner.identity}#{owner.epoch}", "" if owner.rerun else owner.identity
                self.budgets = (*self.budgets, InnerBudget(account, owner.id, usd, since))

    @property
    def failed(self) -> bool:
        """Whether a task failed, or was cancelled, whose failure counts."""
        return any(isinstance(node.state, Failed | Cancelled) and not node.tolerated for node in self.nodes.values())

    def open_cleanup(self) -> list[Node]:
        """Return its cleanup tasks that have not ended."""
        return [node for node in self.nodes.values() if node.task.always and not node.ended]

    def states(self) -> Mapping[TaskId, str]:
        """Return how its tasks have ended so far, as `${state}` shows it."""
        return StateView(self.nodes)


class StateView(Mapping[str, str]):
    """The states of a scope's tasks that have ended, by task."""

    __slots__ = ("_nodes",)

    def __init__(self, nodes: Mapping[TaskId, Node]) -> None:
        self._nodes = nodes

    def __getitem__(self, task: str) -> str:
        node = self._nodes[task]
        if not node.ended:
            raise KeyError(task)
        return node.state.name

    def __iter__(self) -> Iterator[str]:
        return (task for task, node in self._nodes.items() if node.ended)

    def __len__(self) -> int:
        return sum(1 for _ in self)
