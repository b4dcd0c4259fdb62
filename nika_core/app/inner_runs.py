"""The workflows that tasks stand for, as they are prepared: with what they inherit, and what they may not widen."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from nika_core import codes
from nika_core.app.model_checks import effective_agent, with_models
from nika_core.app.system_prompt import fill_system_prompt, read_system_prompt
from nika_core.document import call_inputs, fill_in
from nika_core.engine.core.run_plan import InnerRequest, WorkflowPlan
from nika_core.errors import NikaError, ProblemsError, TemplateValueError
from nika_core.model.json import Json, JsonObject
from nika_core.model.payload_tree import map_leaves
from nika_core.model.template import Template
from nika_core.model.tool_rules import covers_entry
from nika_core.model.workflow import AgentBlock, InnerWorkflow, NodePath, Task, Workflow
from nika_core.plugin import Values
from nika_core.values import dataclass, replace

if TYPE_CHECKING:
    from nika_core.app.batchable_tasks import BatchableTasks
    from nika_core.app.prepared_run import PreparedRun


class InputNotKnownError(TemplateValueError):
    """The value of an input of an inner workflow, which is known only when the task starts."""


class KnownInputs(Mapping[str, Json]):
    """The inputs of an inner workflow whose values are known before the run; asking for any other raises."""

    def __init__(self, values: Mapping[str, Json], names: Mapping[str, Any]) -> None:
        self._values = values
        self._names = names

    def __getitem__(self, name: str) -> Json:
        if name in self._values:
            return self._values[name]
        raise InputNotKnownError(f"the input '{name}' is known only in the run", code=codes.VALUE_NOT_ALLOWED_HERE)

    def __contains__(self, name: object) -> bool:
        return name in self._names

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)


@dataclass(frozen=True, slots=True)
class ToolBounds:
    """What the workflows that call one another allow of tools, each narrowing the next. None: any."""

    allowed: tuple[str, ...] | None = None
    disallowed: tuple[str, ...] = ()
    asked: tuple[str, ...] = ()

    def within(self, agent: AgentBlock) -> ToolBounds:
        """Return the bounds of what a workflow with this agent block calls."""
        allowed = self.narrow(agent.allowed_tools)
        return ToolBounds(
            self.allowed if allowed is None else allowed,
            _union(self.disallowed, agent.disallowed_tools),
            _union(self.asked, agent.ask_tools),
        )

    def narrow(self, tools: tuple[str, ...] | None) -> tuple[str, ...] | None:
        """Return these tools as far as they are allowed: of two patterns the narrower one."""
        if tools is None or self.allowed is None:
            return tools
        found: dict[str, None] = {}
        for tool in tools:
            for other in self.allowed:
                if covers_entry(other, tool):
                    found[tool] = None
                elif covers_entry(tool, other):
                    found[other] = None
        return tuple(found)

    def of_workflow(self, workflow: Workflow) -> Workflow:
        """Return a workflow whose tasks use no other tools."""
        if self == NO_BOUNDS:
            return workflow
        tasks = tuple(
            task if task.allowed_tools is None else replace(task, allowed_tools=self.narrow(task.allowed_tools))
            for task in workflow.tasks
        )
        return replace(workflow, tasks=tasks)

    def of_agent(self, agent: AgentBlock) -> AgentBlock:
        """Return an agent block that allows no other tools."""
        if self == NO_BOUNDS:
            return agent
        return replace(
            agent,
            allowed_tools=self.narrow(agent.allowed_tools),
            disallowed_tools=_union(self.disallowed, agent.disallowed_tools),
            ask_tools=_union(self.asked, agent.ask_tools),
        )


NO_BOUNDS: Final = ToolBounds()


def _union(outer: tuple[str, ...], inner: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*outer, *inner)))


def prepare_inner(
    caller: PreparedRun, task: Task, inner: InnerWorkflow, known: Callable[[Template], tuple[Json] | None]
) -> PreparedRun:
    """Return what a task stands for, prepared like a run of its own. Raise NikaError.

    Args:
        known: returns the value of a template, as a tuple, if it is known before the run.
    """
    bounds = caller.tools.within(caller.agent)
    workflow = with_models(
        bounds.of_workflow(inner.workflow), caller.workspace, caller.keywords, provider=caller.options.provider
    )
    workflow = caller.options.prepared(workflow)
    inputs = _known_inputs(caller, task, workflow, known)
    workflow = replace(workflow, env={**caller.workflow.env, **workflow.env})
    prepared = replace(
        caller,
        workflow=workflow,
        graph=inner.graph,
        inputs=inputs,
        tools=bounds,
        warnings=(),
        document="",
        resumed=None,
    )
    if all(prepared.value_of(each) for template in workflow.deferred.values() for each in template.placeholders):
        prepared = replace(prepared, workflow=_filled(prepared, workflow, inputs))
    agent = _agent(prepared, inner, caller.agent, inputs)
    late = caller.filled_late or bool(prepared.workflow.deferred) or isinstance(agent.system_prompt, Template)
    return replace(prepared, agent=agent, filled_late=late)


def _filled(prepared: PreparedRun, workflow: Workflow, inputs: Mapping[str, Json]) -> Workflow:
    """Return a workflow with the values of its deferred fields. Raise ProblemsError."""
    workspace = prepared.workspace
    if not workflow.deferred:
        return workflow
    values = Values(inputs=inputs, environ=workspace.environ)
    settings = workspace.checked_project.settings
    filled, problems = fill_in(workflow, workspace.registry, values, workspace.limits, settings)
    if problems:
        raise ProblemsError(problems)
    return replace(filled, deferred={})


def _agent(prepared: PreparedRun, inner: InnerWorkflow, caller: AgentBlock, inputs: Mapping[str, Json]) -> AgentBlock:
    """Return the agent block of an inner workflow, filled in as far as its inputs are known."""
    workspace, options = prepared.workspace, prepared.options
    if inner.inherits_agent:
        return replace(caller, output=None, max_budget_usd=None)  # they are the caller's own
    agent = effective_agent(prepared.workflow, workspace, provider=options.provider, model=options.model)
    agent = prepared.tools.of_agent(read_system_prompt(agent, prepared.workflow))
    try:
        return fill_system_prompt(agent, workspace, inputs)
    except TemplateValueError as error:
        if not isinstance(error.__cause__, InputNotKnownError):
            raise
        return agent  # filled in when it starts


def _known_inputs(
    caller: PreparedRun, task: Task, workflow: Workflow, known: Callable[[Template], tuple[Json] | None]
) -> KnownInputs:
    specs = workflow.inputs or {}
    call = caller.facets[task.keyword].workflow(task.payload)
    assert call is not None
    values: dict[str, Json] = {}
    for name in specs:
        single = replace(workflow, inputs={name: specs[name]})
        given = {name: call.inputs[name]} if name in call.inputs else {}

        def fill(leaf: Any, _: NodePath) -> Any:
            value = known(leaf) if isinstance(leaf, Template) else (leaf,)
            if value is None:
                raise InputNotKnownError("")
            return value[0]

        try:
            values |= call_inputs(single, map_leaves(given, fill), caller.limits)
        except NikaError:  # not known yet, or the run reports it
            continue
    return KnownInputs(values, specs)


def inner_requests(prepared: PreparedRun, batchable: BatchableTasks | None, path: str = "") -> dict[str, InnerRequest]:
    """Return what the engine is given of the workflows that tasks stand for, by the ids of these tasks.

    Args:
        batchable: the tasks of the run that may wait for a batch.
        path: of the task that stands for this workflow, with a slash; "": it is the run's own.
    """
    requests: dict[str, InnerRequest] = {}
    for task in prepared.workflow.tasks:
        if task.inner is None:
            continue
        here, inner = f"{path}{task.id}/", prepared.inner[task.id]
        waiting = frozenset(batchable.inside(here) if batchable else ())
        request = _inner_request(
            prepared, task, inner=inner_requests(inner, batchable, here), no_slot=waiting | inner.asking
        )
        if batchable is not None:
            request = replace(request, workflow=batchable.with_sending_time(request.workflow, here))
        requests[task.id] = request
    return requests


def _inner_request(caller: PreparedRun, task: Task, **more: Any) -> InnerRequest:
    facets, prepared, inner = caller.facets[task.keyword], caller.inner[task.id], task.inner
    assert inner is not None
    workflow = prepared.workflow

    def inputs(payload: JsonObject) -> Mapping[str, Json]:
        call = facets.workflow(payload)
        given: Mapping[str, Any] = {} if call is None else call.inputs
        return call_inputs(workflow, given, prepared.limits)

    def bind(values: Mapping[str, Json], plan: WorkflowPlan) -> InnerRequest:
        filled = _filled(prepared, workflow, values)
        env = {**plan.env, **{name: filled.env[name] for name in inner.workflow.env}}
        bound = replace(prepared, workflow=replace(filled, env=env))
        return replace(request, workflow=bound.workflow, agent=_agent(bound, inner, plan.agent, values))

    request = InnerRequest(
        workflow=workflow,
        graph=prepared.graph,
        agent=prepared.agent,
        inputs=inputs,
        files=prepared.files,
        sections=prepared.sections,
        **more,
    )
    return replace(request, bind=bind) if prepared.filled_late else request
