"""The tools that a model asks for: checked, run side by side, reported."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from nika_core.errors import Category, TaskError
from nika_core.model.bounded import shorten
from nika_core.model.events import EventKind
from nika_core.model.message import Message, Role, ToolCall, ToolResultPart
from nika_core.plugin.step import StepContext
from nika_core.plugin.tool import Tool, ToolResult
from nika_core.template.json_check import import_validator, value_problems

_RAW = 200  # characters of broken arguments that the model is shown again


def by_name(tools: Sequence[Tool]) -> Mapping[str, Tool]:
    """Return tools by the name that the model sees. Raise TaskError (category config) if two share one."""
    found: dict[str, Tool] = {}
    for tool in tools:
        other = found.setdefault(tool.spec.name, tool)
        if other is not tool and other.name != tool.name:
            raise TaskError(
                f"the tools {other.name!r} and {tool.name!r} are both called {tool.spec.name!r}",
                category=Category.CONFIG,
                hint="allow only one of them in `allowedTools`",
            )
    return found


async def run_calls(calls: Sequence[ToolCall], tools: Mapping[str, Tool], context: StepContext) -> list[Message]:
    """Return one message for each call, in their order. A call that fails is reported to the model, not raised.

    Raises TaskError only if the task itself must end (its budget, its limits). If a call has to wait for a person, the
    others go on to their ends first: their results are kept, and they are not made again when the answer is there.
    """
    import asyncio  # who describes an agent does not wait for it

    await import_validator()
    waits: dict[int, BaseException] = {}

    async def run(number: int, call: ToolCall) -> ToolResult:
        try:
            return await _run(call, tools, context)
        except (Exception, asyncio.CancelledError, KeyboardInterrupt, SystemExit):
            raise
        except BaseException as wait:  # the kernel's own, that pauses the task
            waits[number] = wait
            return ToolResult("")

    try:
        async with asyncio.TaskGroup() as group:
            running = [group.create_task(run(number, call)) for number, call in enumerate(calls)]
    except BaseExceptionGroup as group_error:  # `except*` would raise a group again
        errors, others = group_error.split(TaskError)
        if errors is None or others is not None:
            raise
        raise _first(errors) from None
    if waits:
        raise waits[min(waits)]
    return [
        Message(Role.TOOL, [ToolResultPart(call.id, outcome.content, outcome.is_error)])
        for call, outcome in zip(calls, (task.result() for task in running), strict=True)
    ]


async def _run(call: ToolCall, tools: Mapping[str, Tool], context: StepContext) -> ToolResult:
    tool = tools.get(call.name)
    problem = _problem(call, tool, tools)
    if tool is None or call.arguments is None or problem is not None:
        arguments = shorten(call.raw, _RAW) if call.arguments is None else call.arguments
        told = f"{problem} Fix that and call the tool again."
        data = {"tool": tool.name if tool else call.name, "arguments": arguments, "isError": True, "content": told}
        context.notice(str(problem), kind=EventKind.TOOL_CALLED, data=data)
        return ToolResult(told, is_error=True)
    return await context.call(tool, call.arguments)


def _problem(call: ToolCall, tool: Tool | None, tools: Mapping[str, Tool]) -> str | None:
    """Return why a call is refused, in words for the model, or None if it may be made."""
    if tool is None:
        return f"There is no tool {call.name!r}. The tools are: {', '.join(tools) or 'none'}."
    if call.arguments is None:
        return f"The arguments are not a JSON object: {shorten(call.raw, _RAW)!r}."
    try:
        problems = value_problems(dict(call.arguments), tool.spec.parameters)
    except TaskError:  # the schema is the tool's and not ours to judge: the tool checks for itself
        return None
    return f"The arguments do not fit: {'; '.join(problems)}." if problems else None


def _first(errors: BaseExceptionGroup[TaskError]) -> TaskError:
    error = errors.exceptions[0]
    return _first(error) if isinstance(error, BaseExceptionGroup) else error
