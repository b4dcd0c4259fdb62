"""The tools of a task: which it may use, and how one is called. The same for every keyword.

A tool is a keyword's step with a payload made of the model's arguments. What it yields is data for the model: a
failure is told, not raised. Results are kept under the task's key, so that a later attempt or a resumed run is given
them again, and no tool acts twice.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final, Protocol

from nika_core import codes
from nika_core.engine.core.failures import FAULTS, EscapedError, failure_from
from nika_core.engine.core.hashing import digest
from nika_core.engine.core.messages import CancelRequested, TaskCall
from nika_core.engine.core.policy_gate import refusal_error
from nika_core.engine.core.ports import Suspended
from nika_core.engine.task.approvals import Approvals
from nika_core.engine.task.described_calls import describe_call, hidden_in
from nika_core.engine.task.exception_groups import single_error
from nika_core.engine.task.outputs import as_text, checked_json, checked_usage, fork
from nika_core.engine.task.run_with_timeout import TookTooLongError, run_with_timeout
from nika_core.engine.task.services import BoundKeyword, TaskServices
from nika_core.engine.task.tool_access import Access, ToolLists, lists_of, rule_on
from nika_core.errors import Category, TaskError
from nika_core.model.approval import CallToApprove
from nika_core.model.bounded import bound
from nika_core.model.events import EventKind
from nika_core.model.json import JsonObject
from nika_core.model.tool_rules import tool_of
from nika_core.model.tools import covers
from nika_core.model.workflow import AgentBlock
from nika_core.plugin import Admission, Stage, StepOutput, Tool, ToolResult

_MAX_DEPTH: Final = 8  # of tools that call tools


class ToolUser(Protocol):
    """The context of a step that uses tools: whose they are, and what is counted for it."""

    task_call: TaskCall
    attempt: int
    timeout: float
    depth: int
    run_id: str
    task_id: str
    key: str
    keyword: BoundKeyword
    agent: AgentBlock
    max_json_depth: int
    folder: Path
    within: tuple[str, ...]
    offered: dict[str, list[str]]

    @property
    def approvals(self) -> Approvals:
        """The calls that a person is asked about."""
        ...

    def child(
        self, keyword: BoundKeyword, key: str, timeout: float, call: str = "", within: tuple[str, ...] = ()
    ) -> Any:
        """Return the context of another keyword's step that runs inside this task as a tool, for the call `call`."""
        ...

    def count(self, usage: object) -> None:
        """Count what was used."""
        ...

    def occurrence(self, call: str) -> int:
        """Return how often this very call was made before in this attempt."""
        ...


async def find_tools(services: TaskServices, context: ToolUser) -> Sequence[Tool]:
    """Return all that is allowed, not disallowed, and really there. Raise TaskError (config)."""
    lists = lists_of(context.task_call, context.agent)
    found: dict[str, Tool] = {}
    for entry in lists.allowed:
        for tool in await _tools_of(services, context, tool_of(entry)):
            if not lists.forbids(tool.name):
                found.setdefault(tool.name, tool)
                offering = context.offered.setdefault(tool.name, [])
                if entry not in offering:
                    offering.append(entry)
    seen: dict[str, str] = {}
    for tool in found.values():
        twin = seen.setdefault(tool.spec.name, tool.name)
        if twin != tool.name:
            message = f"`{twin}` and `{tool.name}` are both called `{tool.spec.name}` for the model"
            raise TaskError(message, category=Category.CONFIG, code=codes.UNKNOWN_TOOL, hint="allow one of them")
    return tuple(found.values())


async def _tools_of(services: TaskServices, context: ToolUser, pattern: str) -> Iterable[Tool]:
    name, _, reference = pattern.partition("::")
    keyword = services.keyword(name)
    child = context.child(keyword, context.key, context.timeout)
    try:
        tools = await services.facets(name).tools(reference, child)
    finally:
        child.close()
    if not tools and "*" not in reference:
        message = f"the tool `{pattern}` is not there"
        hint = f"`{name}` cannot be used as a tool, or has none of that name"
        raise TaskError(message, category=Category.CONFIG, code=codes.UNKNOWN_TOOL, hint=hint)
    return tools


