"""Which tools a task may be given: `allowedTools` and `disallowedTools`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from nika_core import codes
from nika_core.document.checks.check_context import Context
from nika_core.document.checks.tool_entries import ToolEntries
from nika_core.errors import Place, Problem
from nika_core.model.nearest import nearest
from nika_core.model.tools import covers
from nika_core.model.workflow import KeywordCategory, NodePath, Task

_ALLOWED, _DISALLOWED = "allowedTools", "disallowedTools"


def check_tools(context: Context) -> Iterator[Problem]:
    """Check that lists of tools stand where they may, name existing tools, do not contradict and do not widen."""
    agent = context.workflow.agent
    entries = ToolEntries(context)
    if agent:

        def at(path: NodePath) -> Place:
            return context.workflow.at(("agent", *path))

        yield from _check_lists(context, entries, agent.allowed_tools, agent.disallowed_tools, at)
    for task in context.workflow.tasks:
        if task.allowed_tools is not None or task.disallowed_tools:
            yield from _check_task(context, entries, task)


def _check_task(context: Context, entries: ToolEntries, task: Task) -> Iterator[Problem]:
    keyword = context.keyword(task.keyword)
    if keyword is None:
        return
    if keyword.category in (KeywordCategory.TOOL, KeywordCategory.GROUP):
        name = _ALLOWED if task.allowed_tools is not None else _DISALLOWED
        yield Problem(
            codes.TOOLS_NOT_ALLOWED_HERE,
            f"a `{keyword.name}` task uses no tools and has no `{name}`",
            task.at((name,)),
            "remove it; only tasks that talk to a model in a loop are given tools",
        )
        return
    yield from _check_lists(context, entries, task.allowed_tools, task.disallowed_tools, task.at)
    agent = context.workflow.agent
    if keyword.category is not KeywordCategory.CONTEXT or agent is None:
        return
    for index, tool in enumerate(task.allowed_tools or ()):
        if agent.allowed_tools is not None and not any(covers(one, tool) for one in agent.allowed_tools):
            allowed = ", ".join(agent.allowed_tools) or "none at all"
            yield Problem(
                codes.TOOLS_WIDENED,
                f"'{tool}' is not among the agent block's allowed tools, and a task can only narrow them",
                task.at((_ALLOWED, index)),
                f"add it to `agent.allowedTools`, or remove it here; allowed there: {allowed}",
            )
        elif any(covers(one, tool) for one in agent.disallowed_tools):
            yield Problem(
                codes.TOOLS_OVERLAP,
                f"'{tool}' is allowed here, but `agent.disallowedTools` forbids it",
                task.at((_ALLOWED, index)),
                "remove it from one of the two",
            )


def _check_lists(
    context: Context,
    entries: ToolEntries,
    allowed: Sequence[str] | None,
    disallowed: Sequence[str],
    at: Callable[[NodePath], Place],
) -> Iterator[Problem]:
    for name, tools in ((_ALLOWED, allowed or ()), (_DISALLOWED, disallowed)):
        for index, tool in enumerate(tools):
            problem = _unknown(context, name, tool, at((name, index)))
            if problem:
                yield problem
            elif name == _ALLOWED:
                yield from entries.problems(tool, at((name, index)))
    for index, tool in enumerate(allowed or ()):
        # It is useful to allow `mcp::files::*` and forbid one of them, but not to forbid all that is allowed.
        forbidding = next((one for one in disallowed if covers(one, tool)), None)
        if forbidding is not None:
            yield Problem(
                codes.TOOLS_OVERLAP,
                f"'{tool}' is allowed, and '{forbidding}' in `{_DISALLOWED}` forbids it",
                at((_ALLOWED, index)),
                "remove it from one of the two",
            )


def _unknown(context: Context, list_name: str, tool: str, place: Place) -> Problem | None:
    """Return a problem if an entry names no keyword. A disallowed one may be any pattern, even `*`."""
    word = tool.partition("::")[0]
    words = context.catalog.keywords()
    if word in words:
        return None
    if "*" in word:
        if list_name == _DISALLOWED:
            return None
        return Problem(
            codes.UNKNOWN_TOOL,
            f"'{tool}' would allow tools of keywords that it does not name",
            place,
            "name each keyword: `mcp::server::*` allows all tools of a server, `mcp` those of all servers",
        )
    near = nearest(word, words)
    hint = f"did you mean '{near}{tool[len(word) :]}'?" if near else context.catalog.install_hint(word)
    return Problem(
        codes.UNKNOWN_TOOL,
        f"'{tool}' is not a tool: no plugin offers a keyword '{word}'",
        place,
        hint or "a tool is named `keyword` or `keyword::reference`, e.g. mcp::server::tool, function::path::name",
    )
