"""From what the engine is given to what its core knows of the run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

from nika_core.engine.core.failures import FAULTS
from nika_core.engine.core.hashing import definition_hash, digest
from nika_core.engine.core.run_plan import Child, InnerRequest, RunPlan, RunRequest, WorkflowPlan, WorkflowRequest
from nika_core.engine.local.groups import body_of, filled, groups_of, stand_in
from nika_core.engine.local.services import Services
from nika_core.model.json import Json
from nika_core.model.limits import LimitKind, Limits
from nika_core.model.payload_tree import as_written, list_parts
from nika_core.model.workflow import AgentBlock, KeywordCategory, Mode, NoOutputs, Task, Workflow
from nika_core.plugin import Keyword, Values
from nika_core.values import dataclass, replace

_WITHOUT_TOOLS: Final = (KeywordCategory.TOOL, KeywordCategory.GROUP)


@dataclass(frozen=True, slots=True)
class _Definitions:
    """Hashes what the author says of tasks, with what else belongs to their definitions."""

    keywords: Mapping[str, Keyword | None]
    agent: AgentBlock
    files: Mapping[str, str]
    sections: Mapping[str, Json]

    def __call__(self, task: Task) -> str:
        keyword, sections = self.keywords[task.keyword], self.sections
        if sections:
            allowed = task.allowed_tools if task.allowed_tools is not None else self.agent.allowed_tools
            if (
                keyword is None or keyword.category in _WITHOUT_TOOLS or not allowed
            ):  # else any of its tools may use any
                own = () if keyword is None else keyword.sections
                sections = {name: sections[name] for name in own if name in sections}
        agent = self.agent if keyword is not None and keyword.needs_provider else None
        return definition_hash(task, agent, self.files.get(task.id, ""), sections)


def run_plan(request: RunRequest, services: Services) -> RunPlan:
    """Return the plan of a run."""
    limits = request.limits
    plan = _workflow_plan(request, services, limits)
    if request.only is not None:
        plan = replace(plan, output=request.only, outputs=None)
    return RunPlan(
        run_id=request.run_id,
        workflow=plan,
        inputs=request.inputs,
        environ=request.environ,
        limits=limits,
        max_concurrent=limits.counts.get(LimitKind.CONCURRENT),
        max_nodes=limits.counts.get(LimitKind.NODES),
        max_json_depth=request.max_json_depth,
        max_error_bytes=limits.counts.get(LimitKind.ERROR_BYTES),
        fail_fast=request.fail_fast,
        timeout=request.timeout,
        can_pause=request.can_pause,
        previous=request.previous,
        rerun_from=request.rerun_from,
        grants=request.grants,
        only=request.only,
        taken=request.taken,
        cache=request.cache,
    )


def _workflow_plan(request: WorkflowRequest, services: Services, limits: Limits) -> WorkflowPlan:
    """Return the plan of the run's workflow, or of one that a task stands for."""
    workflow, agent = request.workflow, request.agent_block
    keywords = {word: _described(services.keyword, word) for word in {task.keyword for task in workflow.tasks}}
    context = {
        word
        for word, keyword in keywords.items()
        if keyword is not None and keyword.category is KeywordCategory.CONTEXT
    }
    sections = workflow.sections if request.sections is None else request.sections
    children = {task: _child(inner, services, limits) for task, inner in request.inner.items()}
    return WorkflowPlan(
        name=workflow.name,
        tasks=workflow.tasks,
        graph=request.graph,
        definition=_Definitions(keywords, agent, request.files, sections),
        render=services.render,
        resolve=services.resolve,
        depends_on=services.depends_on,
        context=frozenset(task.id for task in workflow.tasks if task.keyword in context),
        groups={**groups_of(workflow.tasks, children, services, keywords, limits), **request.groups},
        no_slot=request.no_slot,
        mode=agent.mode if workflow.agent or request.agent else Mode.STRICT,
        output=agent.output,
        outputs=_outputs(workflow, services),
        stand_in=partial(stand_in, services),
        folder=str(workflow.folder),
        agent=agent,
        env=workflow.env,
        sections=workflow.sections,
        max_seconds=workflow.timeout,
    )


def _child(request: InnerRequest, services: Services, limits: Limits) -> Child:
    plan, bind_request = _workflow_plan(request, services, limits), request.bind
    definition = digest([_as_data(plan), plan.output, as_written(request.workflow.outputs)])
    if bind_request is None:
        return Child(plan=plan, inputs=request.inputs, definition=definition)

    def bind(inputs: Mapping[str, Json], caller: WorkflowPlan) -> WorkflowPlan:
        return _workflow_plan(bind_request(inputs, caller), services, limits)

    return Child(plan=plan, inputs=request.inputs, bind=bind, definition=definition)


def _as_data(plan: WorkflowPlan) -> list[Any]:
    """Return what the tasks of a workflow are, and what decides whether they run, for a hash."""
    edges = [
        [edge.source, edge.target, None if edge.condition is None else edge.condition.text]
        for edges in plan.graph.incoming.values()
        for edge in edges
    ]
    tasks = [
        [
            task.id,
            plan.definition(task),
            None if task.when is None else task.when.text,
            None if task.for_each is None else as_written(list_parts(task.for_each)),
            None if task.repeat is None else task.repeat.until.text,
            body.definition if (body := body_of(plan.groups.get(task.id))) is not None else "",
        ]
        for task in plan.tasks
    ]
    return [tasks, edges]


def _outputs(workflow: Workflow, services: Services) -> Callable[[Values], Json] | None:
    if workflow.outputs is NoOutputs.NO_OUTPUTS:
        return None
    return lambda values: filled(workflow.outputs, values, services.resolve)


def _described(keyword: Callable[[str], Keyword], word: str) -> Keyword | None:
    try:
        return keyword(word)
    except FAULTS:  # the task will say so when it starts
        return None
