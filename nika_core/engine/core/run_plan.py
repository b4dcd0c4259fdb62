"""What a core knows of its run from the start: the workflow, and which of its tasks stand for several nodes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple, TypeAlias

from nika_core.engine.core.ports import ResultCache
from nika_core.engine.core.previous_tasks import PreviousTask
from nika_core.model.approval import ToolGrant
from nika_core.model.graph import Graph
from nika_core.model.json import Json, JsonObject
from nika_core.model.limits import LimitKind, Limits
from nika_core.model.state import Failure, RunStatus
from nika_core.model.template import Placeholder
from nika_core.model.workflow import AgentBlock, Condition, ItemError, Mode, Task, Workflow
from nika_core.plugin import Values
from nika_core.values import dataclass, field

DEFAULT_JSON_DEPTH: Final = 50


class Item(NamedTuple):
    """One item of a list, and its name for people."""

    value: Json
    key: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Child:
    """A task that stands for a workflow.

    Attributes:
        plan: the workflow.
        inputs: from the task's rendered payload to the workflow's inputs. May raise anything.
        bind: the plan for these inputs, called by the workflow of this plan. May raise anything. None: it is the same
            for all.
        definition: the hash of the workflow's definition.
    """

    plan: WorkflowPlan
    inputs: Callable[[JsonObject], Mapping[str, Json]]
    bind: Callable[[Mapping[str, Json], WorkflowPlan], WorkflowPlan] | None = None
    definition: str = ""

    def plan_for(self, inputs: Mapping[str, Json], caller: WorkflowPlan) -> WorkflowPlan:
        """Return the plan of one run of the workflow. May raise anything."""
        return self.plan if self.bind is None else self.bind(inputs, caller)


@dataclass(frozen=True, slots=True, kw_only=True)
class Each:
    """A task that is done for each item of a list.

    Attributes:
        items: the list, from what the task may see. May raise anything.
        max_concurrent: items at once; None: as many as the run allows.
        max_items: beyond it the task fails before the first item starts; None: no bound.
        on_error: what a failed item means.
        stand_in: makes the value that stands in for a failed item, if `on_error` says so. May raise anything.
        condition: decides for each item whether it is done; None: all are.
        body: what each item stands for; None: the task's own step.
    """

    items: Callable[[Values], Sequence[Item]]
    max_concurrent: int | None = None
    max_items: int | None = None
    on_error: ItemError = ItemError.FAIL
    stand_in: Callable[[Values], Json] = lambda values: None
    condition: Condition | None = None
    body: Child | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Loop:
    """A task that is done again until a condition holds.

    Attributes:
        until: asked after each round; in it the task itself is that round's output.
        max_rounds: rounds in all, at least 1.
        every: seconds between two rounds.
        fail_if_exhausted: whether the task fails if the condition never held.
        fail_on_round_error: whether a failed round fails the task; else it counts as one without output.
        collect: whether the output is the list of all rounds' outputs.
        keep_conversation: whether a round sees what the rounds before it said.
        body: what each round stands for; None: the task's own step.
    """

    until: Condition
    max_rounds: int
    every: float = 0.0
    fail_if_exhausted: bool = True
    fail_on_round_error: bool = True
    collect: bool = False
    keep_conversation: bool = False
    body: Child | None = None


Group: TypeAlias = Each | Loop | Child


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkflowPlan:
    """What a core knows of one workflow: the run's own, or one that a task stands for.

    Attributes:
        definition: the hash of a task's definition.
        render: a task's payload, and how to get at what it may see of the others; pure, may raise anything.
        resolve: a condition's placeholder for these values; pure, may raise anything.
        depends_on: the tasks that a placeholder names.
        groups: tasks that stand for several nodes, or for a workflow.
        context: tasks that take part in the main conversation.
        no_slot: tasks that mostly wait for somebody else, and so take no place of the `max_concurrent`.
        mode: the mode of tasks that have none of their own.
        output: the task whose output is the workflow's; None: the last one in declared order that has one.
        outputs: the workflow's output from what its tasks yielded, instead of `output`. May raise anything.
        stand_in: the value that stands in for a failed task's output. May raise anything.
        folder: what relative paths are relative to.
        agent: the agent block that tasks are given.
        env: variables for the processes that tasks start.
        sections: the root sections that tasks are given.
        max_seconds: how long the workflow may take each time a task stands for it; None: not bounded.
    """

    name: str
    tasks: tuple[Task, ...]
    graph: Graph
    definition: Callable[[Task], str]
    render: Callable[[Task, Callable[[], Values]], JsonObject]
    resolve: Callable[[Placeholder, Values], Json]
    depends_on: Callable[[Placeholder], Sequence[str]] = lambda placeholder: ()
    groups: Mapping[str, Group] = field(default_factory=dict)
    context: frozenset[str] = frozenset()
    no_slot: frozenset[str] = frozenset()
    mode: Mode = Mode.STRICT
    output: str | None = None
    outputs: Callable[[Values], Json] | None = None
    stand_in: Callable[[Task, Values], Json] = lambda task, values: None
    folder: str = "."
    agent: AgentBlock = field(default_factory=AgentBlock)
    env: Mapping[str, str] = field(default_factory=dict)
    sections: Mapping[str, Json] = field(default_factory=dict)
    max_seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPlan:
    """All that a core knows of its run from the start. Seconds.

    Attributes:
        workflow: what is run.
        max_concurrent: nodes that run at once; None: no bound.
        can_pause: whether the run can be gone on with later; else it does not pause, but waits or fails.
        max_nodes: items, rounds and inner tasks in all; None: no bound.
        previous: how nodes ended in the run that this one resumes, by identity.
        rerun_from: with `--from`: this node and all that depends on it are never reused.
        grants: tool calls that people have allowed for the rest of the run.
        only: the one task of the run's workflow that is run; None: all are.
        taken: with `only`, how the others had ended in an earlier run, by task.
        cache: results of earlier runs, for tasks with `cache`; None: none are taken, and none are kept.
    """

    run_id: str
    workflow: WorkflowPlan
    inputs: Mapping[str, Json] = field(default_factory=dict)
    environ: Mapping[str, str] = field(default_factory=dict)
    limits: Limits = field(default_factory=Limits)
    max_concurrent: int | None = None
    max_nodes: int | None = None
    max_json_depth: int = 50
    max_error_bytes: int | None = None
    fail_fast: bool = False
    timeout: float | None = None
    can_pause: bool = True
    previous: Mapping[str, PreviousTask] = field(default_factory=dict)
    rerun_from: str | None = None
    grants: tuple[ToolGrant, ...] = ()
    only: str | None = None
    taken: Mapping[str, PreviousTask] = field(default_factory=dict)
    cache: ResultCache | None = None


@dataclass(frozen=True, slots=True)
class EarlyEnd:
    """Nothing starts any more, and the run will end with `status`.

    `failure`: of a task whose workflow is what ends, if none of the tasks inside is the reason.
    """

    status: RunStatus
    reason: str
    failure: Failure | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkflowRequest:
    """One workflow as it is to be run: the run's own, or one that a task stands for.

    Attributes:
        workflow: checked; `workflow.agent` with provider and model as the command line and the project have them.
        inner: the workflows that tasks stand for, by task.
        groups: tasks that stand for several nodes, or for a workflow.
        no_slot: tasks that mostly wait for somebody else: they take no place among those that run at once.
        files: by task, a hash of the files that belong to its definition, and of `env` where that changes what it does.
        sections: the root sections as they count in definitions, with what is declared elsewhere; None: the workflow's.
    """

    workflow: Workflow
    graph: Graph
    agent: AgentBlock | None = None  # system prompt resolved; None: the workflow's
    inner: Mapping[str, InnerRequest] = field(default_factory=dict)
    groups: Mapping[str, Group] = field(default_factory=dict)
    no_slot: frozenset[str] = frozenset()
    files: Mapping[str, str] = field(default_factory=dict)
    sections: Mapping[str, Json] | None = None

    @property
    def agent_block(self) -> AgentBlock:
        """The agent block that tasks are given."""
        return self.agent or self.workflow.agent or AgentBlock()


@dataclass(frozen=True, slots=True, kw_only=True)
class InnerRequest(WorkflowRequest):
    """A workflow that a task stands for.

    Attributes:
        inputs: from the task's rendered payload to the workflow's inputs. May raise anything.
        bind: the same request with what these inputs, and the workflow of this plan that calls it, decide about. May
            raise anything. None: nothing.
    """

    inputs: Callable[[JsonObject], Mapping[str, Json]]
    bind: Callable[[Mapping[str, Json], WorkflowPlan], InnerRequest] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRequest(WorkflowRequest):
    """One run of one workflow.

    Attributes:
        inputs: typed, defaults filled in.
        environ: the environment as it is when the run starts.
        fail_fast: stop everything after the first failure.
        timeout: seconds for the whole run; None: no bound.
        grace: seconds that what was cancelled has to end.
        can_pause: whether the run can be resumed; else it does not pause for what it waits for.
        previous: how nodes ended in the run that this one resumes, by identity.
        rerun_from: with `--from`: this task and all that depend on it are never reused.
        grants: tool calls that people have allowed for the rest of the run.
        only: the one task of the run's workflow that is run; None: all are.
        taken: with `only`, how the others had ended in an earlier run, by task.
        cache: results of earlier runs, for tasks with `cache`; None: none are taken, and none are kept.
        seq: the number of the last event in the run's history (a resumed run goes on counting).
    """

    run_id: str
    limits: Limits = field(default_factory=Limits)
    inputs: Mapping[str, Json] = field(default_factory=dict)
    environ: Mapping[str, str] = field(default_factory=dict)
    fail_fast: bool = False
    timeout: float | None = None
    grace: float = 5.0
    can_pause: bool = True
    previous: Mapping[str, PreviousTask] = field(default_factory=dict)
    rerun_from: str | None = None
    grants: tuple[ToolGrant, ...] = ()
    only: str | None = None
    taken: Mapping[str, PreviousTask] = field(default_factory=dict)
    cache: ResultCache | None = None
    seq: int = 0

    @property
    def max_json_depth(self) -> int:
        """The nesting at which a JSON value is refused."""
        return self.limits.counts.get(LimitKind.JSON_DEPTH) or DEFAULT_JSON_DEPTH
