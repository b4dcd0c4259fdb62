"""The tools of the server: one for each workflow, and those for runs that take long or ask."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from mcp.server.lowlevel import Server
from mcp_types import (
    CallToolRequestParams,
    CallToolResult,
    InputRequiredResult,
    ListToolsResult,
    PaginatedRequestParams,
    Tool,
    ToolAnnotations,
)

import nika_core as nika
from nika_command_mcp.catalog import ServedWorkflow
from nika_command_mcp.elicitation import answers_in, asked, asks_in_reply, questions_reply, shows_forms
from nika_command_mcp.replies import ended, paused, refusal, reply
from nika_command_mcp.runs import ServedRun, ServedRuns, unanswered
from nika_command_mcp.schemas import ENDED, result_schema
from nika_core import NikaError, UsageError

RESULT: Final = "nika_result"
CANCEL: Final = "nika_cancel"
ANSWER: Final = "nika_answer"
_RUN: Final = {"runId": {"type": "string", "description": "What the workflow's tool has returned."}}
_PROGRESS_SECONDS: Final = 0.25  # between two reports of progress


class WorkflowServer:
    """Answers the requests of clients.

    Args:
        workflows: by the names of their tools.
        wait: seconds after which a call returns though the run goes on: clients give up after a while.
    """

    def __init__(self, workflows: Mapping[str, ServedWorkflow], runs: ServedRuns, wait: float, version: str) -> None:
        for name in (RESULT, CANCEL, ANSWER):
            if name in workflows:
                raise UsageError(f"{workflows[name].path} would be the tool '{name}', which this server has for runs")
        self._workflows = workflows
        self._runs = runs
        self._wait = wait
        self.server: Server[Any] = Server(
            "nika",
            version=version,
            instructions=(
                "Each tool runs a workflow. A call returns when the run has ended, or after a while with status "
                f"`running`: then call {RESULT} with its runId. If the status is `paused`, call {ANSWER}."
            ),
            on_list_tools=self._list,
            on_call_tool=self._call,
        )

    async def _list(self, context: Any, params: PaginatedRequestParams | None) -> ListToolsResult:
        tools = [
            Tool(
                name=each.name, description=each.description, input_schema=each.input_schema,
                output_schema=each.output_schema,
            )
            for each in self._workflows.values()
        ]  # fmt: skip
        return ListToolsResult(tools=[*tools, *_run_tools()])

    async def _call(self, context: Any, params: CallToolRequestParams) -> CallToolResult | InputRequiredResult:
        arguments = dict(params.arguments or {})
        try:
            if params.request_state is not None:
                return await self._answered(context, params)
            if params.name in self._workflows:
                run = await self._runs.start(self._workflows[params.name].path, arguments)
                return await self._followed(context, run)
            return await self._of_a_run(context, params.name, arguments)
        except NikaError as error:
            return refusal(error)

    async def _answered(self, context: Any, params: CallToolRequestParams) -> CallToolResult | InputRequiredResult:
        """Take the answers that come with a call which is made again."""
        run = self._runs.find(params.request_state or "")
        if run is None or run.result is None:
            raise UsageError("this call belongs to no run of this server that asks", hint="call the tool anew")
        answers = answers_in(params.input_responses, run.result.questions)
        if not answers:
            return reply(run, self._wait)
        try:
            resumed = await self._answer(run.run_id, run.path, answers)
        except NikaError as error:
            return refusal(error, run.run_id)
        return await self._followed(context, resumed)

    async def _of_a_run(
        self, context: Any, tool: str, arguments: dict[str, Any]
    ) -> CallToolResult | InputRequiredResult:
        if tool not in (RESULT, CANCEL, ANSWER):
            known = ", ".join([*self._workflows, RESULT, CANCEL, ANSWER])
            raise UsageError(f"there is no tool '{tool}'", hint=f"the tools: {known}")
        run_id = _text(arguments, "runId")
        run = self._runs.find(run_id)
        if tool == ANSWER:
            task = _text(arguments, "task")
            path = run.path if run is not None else (await asyncio.to_thread(self._runs.recorded, run_id))[1]
            return await self._followed(context, await self._answer(run_id, path, {task: arguments.get("answer")}))
        if run is None:
            return await self._of_another_server(run_id, tool)
        if tool == CANCEL:
            run.cancel()
        return await self._followed(context, run)

    async def _of_another_server(self, run_id: str, tool: str) -> CallToolResult:
        """Say how a run stands that another process has started, or this server before it was started anew."""
        recorded, path = await asyncio.to_thread(self._runs.recorded, run_id)
        if recorded.status == "paused":
            return paused(run_id, await asyncio.to_thread(unanswered, run_id, path))
        result = await asyncio.to_thread(nika.runs.kept_result, run_id, folder=path.parent)
        if result is None or recorded.status not in ENDED:
            raise UsageError(
                f"run {run_id} was not started by this server, and is {recorded.status}",
                hint=f"nika runs show {run_id}; nika resume {run_id} goes on with an interrupted one",
            )
        return ended(result, lambda value: value)

    async def _followed(self, context: Any, run: ServedRun) -> CallToolResult | InputRequiredResult:
        """Wait for a run, telling how far it is, and put its questions to the client's user if that can be done."""
        loop = asyncio.get_running_loop()
        told = -1
        while True:
            told = await _until_ended(context, run, loop.time() + self._wait, told)
            if not run.has_ended:
                return reply(run, self._wait, await asyncio.to_thread(unanswered, run.run_id, run.path))
            questions = () if run.result is None else run.result.questions
            if not questions or not shows_forms(context):
                return reply(run, self._wait)
            if asks_in_reply(context):
                return questions_reply(run.run_id, questions) or reply(run, self._wait)
            answers = await asked(context, questions)
            if not answers:
                return reply(run, self._wait)
            try:
                run = await self._answer(run.run_id, run.path, answers)
            except NikaError as error:
                return refusal(error, run.run_id)

    async def _answer(self, run_id: str, path: Path, answers: Mapping[str, Any]) -> ServedRun:
        for task, answer in answers.items():
            await asyncio.to_thread(nika.answer, run_id, task, answer, folder=path.parent)
        return self._runs.resume(run_id, path)


