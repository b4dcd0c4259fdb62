"""What a core knows of its run from the start."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from nika_core.engine.core.previous_tasks import PreviousTask
from nika_core.model.graph import Graph
from nika_core.model.json import Json, JsonObject
from nika_core.model.limits import LimitKind, Limits
from nika_core.model.state import RunStatus
from nika_core.model.template import Placeholder
from nika_core.model.workflow import AgentBlock, Task, Workflow
from nika_core.plugin import Values

_DEFAULT_DEPTH: Final = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRequest:
    """One run of one workflow.

    Attributes:
        workflow: checked; `workflow.agent` with provider and model as the command line and the project have them.
        inputs: typed, defaults filled in.
        environ: the environment as it is when the run starts.
        no_slot: tasks that mostly wait for somebody else: they take no place among those that run at once.
        files: by task, a hash of the files that belong to its definition.
        sections: the root sections as they count in definitions, with what is declared elsewhere; None: the workflow's.
        fail_fast: stop everything after the first failure.
        timeout: seconds for the whole run; None: no bound.
        grace: seconds that what was cancelled has to end.
        earlier: how tasks ended in the run that this one resumes.
        rerun_from: with `--from`: this task and all below it are never reused.
        seq: the number of the last event in the run's history (a resumed run goes on counting).
    """

    run_id: str
    workflow: Workflow
    graph: Graph
    limits: Limits = field(default_factory=Limits)
    inputs: Mapping[str, Json] = field(default_factory=dict)
    environ: Mapping[str, str] = field(default_factory=dict)
    agent: AgentBlock | None = None  # system prompt resolved; None: the workflow's
    no_slot: frozenset[str] = frozenset()
    files: Mapping[str, str] = field(default_factory=dict)
    sections: Mapping[str, Json] | None = None
    fail_fast: bool = False
    timeout: float | None = None
    grace: float = 5.0
    previous: Mapping[str, PreviousTask] = field(default_factory=dict)
    rerun_from: str | None = None
    seq: int = 0

    @property
    def agent_block(self) -> AgentBlock:
        """What counts for all tasks that call models."""
        return self.agent or self.workflow.agent or AgentBlock()

    @property
    def max_json_depth(self) -> int:
        """How deep outputs may be nested."""
        return self.limits.count(LimitKind.JSON_DEPTH) or _DEFAULT_DEPTH


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPlan:
    """What a core knows of its run from the start: the request, and what depends on keywords.

    Attributes:
        definition: the hash of a task's definition.
        render: a task's payload, and how to get at what it may see of the others; pure, may raise anything.
        resolve: a condition's placeholder for these values; pure, may raise anything.
        context: tasks that take part in the main conversation.
    """

    request: RunRequest
    definition: Callable[[Task], str]
    render: Callable[[Task, Callable[[], Values]], JsonObject]
    resolve: Callable[[Placeholder, Values], Json]
    context: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class EarlyEnd:
    """Nothing starts any more, and the run will end with `status`."""

    status: RunStatus
    reason: str
