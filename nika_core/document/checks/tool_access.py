"""Which tools a task may be given: `allowedTools`, `disallowedTools` and `askTools`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import partial
from typing import Final

from nika_core import codes
from nika_core.document.checks.check_context import Context
from nika_core.document.checks.tool_entries import ToolEntries
from nika_core.document.checks.tool_rules import check_asked, rule_problems
from nika_core.document.plugin_catalog import called_otherwise
from nika_core.errors import Place, Problem
from nika_core.model.nearest import nearest
from nika_core.model.tool_rules import covers_entry, rule_of, tool_of
from nika_core.model.tools import covers
from nika_core.model.workflow import AgentBlock, KeywordCategory, NodePath, Task

_ALLOWED, _DISALLOWED, _ASKED = "allowedTools", "disallowedTools", "askTools"
_GROUP: Final = KeywordCategory.GROUP
_FORM: Final = "a tool is named `keyword` or `keyword::reference`, e.g. mcp::server::tool, function::path::name"
_SEPARATORS: Final = re.compile(r"::|__|:|/")  # of a tool's name, here and elsewhere


def check_tools(context: Context) -> Iterator[Problem]:
    """Check that lists of tools stand where they may, name existing tools, do not contradict and do not widen."""
    agent = context.workflow.agent
    entries = ToolEntries(context)
    if agent:

        def at(path: NodePath) -> Place:
            return context.workflow.at(("agent", *path))

        yield from _check_lists(context, entries, agent, at)
        yield from check_asked(agent.ask_tools, at, _all_allowed(context), agent.disallowed_tools, "any task's")
    for task in context.workflow.tasks:
        if task.allowed_tools is not None or task.disallowed_tools or task.ask_tools:
            yield from _check_task(context, entries, task)


def _check_task(context: Context, entries: ToolEntries, task: Task) -> Iterator[Problem]:
    keyword = context.keyword(task.keyword)
    if keyword is None:
        return
    if keyword.category in (KeywordCategory.TOOL, KeywordCategory.GROUP):
        name = _ALLOWED if task.allowed_tools is not None else _DISALLOWED if task.disallowed_tools else _ASKED
        yield Problem(
            codes.TOOLS_NOT_ALLOWED_HERE,
            f"a `{keyword.name}` task uses no tools and has no `{name}`",
            task.at((name,)),
            "remove it; only tasks that talk to a model in a loop are given tools",
        )
        return
    yield from _check_lists(context, entries, task, task.at)
    agent = context.workflow.agent
    inherited = agent.allowed_tools if agent is not None else None
    usable = task.allowed_tools if task.allowed_tools is not None else inherited
    forbidden = (*task.disallowed_tools, *(agent.disallowed_tools if agent is not None else ()))
    yield from check_asked(task.ask_tools, task.at, usable or (), forbidden, "the task's")
    if keyword.category is not KeywordCategory.CONTEXT or agent is None:
        return
    for index, tool in enumerate(task.allowed_tools or ()):
        if agent.allowed_tools is not None and not any(covers_entry(one, tool) for one in agent.allowed_tools):
            allowed = ", ".join(agent.allowed_tools) or "none at all"
            yield Problem(
                codes.TOOLS_WIDENED,
                f"'{tool}' is not among the agent block's allowed tools, and a task can only narrow them",
                task.at((_ALLOWED, index)),
                f"add it to `agent.allowedTools`, or remove it here; allowed there: {allowed}",
            )
        elif any(covers_entry(one, tool) for one in agent.disallowed_tools):
            yield Problem(
                codes.TOOLS_OVERLAP,
                f"'{tool}' is allowed here, but `agent.disallowedTools` forbids it",
                task.at((_ALLOWED, index)),
                "remove it from one of the two",
            )


def _check_lists(
    context: Context,
    entries: ToolEntries,
    lists: AgentBlock | Task,
    at: Callable[[NodePath], Place],
) -> Iterator[Problem]:
    faulty: set[str] = set()
    allowed, disallowed = lists.allowed_tools, lists.disallowed_tools
    for name, tools in ((_ALLOWED, allowed or ()), (_DISALLOWED, disallowed), (_ASKED, lists.ask_tools)):
        for index, entry in enumerate(tools):
            rule, tool = rule_of(entry), tool_of(entry)
            place = at((name, index) if rule is None else (name, index, "tool"))
            problem = _malformed(context, tool, place) or _unknown(context, name, tool, place)
            problems = [problem] if problem else list(entries.problems(tool, place, forbids=name != _ALLOWED))
            if rule is not None and not problems:
                problems = list(rule_problems(context, rule, partial(_under, at, (name, index))))
            if problems:
                faulty.add(entry)
            yield from problems
    for index, tool in enumerate(allowed or ()):
        if tool in faulty:
            continue
        # It is useful to allow `mcp::files::*` and forbid one of them, but not to forbid all that is allowed.
        forbidding = next((one for one in disallowed if one not in faulty and covers_entry(one, tool)), None)
        if forbidding is not None:
            yield Problem(
                codes.TOOLS_OVERLAP,
                f"'{tool}' is allowed, and '{forbidding}' in `{_DISALLOWED}` forbids it",
                at((_ALLOWED, index)),
                "remove it from one of the two",
            )


def _under(at: Callable[[NodePath], Place], before: NodePath, path: NodePath) -> Place:
    return at((*before, *path))


def _all_allowed(context: Context) -> list[str]:
    """Return what any task of the workflow may use, and anything at all if another workflow may be inside."""
    workflow = context.workflow
    allowed = [task.allowed_tools or () for task in workflow.tasks]
    allowed.append((workflow.agent.allowed_tools if workflow.agent else None) or ())
    calls = any(keyword is not None and keyword.category is _GROUP for keyword in context.keywords.values())
    return ["*"] if calls else [entry for entries in allowed for entry in entries]


def _malformed(context: Context, tool: str, place: Place) -> Problem | None:
    """Return a problem if an entry is not the name of a tool, in whatever way that other programs write one."""
    parts = tool.split("::")
    words = context.catalog.keywords()
    if all(part and part == part.strip() for part in parts):
        if parts[0] in words or "::" in tool:
            return None
        parts = _SEPARATORS.split(tool.partition("(")[0])
        if len(parts) == 1 and "(" not in tool:
            return None
    parts = [part.strip() for part in parts if part.strip()]
    word = parts[0] if parts else ""
    if word not in words:
        word = nearest(word, words) or ""
    other = called_otherwise(context.catalog, parts[0]) if parts else None
    meant = "::".join([word, *parts[1:]])
    return Problem(
        codes.UNKNOWN_TOOL,
        f"'{tool}' is not the name of a tool",
        place,
        f"did you mean '{meant}'?" if word else other or _FORM,
    )


def _unknown(context: Context, list_name: str, tool: str, place: Place) -> Problem | None:
    """Return a problem if an entry names no keyword. A disallowed one may be any pattern, even `*`."""
    word = tool.partition("::")[0]
    words = context.catalog.keywords()
    if word in words:
        return None
    if "*" in word:
        if list_name == _ALLOWED:
            return Problem(
                codes.UNKNOWN_TOOL,
                f"'{tool}' would allow tools of keywords that it does not name",
                place,
                "name each keyword: `mcp::server::*` allows all tools of a server, `mcp` those of all servers",
            )
        if any(covers(word, one) for one in words):
            return None
    near = nearest(word, words)
    hint = f"did you mean '{near}{tool[len(word) :]}'?" if near else context.catalog.install_hint(word)
    why = f"no keyword matches '{word}'" if "*" in word else f"no plugin offers a keyword '{word}'"
    return Problem(
        codes.UNKNOWN_TOOL,
        f"'{tool}' is not a tool: {why}",
        place,
        hint or called_otherwise(context.catalog, word) or _FORM,
    )
