"""What a core knows of its run from the start: the workflow, and which of its tasks stand for several nodes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple, TypeAlias

from nika_core.engine.core.previous_tasks import PreviousTask
from nika_core.model.graph import Graph
from nika_core.model.json import Json, JsonObject
from nika_core.model.limits import Limits
from nika_core.model.state import RunStatus
from nika_core.model.template import Placeholder
from nika_core.model.workflow import AgentBlock, Condition, Mode, Task
from nika_core.plugin import Values


class ItemError(StrEnum):
    """What a failed item means for its list."""

    FAIL = "fail"  # every item is done, then the task fails
    STOP = "stop"  # no further item starts, those that run are finished, the task fails
    CONTINUE = "continue"  # the task succeeds
    VALUE = "value"  # a value stands in for the item


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
    """

    plan: WorkflowPlan
    inputs: Callable[[JsonObject], Mapping[str, Json]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Each:
    """A task that is done for each item of a list.

    Attributes:
        items: the list, from what the task may see. May raise anything.
        max_concurrent: items at once; None: as many as the run allows.
        max_items: beyond it the task fails before the first item starts; None: no bound.
        on_error: what a failed item means.
        value: stands in for a failed item, if `on_error` says so.
        condition: decides for each item whether it is done; None: all are.
        body: what each item stands for; None: the task's own step.
    """

    items: Callable[[Values], Sequence[Item]]
    max_concurrent: int | None = None
    max_items: int | None = None
    on_error: ItemError = ItemError.FAIL
    value: Json = None
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
        folder: what relative paths are relative to.
        agent: the agent block that tasks are given.
        sections: the root sections that tasks are given.
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
    folder: str = "."
    agent: AgentBlock = field(default_factory=AgentBlock)
    sections: Mapping[str, Json] = field(default_factory=dict)


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


@dataclass(frozen=True, slots=True)
class EarlyEnd:
    """Nothing starts any more, and the run will end with `status`."""

    status: RunStatus
    reason: str
