"""What a core knows of its run from the start."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from nika_core.engine.core.previous_tasks import PreviousTask
from nika_core.model.graph import Graph
from nika_core.model.json import Json, JsonObject
from nika_core.model.state import RunStatus
from nika_core.model.template import Placeholder
from nika_core.model.workflow import Mode, Task
from nika_core.plugin import Values


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPlan:
    """All that a core knows of its run from the start.

    Attributes:
        definition: the hash of a task's definition.
        render: a task's payload, and how to get at what it may see of the others; pure, may raise anything.
        resolve: a condition's placeholder for these values; pure, may raise anything.
        context: tasks that take part in the main conversation.
        no_slot: tasks that mostly wait for somebody else, and so take no place of the `max_concurrent`.
        mode: the mode of tasks that have none of their own.
    """

    run_id: str
    workflow: str
    tasks: tuple[Task, ...]
    graph: Graph
    definition: Callable[[Task], str]
    render: Callable[[Task, Callable[[], Values]], JsonObject]
    resolve: Callable[[Placeholder, Values], Json]
    context: frozenset[str] = frozenset()
    no_slot: frozenset[str] = frozenset()
    mode: Mode = Mode.STRICT
    output: str | None = None
    inputs: Mapping[str, Json] = field(default_factory=dict)
    environ: Mapping[str, str] = field(default_factory=dict)
    max_concurrent: int | None = None
    max_json_depth: int = 50
    max_error_bytes: int | None = None
    fail_fast: bool = False
    timeout: float | None = None
    previous: Mapping[str, PreviousTask] = field(default_factory=dict)
    rerun_from: str | None = None


@dataclass(frozen=True, slots=True)
class EarlyEnd:
    """Nothing starts any more, and the run will end with `status`."""

    status: RunStatus
    reason: str
