"""Which tool calls of which tasks a person is asked about."""

from __future__ import annotations

from collections.abc import Callable

from nika_core.model.tool_rules import may_overlap_entry
from nika_core.model.workflow import AgentBlock, KeywordCategory, Task, Workflow
from nika_core.values import replace

_NO_AGENT = AgentBlock()


def entries_asked(task: Task, agent: AgentBlock, category: KeywordCategory) -> tuple[str, ...]:
    """Return the entries of `askTools` that some call of a task may match."""
    if category in (KeywordCategory.TOOL, KeywordCategory.GROUP):
        return ()
    allowed = (agent.allowed_tools if task.allowed_tools is None else task.allowed_tools) or ()
    entries = dict.fromkeys((*task.ask_tools, *agent.ask_tools))
    return tuple(entry for entry in entries if any(may_overlap_entry(entry, one) for one in allowed))


def tools_asked(
    workflow: Workflow,
    category: Callable[[str], KeywordCategory],
    caller: AgentBlock = _NO_AGENT,
    inherited: tuple[str, ...] = (),
    before: str = "",
) -> dict[str, tuple[str, ...]]:
    """Return the entries by which a person is asked, by the path of the task: `sections/write` for one inside.

    Args:
        category: that of a keyword.
        caller: the agent block of the workflow around this one.
        inherited: the entries that hold in the workflows around this one.
        before: the path of the task that stands for this workflow, with a `/`.
    """
    agent = workflow.agent or caller
    asked = tuple(dict.fromkeys((*agent.ask_tools, *inherited)))
    found: dict[str, tuple[str, ...]] = {}
    for task in workflow.tasks:
        if task.inner is not None:
            path = f"{before}{task.id}/"
            found |= tools_asked(task.inner.workflow, category, agent, asked, path)
        elif entries := entries_asked(task, _with(agent, asked), category(task.keyword)):
            found[f"{before}{task.id}"] = entries
    return found


def _with(agent: AgentBlock, asked: tuple[str, ...]) -> AgentBlock:
    return agent if agent.ask_tools == asked else replace(agent, ask_tools=asked)