async def call_tool(
    services: TaskServices, context: ToolUser, tool: Tool, arguments: JsonObject, *, fresh: bool = False
) -> ToolResult:
    """Run it, or give its earlier result again. Raises nothing but cancellation, and what the tool waits for outside.

    Args:
        fresh: run it in any case, with a key that no other call has; its result is given to no later call. A call that
            a person may be asked about is made once all the same.
    """
    with context.approvals.under_way():
        return await _call_tool(services, context, tool, fork(arguments), fresh=fresh)


async def _call_tool(
    services: TaskServices, context: ToolUser, tool: Tool, arguments: JsonObject, *, fresh: bool
) -> ToolResult:
    lists = lists_of(context.task_call, context.agent)
    name = f"{tool.name}:{digest([tool.name, arguments])}"
    if fresh and not lists.may_ask(tool.name):
        started = services.clock.monotonic()
        key, call = f"{context.key}/{name}#{secrets.token_hex(8)}", f"{name}#{context.occurrence(f'fresh {name}')}"
        outcome = await _run(services, context, tool, arguments, lists, key, call)
        _tell(services, context, tool, arguments, outcome, services.clock.monotonic() - started)
        return outcome
    call = f"tool/{name}#{context.occurrence(name)}"
    call_cache = services.call_cache
    kept = call_cache.get(context.key, call)
    if isinstance(kept, dict) and isinstance(kept.get("content"), str):
        outcome = ToolResult(kept["content"], bool(kept.get("isError")))
        _tell(services, context, tool, arguments, outcome, 0.0, reused=True)
        return outcome
    started = services.clock.monotonic()
    key = call.rpartition(":")[2]
    outcome = await _run(services, context, tool, arguments, lists, f"{context.key}/{key}", key)
    call_cache.put(context.key, call, {"content": outcome.content, "isError": outcome.is_error})
    _tell(services, context, tool, arguments, outcome, services.clock.monotonic() - started)
    await services.reporter.barrier()
    return outcome


async def _run(
    services: TaskServices,
    context: ToolUser,
    tool: Tool,
    arguments: JsonObject,
    lists: ToolLists,
    key: str,
    call: str,
) -> ToolResult:
    """Run it, if it may be run. `call` tells it from all other calls of the context."""
    try:
        keyword = services.keyword(tool.keyword)
        try:
            payload = tool.payload(arguments)
        except ValueError as error:
            return ToolResult(f"these arguments make no sense: {error}", is_error=True)
        await _admit(services, context, tool, arguments, payload)
        refusal = await _refusal(services, context, tool, arguments, payload, lists, call)
        if refusal is not None:
            return refusal
        if not keyword.spec.pure:
            await services.reporter.barrier()
        timeout, within = min(keyword.timeout, context.timeout), (*context.within, tool.name)
        child = context.child(keyword, key, timeout, call, within)
        try:
            returned = await run_with_timeout(
                keyword.step.run(fork(payload), child),
                child.timeout,
                services.deadlines,
                services.grace,
                tool.keyword,
            )
        except BaseExceptionGroup as group:
            raise single_error(group, f"keyword `{tool.keyword}`") from None
        finally:
            child.close()
    except Suspended as needed:
        if needed is not context.approvals.raised:  # what is asked inside of the tool
            await context.approvals.wait(needed)
        raise
    except TookTooLongError as error:
        return ToolResult(f"`{tool.name}` {error}", is_error=True)
    except TaskError as error:
        if error.usage is not None:
            context.count(error.usage)
        return _failed(services, context, error, tool, keyword)
    except FAULTS as error:  # a keyword is a plugin: whatever it raises is told to the model
        return _failed(services, context, error, tool, None)
    return _result(services, context, keyword, returned)


