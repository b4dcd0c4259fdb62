"""The tools of a task: which it may use, and how one is called. The same for every keyword.

A tool is a keyword's step with a payload made of the model's arguments. What it yields is data for the model: a
failure is told, not raised. Results are kept under the task's key, so that a later attempt or a resumed run is given
them again, and no tool acts twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final

from nika_core import codes
from nika_core.engine.core.failures import FAULTS, EscapedError, failure_from
from nika_core.engine.core.hashing import digest
from nika_core.engine.core.messages import CancelRequested
from nika_core.engine.local.run_context import BoundKeyword, RunContext
from nika_core.engine.task.outputs import as_json, as_text, fork
from nika_core.engine.task.run_with_timeout import TookTooLongError, run_with_timeout
from nika_core.errors import Category, TaskError
from nika_core.model.bounded import bound
from nika_core.model.events import EventKind
from nika_core.model.json import JsonObject
from nika_core.model.tools import covers
from nika_core.plugin import Admission, Stage, StepOutput, Tool, ToolOutcome

if TYPE_CHECKING:
    from nika_core.engine.task.step_context import TaskContext

_MAX_DEPTH: Final = 8  # of tools that call tools


async def find_tools(scene: RunContext, context: TaskContext) -> Sequence[Tool]:
    """All that is allowed, not disallowed, and really there. Raises TaskError (config)."""
    task, agent = context.call_.task, context.agent
    allowed = task.allowed_tools if task.allowed_tools is not None else agent.allowed_tools
    refused = (*task.disallowed_tools, *agent.disallowed_tools)
    found: dict[str, Tool] = {}
    for pattern in allowed or ():
        for tool in await _tools_of(scene, context, pattern):
            if not any(covers(other, tool.name) for other in refused):
                found.setdefault(tool.name, tool)
    seen: dict[str, str] = {}
    for tool in found.values():
        twin = seen.setdefault(tool.spec.name, tool.name)
        if twin != tool.name:
            message = f"`{twin}` and `{tool.name}` are both called `{tool.spec.name}` for the model"
            raise TaskError(message, category=Category.CONFIG, code=codes.UNKNOWN_TOOL, hint="allow one of them")
    return tuple(found.values())


async def _tools_of(scene: RunContext, context: TaskContext, pattern: str) -> Iterable[Tool]:
    name, _, reference = pattern.partition("::")
    word = scene.word(name)
    facets = scene.services.facets(name)
    tools = await facets.tools(reference, context.child(word, context.key, context.timeout))
    if not tools and "*" not in reference:
        message = f"the tool `{pattern}` is not there"
        hint = f"`{name}` cannot be used as a tool, or has none of that name"
        raise TaskError(message, category=Category.CONFIG, code=codes.UNKNOWN_TOOL, hint=hint)
    return tools


async def call_tool(scene: RunContext, context: TaskContext, tool: Tool, arguments: JsonObject) -> ToolOutcome:
    """Run it, or give its earlier result again. Raises nothing but cancellation."""
    arguments = fork(arguments)
    name = f"{tool.name}:{digest([tool.name, arguments])}"
    call = f"tool/{name}#{context.occurrence(name)}"
    memo = scene.services.memo
    kept = memo.get(context.key, call)
    if isinstance(kept, dict) and isinstance(kept.get("content"), str):
        outcome = ToolOutcome(kept["content"], bool(kept.get("isError")))
        _tell(scene, context, tool, arguments, outcome, 0.0, reused=True)
        return outcome
    started = scene.clock.monotonic()
    outcome = await _run(scene, context, tool, arguments, f"{context.key}/{call.rpartition(':')[2]}")
    memo.put(context.key, call, {"content": outcome.content, "isError": outcome.is_error})
    _tell(scene, context, tool, arguments, outcome, scene.clock.monotonic() - started)
    await scene.barrier()
    return outcome


async def _run(scene: RunContext, context: TaskContext, tool: Tool, arguments: JsonObject, key: str) -> ToolOutcome:
    try:
        word = scene.word(tool.keyword)
        _admit(scene, context, tool)
        try:
            payload = tool.payload(arguments)
        except ValueError as error:
            return ToolOutcome(f"these arguments make no sense: {error}", is_error=True)
        if not word.keyword.pure:
            await scene.barrier()
        child = context.child(word, key, min(word.timeout, context.timeout))
        try:
            returned = await run_with_timeout(
                word.step.run(fork(payload), child), child.timeout, scene.deadlines, scene.request.grace
            )
        finally:
            child.flush()
    except TookTooLongError as error:
        return ToolOutcome(f"`{tool.name}` {error}", is_error=True)
    except TaskError as error:
        if error.usage is not None:
            context.count(error.usage)
        return _told(scene, error, tool, word)
    except FAULTS as error:  # a keyword is a plugin: whatever it raises is told to the model
        return _told(scene, error, tool, None)
    return _result(scene, context, word, returned)


def _result(scene: RunContext, context: TaskContext, word: BoundKeyword, returned: Any) -> ToolOutcome:
    original = None
    if isinstance(returned, StepOutput):
        context.count(returned.usage)
        returned, original = returned.value, returned.original_bytes
    try:
        text = as_text(as_json(returned, scene.max_depth, f"keyword `{word.keyword.name}`"))
    except (TaskError, ValueError) as error:
        return ToolOutcome(scene.services.mask(str(error)), is_error=True)
    return ToolOutcome(bound(text, word.max_output, original).text)


def _told(scene: RunContext, error: BaseException, tool: Tool, word: BoundKeyword | None) -> ToolOutcome:
    if isinstance(error, EscapedError) and error.interrupt:  # the user's, wherever it came up
        scene.post(CancelRequested("interrupted"))
    failure = scene.failure(failure_from(error, f"keyword `{tool.keyword}`"))
    text = f"{failure.category.value}: {failure.message}"
    output = getattr(error, "output", None)
    if output is not None:
        try:
            shown = as_text(as_json(output, scene.max_depth, tool.name))
        except (TaskError, ValueError):
            shown = ""
        text = f"{text}\n{bound(shown, word.max_output if word else None).text}".rstrip()
    return ToolOutcome(text, is_error=True)


def _admit(scene: RunContext, context: TaskContext, tool: Tool) -> None:
    if context.depth >= _MAX_DEPTH:
        raise TaskError(f"tools that call tools, more than {_MAX_DEPTH} deep", category=Category.CONFIG)
    refusal = scene.services.admit(
        Admission(
            stage=Stage.TOOL,
            workflow=scene.request.workflow.name,
            run_id=context.run_id,
            task_id=context.task_id,
            keyword=context.word.keyword.name,
            tool=tool.name,
            spent_tokens=scene.spent.total_tokens,
            spent_usd=scene.spent.cost_usd,
        )
    )
    if refusal is not None:
        code = refusal.code or codes.POLICY_REFUSED
        raise TaskError(refusal.reason, category=Category.BUDGET, code=code, hint=refusal.hint)


def _tell(
    scene: RunContext,
    context: TaskContext,
    tool: Tool,
    arguments: JsonObject,
    outcome: ToolOutcome,
    seconds: float,
    *,
    reused: bool = False,
) -> None:
    data: dict[str, Any] = {
        "tool": tool.name,
        "arguments": arguments,
        "isError": outcome.is_error,
        "durationMs": round(seconds * 1000, 3),
    }
    if reused:
        data["reused"] = True
    scene.tell(EventKind.TOOL_CALLED, context.task_id, data)
