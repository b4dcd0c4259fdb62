"""The workflows that a workflow's tasks stand for."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from nika_core.model.workflow import AgentBlock, Workflow
from nika_core.values import replace


def all_workflows(
    workflow: Workflow, agent: AgentBlock, agent_of: Callable[[Workflow], AgentBlock]
) -> Iterator[tuple[Workflow, AgentBlock]]:
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
                block = agent if inner.inherits_agent else agent_of(inner.workflow)
                todo.append((inner.workflow, block))