async def _refusal(
    services: TaskServices,
    context: ToolUser,
    tool: Tool,
    arguments: JsonObject,
    payload: JsonObject,
    lists: ToolLists,
    name: str,
) -> ToolResult | None:
    """Return what the model is told of a call that may not be made; None: it may be made, perhaps after a question."""
    offered_by = context.offered.get(tool.name) or [each for each in lists.allowed if covers(tool_of(each), tool.name)]
    facets = services.facets(tool.keyword)
    ruling = rule_on(lists, offered_by, tool.name, partial(facets.call_fields, payload), context.folder)
    if ruling.access is Access.DENIED:
        return ToolResult(services.reporter.mask(f"this call is not allowed: {ruling.why}"), is_error=True)
    if ruling.access is Access.ASKED:
        asked = CallToApprove(tool.name, arguments, ruling.entry, ruling.sure, context.within)
        if not await context.approvals.approved(asked, name):
            return ToolResult("a person was asked about this call and said no: it was not made", is_error=True)
    return None


def _result(services: TaskServices, context: ToolUser, keyword: BoundKeyword, returned: Any) -> ToolResult:
    original = None
    try:
        if isinstance(returned, StepOutput):
            context.count(checked_usage(returned.usage, f"keyword `{keyword.spec.name}`"))
            returned, original = returned.value, returned.original_bytes
        text = as_text(checked_json(returned, context.max_json_depth, f"keyword `{keyword.spec.name}`"))
    except (TaskError, ValueError) as error:
        return ToolResult(services.reporter.mask(str(error)), is_error=True)
    return ToolResult(bound(text, keyword.max_output, original).text)


def _failed(
    services: TaskServices, context: ToolUser, error: BaseException, tool: Tool, keyword: BoundKeyword | None
) -> ToolResult:
    if isinstance(error, EscapedError) and error.interrupt:  # the user's, wherever it came up
        services.report(CancelRequested("interrupted"))
    failure = services.reporter.failure(failure_from(error, f"keyword `{tool.keyword}`"))
    text = f"{failure.category.value}: {failure.message}"
    output = getattr(error, "output", None)
    if output is not None:
        try:
            shown = as_text(checked_json(output, context.max_json_depth, tool.name))
        except (TaskError, ValueError):
            shown = ""
        text = f"{text}\n{bound(shown, keyword.max_output if keyword else None).text}".rstrip()
    return ToolResult(text, is_error=True)


async def _admit(
    services: TaskServices, context: ToolUser, tool: Tool, arguments: JsonObject, payload: JsonObject
) -> None:
    if context.depth >= _MAX_DEPTH:
        raise TaskError(f"tools that call tools, more than {_MAX_DEPTH} deep", category=Category.CONFIG)
    gate = services.policies
    if gate is None or not gate.wants(Stage.TOOL):
        return
    call = context.task_call
    about = describe_call(services, call, tool.keyword, payload)
    refusal = await gate.admit(
        Admission(
            Stage.TOOL,
            call.workflow,
            context.run_id,
            context.task_id,
            tool.keyword,
            tool=tool.name,
            attempt=context.attempt,
            effects=about.effects,
            hosts=about.hosts,
            payload=about.payload,
            arguments=hidden_in(arguments, payload, about.payload),
        )
    )
    if refusal is not None:
        raise refusal_error(refusal)


def _tell(
    services: TaskServices,
    context: ToolUser,
    tool: Tool,
    arguments: JsonObject,
    outcome: ToolResult,
    seconds: float,
    *,
    reused: bool = False,
) -> None:
    data: dict[str, Any] = {
        "tool": tool.name,
        "arguments": arguments,
        "isError": outcome.is_error,
        "content": outcome.content,
        "durationMs": round(seconds * 1000, 3),
    }
    if context.within:
        data["within"] = list(context.within)
    if reused:
        data["reused"] = True
    if services.tape is not None:
        services.tape.tool_called(context.key, data, outcome.content)
    services.reporter.emit(EventKind.TOOL_CALLED, context.task_id, data)
