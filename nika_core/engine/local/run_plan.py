"""From what the engine is given to what its core knows of the run."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from nika_core.engine.core.failures import FAULTS
from nika_core.engine.core.hashing import definition_hash
from nika_core.engine.core.run_plan import RunPlan, RunRequest, WorkflowPlan
from nika_core.engine.local.groups import filled, groups_of
from nika_core.engine.local.services import Services
from nika_core.model.json import Json
from nika_core.model.limits import LimitKind
from nika_core.model.workflow import AgentBlock, KeywordCategory, Mode, NoOutputs, Task, Workflow
from nika_core.plugin import Keyword, Values
from nika_core.values import dataclass


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
                keyword is None or keyword.category is KeywordCategory.TOOL or not allowed
            ):  # else any of its tools may use any
                own = () if keyword is None else keyword.sections
                sections = {name: sections[name] for name in own if name in sections}
        agent = self.agent if keyword is not None and keyword.needs_provider else None
        return definition_hash(task, agent, self.files.get(task.id, ""), sections)


def run_plan(request: RunRequest, services: Services) -> RunPlan:
    """Return the plan of a run."""
    workflow, limits = request.workflow, request.limits
    agent = request.agent_block
    keywords = {word: _described(services.keyword, word) for word in {task.keyword for task in workflow.tasks}}
    context = {
        word
        for word, keyword in keywords.items()
        if keyword is not None and keyword.category is KeywordCategory.CONTEXT
    }
    sections = workflow.sections if request.sections is None else request.sections
    plan = WorkflowPlan(
        name=workflow.name,
        tasks=workflow.tasks,
        graph=request.graph,
        definition=_Definitions(keywords, agent, request.files, sections),
        render=services.render,
        resolve=services.resolve,
        depends_on=services.depends_on,
        context=frozenset(task.id for task in workflow.tasks if task.keyword in context),
        groups={**groups_of(workflow.tasks, services, keywords, limits), **request.groups},
        no_slot=request.no_slot,
        mode=agent.mode if workflow.agent or request.agent else Mode.STRICT,
        output=agent.output,
        outputs=_outputs(workflow, services),
        folder=str(workflow.folder),
        agent=agent,
        env=workflow.env,
        sections=workflow.sections,
    )
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
    )


def _outputs(workflow: Workflow, services: Services) -> Callable[[Values], Json] | None:
    if workflow.outputs is NoOutputs.NO_OUTPUTS:
        return None
    return lambda values: filled(workflow.outputs, values, services.resolve)


def _described(keyword: Callable[[str], Keyword], word: str) -> Keyword | None:
    try:
        return keyword(word)
    except FAULTS:  # the task will say so when it starts
        return None
