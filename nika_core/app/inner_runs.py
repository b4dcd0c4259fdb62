"""The workflows that tasks stand for, as they are prepared: with what they inherit, and what they may not widen."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from nika_core import codes
from nika_core.app.model_checks import effective_agent
from nika_core.app.system_prompt import fill_system_prompt, read_system_prompt
from nika_core.document import call_inputs
from nika_core.engine.core.run_plan import InnerRequest
from nika_core.errors import NikaError, TemplateValueError
from nika_core.model.json import Json, JsonObject
from nika_core.model.payload_tree import map_leaves
from nika_core.model.template import Template
from nika_core.model.tools import covers
from nika_core.model.workflow import AgentBlock, InnerWorkflow, NodePath, Task, Workflow

if TYPE_CHECKING:
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

    def within(self, agent: AgentBlock) -> ToolBounds:
        """Return the bounds of what a workflow with this agent block calls."""
        return ToolBounds(self.narrow(agent.allowed_tools) or self.allowed, _union(self.disallowed, agent))

    def narrow(self, tools: tuple[str, ...] | None) -> tuple[str, ...] | None:
        """Return these tools as far as they are allowed: of two patterns the narrower one."""
        if tools is None or self.allowed is None:
            return tools
        found: dict[str, None] = {}
        for tool in tools:
            for other in self.allowed:
                if covers(other, tool):
                    found[tool] = None
                elif covers(tool, other):
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
            disallowed_tools=_union(self.disallowed, agent),
        )


NO_BOUNDS: Final = ToolBounds()


def _union(disallowed: tuple[str, ...], agent: AgentBlock) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*disallowed, *agent.disallowed_tools)))


def prepare_inner(
    caller: PreparedRun, task: Task, inner: InnerWorkflow, known: Callable[[Template], tuple[Json] | None]
) -> PreparedRun:
    """Return what a task stands for, prepared like a run of its own. Raise NikaError.

    Args:
        known: returns the value of a template, as a tuple, if it is known before the run.
    """
    workspace, options = caller.workspace, caller.options
    bounds = caller.tools.within(caller.agent)
    workflow = bounds.of_workflow(inner.workflow)
    if inner.inherits_agent:
        agent = inherited_agent(caller.agent)
    else:
        agent = effective_agent(workflow, workspace, provider=options.provider, model=options.model)
        agent = bounds.of_agent(read_system_prompt(agent, workflow))
    inputs = _known_inputs(caller, task, workflow, known)
    return replace(
        caller,
        workflow=workflow,
        graph=inner.graph,
        inputs=inputs,
        agent=_filled_now(agent, inputs, caller),
        tools=bounds,
        warnings=(),
        document="",
        resumed=None,
    )


def inherited_agent(agent: AgentBlock) -> AgentBlock:
    """Return the agent block of a caller for a workflow that has none: its output and its budget are the caller's."""
    return replace(agent, output=None, max_budget_usd=None)


def _filled_now(agent: AgentBlock, inputs: Mapping[str, Json], caller: PreparedRun) -> AgentBlock:
    """Return the block with its system prompt filled in, if all that it names is known."""
    try:
        return fill_system_prompt(agent, caller.workspace, inputs)
    except TemplateValueError:  # an input of the run of this workflow: filled in when it starts
        return agent


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


def inner_request(prepared: PreparedRun, task: Task, **more: Any) -> InnerRequest:
    """Return what the engine is given of a workflow that a task stands for."""
    caller, inherits = prepared.agent, task.inner is not None and task.inner.inherits_agent
    inner = prepared.inner[task.id]
    facets, workflow, limits, workspace = prepared.facets[task.keyword], inner.workflow, inner.limits, inner.workspace
    agent = inner.agent

    def inputs(payload: JsonObject) -> Mapping[str, Json]:
        call = facets.workflow(payload)
        return call_inputs(workflow, {} if call is None else call.inputs, limits)  # type: ignore[arg-type]  # rendered

    def bind_agent(values: Mapping[str, Json], bound_caller: AgentBlock) -> AgentBlock:
        if inherits:
            return inherited_agent(bound_caller)
        return fill_system_prompt(agent, workspace, values)

    is_bound = isinstance(caller.system_prompt if inherits else agent.system_prompt, Template)
    return InnerRequest(
        workflow=workflow,
        graph=inner.graph,
        agent=agent,
        inputs=inputs,
        bind_agent=bind_agent if is_bound else None,
        files=inner.files,
        sections=inner.sections,
        **more,
    )


def all_workflows(workflow: Workflow, agent: AgentBlock, agent_of: Callable[[Workflow], AgentBlock]) -> Iterator[
    tuple[Workflow, AgentBlock]
]:
    """Yield a workflow and all that are nested inside it, each once for each agent block that it uses."""
    seen: set[tuple[int, AgentBlock]] = set()
    todo = [(workflow, agent)]
    while todo:
        workflow, agent = todo.pop(0)
        key = id(workflow), replace(agent, system_prompt=None)
        if key in seen:
            continue
        seen.add(key)
        yield workflow, agent
        for task in workflow.tasks:
            if (inner := task.inner) is not None:
                block = inherited_agent(agent) if inner.inherits_agent else agent_of(inner.workflow)
                todo.append((inner.workflow, block))