async def _until_ended(context: Any, run: ServedRun, deadline: float, told: int) -> int:
    """Wait, and tell the client when more tasks have ended than it was told of; return how many it knows of."""
    loop = asyncio.get_running_loop()
    while True:
        changed = run.changed  # before looking, so that what happens meanwhile is not missed
        if run.has_ended or (left := deadline - loop.time()) <= 0:
            return told
        if run.done > told:
            told = run.done
            await context.session.report_progress(float(told), float(run.total), f"{told} of {run.total} tasks")
        with suppress(TimeoutError):
            await asyncio.wait_for(changed.wait(), left)
        if not run.has_ended:
            await asyncio.sleep(min(_PROGRESS_SECONDS, max(0.0, deadline - loop.time())))


def _text(arguments: Mapping[str, Any], name: str) -> str:
    value = arguments.get(name)
    if not isinstance(value, str) or not value:
        raise UsageError(f"the argument '{name}' is missing", hint=f'a text, e.g. {{"{name}": "..."}}')
    return value


def _run_tools() -> list[Tool]:
    def tool(name: str, description: str, more: dict[str, Any], hints: ToolAnnotations | None = None) -> Tool:
        schema = {
            "type": "object",
            "properties": {**_RUN, **more},
            "required": ["runId", *more],
            "additionalProperties": False,
        }
        return Tool(
            name=name, description=description, input_schema=schema, output_schema=result_schema(),
            annotations=hints,
        )  # fmt: skip

    answer = {
        "task": {"type": "string", "description": "The task that asks."},
        "answer": {"description": "true or false, or an object with the fields of the question's form."},
    }
    return [
        tool(
            RESULT, "Wait for a run, and return its result or how far it is.", {}, ToolAnnotations(read_only_hint=True)
        ),
        tool(CANCEL, "Cancel a run.", {}, ToolAnnotations(destructive_hint=True, idempotent_hint=True)),
        tool(ANSWER, "Answer a question of a run, as its user says, and go on with it.", answer),
    ]
