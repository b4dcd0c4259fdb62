"""A conversation with a model until it stops: turns, tools, structured answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from nika_core import codes
from nika_core.errors import Category, TaskError
from nika_core.model.json import JsonObject
from nika_core.model.json_text import json_instruction
from nika_core.model.message import DocumentPart, ImagePart, Message, Role, TextPart
from nika_core.plugin.provider import ModelInfo, ModelReply, ModelRequest
from nika_core.plugin.step import StepContext
from nika_core.plugin.tool import Tool
from nika_core.template.json_check import import_validator, json_problem, unfenced
from nika_core.toolbox.agent import overflow
from nika_core.toolbox.agent.attachments import attached_files, history_text
from nika_core.toolbox.agent.facets import MAX_REPAIRS
from nika_core.toolbox.agent.prompts import prompt_of, read_system, repair_prompt
from nika_core.toolbox.agent.tool_calls import by_name, run_calls
from nika_core.values import dataclass, replace


@dataclass(frozen=True, slots=True)
class Answer:
    """The outcome of a conversation.

    Attributes:
        text: the final answer.
        messages: the task's prompt and the final answer, as the main conversation keeps them. The turns between (tools,
            repairs) stay with the task: later tasks need what was asked and answered.
        turns: how many calls it took.
    """

    text: str
    messages: tuple[Message, ...]
    turns: int


async def converse(
    payload: JsonObject, context: StepContext, *, history: Sequence[Message] = (), tools: Sequence[Tool] = ()
) -> Answer:
    """Ask a model and call the tools it asks for until it answers; check the answer if JSON is wanted.

    Reads the fields of `FIELDS` from the rendered payload, and what is missing there from the agent block. If
    the task's output is JSON, `Answer.text` is the JSON text that fits.

    Raises:
        TaskError: the model refused, answered nothing, was cut at maxTokens, needs more than maxTurns, gave no
            fitting JSON in three tries (`output` then has what there was), or a call failed.
    """
    return await _Conversation(payload, context, history, tools).run()


class _Conversation:
    """The state of one conversation."""

    def __init__(
        self, payload: JsonObject, context: StepContext, history: Sequence[Message], tools: Sequence[Tool]
    ) -> None:
        self._payload = payload
        self._context = context
        self._prompt = prompt_of(payload)
        self._history = tuple(history)
        self._tools: Mapping[str, Tool] = by_name(tools) if tools else {}
        self._schema = (context.output.schema or {}) if context.output.format == "json" else None
        self._files: Sequence[ImagePart | DocumentPart] = ()
        self._text = ""  # the last text of the model: what a failed task still has to show
        self._turns = 0
        self._repairs = 0
        self._condensed = False

    async def run(self) -> Answer:
        request = await self._first_request()
        info = await self._context.model(request)
        self._can(request, info)
        request = self._asking_for_json(request, info)
        max_turns = self._number("maxTurns", self._context.agent.max_turns)
        while True:
            request, reply = await self._complete(request, info)
            self._text = reply.text or self._text
            if calls := reply.tool_calls:
                self._turns += 1
                if max_turns is not None and self._turns >= max_turns:
                    raise self._error(
                        f"the model still asks for tools after {max_turns} turn(s), which is `maxTurns`",
                        Category.EXECUTION,
                        "raise `maxTurns`, or ask for less in one task",
                    )
                following = await run_calls(calls, self._tools, self._context)
            else:
                self._ended(reply)
                if self._schema:
                    await import_validator()
                problem = self._problem(reply)
                if problem is None:
                    asked = Message(Role.USER, history_text(self._prompt, self._files))
                    return Answer(self._text, (asked, Message(Role.ASSISTANT, self._text)), self._turns + 1)
                following = [Message(Role.USER, repair_prompt(problem))]
            answered = Message(Role.ASSISTANT, reply.parts)
            request = replace(request, messages=(*request.messages, answered, *following))

    async def _first_request(self) -> ModelRequest:
        agent = self._context.agent
        self._files = await attached_files(self._payload, self._context)
        temperature = self._payload.get("temperature")  # the agent block's is the caller's to put in
        model, fallback = self._payload.get("model"), self._payload.get("fallback")
        return ModelRequest(
            messages=(*self._history, Message(Role.USER, [*self._files, TextPart(self._prompt)])),
            model=None if model is None else str(model),
            system=await read_system(self._payload, self._context.folder, agent),
            tools=tuple(tool.spec for tool in self._tools.values()),
            max_tokens=self._number("maxTokens", agent.max_tokens),
            temperature=None if temperature is None else float(temperature),
            cache_prompt=asked if isinstance(asked := self._payload.get("cachePrompt"), bool) else None,
            effort=None if self._payload.get("effort") is None else str(self._payload["effort"]),
            options=dict(options) if isinstance(options := self._payload.get("options"), Mapping) else None,
            fallback=tuple(map(str, fallback)) if isinstance(fallback, list | tuple) else None,
        )

    def _can(self, request: ModelRequest, info: ModelInfo) -> None:
        if request.tools and not info.tools:
            raise TaskError(
                f"the model {info.name!r} cannot use tools",
                category=Category.CONFIG,
                code=codes.MODEL_CANNOT,
                hint="use another model, or `allowedTools: []`",
            )

    def _asking_for_json(self, request: ModelRequest, info: ModelInfo) -> ModelRequest:
        if self._schema is None:
            return request
        if info.json_schema:
            request = replace(request, output_schema=self._schema)
        # Where tools are offered, or any JSON will do, not every model's native way holds: words cost little.
        if not info.json_schema or request.tools or not self._schema:
            system = "\n\n".join(part for part in (request.system, json_instruction(self._schema)) if part)
            request = replace(request, system=system)
        return request

    async def _complete(self, request: ModelRequest, info: ModelInfo) -> tuple[ModelRequest, ModelReply]:
        """Return the reply and the request that it answers, condensed if the first was refused as too long."""
        try:
            return request, await self._context.complete(request)
        except TaskError as error:
            if error.output is None and self._text:
                error.output = self._text
            if error.code != codes.CONTEXT_TOO_LONG or not self._may_condense(request):
                raise
        request = await self._condense(request, info)
        return request, await self._context.complete(request)

    def _may_condense(self, request: ModelRequest) -> bool:
        return self._context.agent.overflow == "summarize" and not self._condensed and len(request.messages) > 1

    async def _condense(self, request: ModelRequest, info: ModelInfo) -> ModelRequest:
        self._condensed = True
        return await overflow.summarized(self._prompt, request, info, self._context)

    def _ended(self, reply: ModelReply) -> None:
        """Raise TaskError if the reply is not an answer: what was paid for once is not asked for again."""
        if reply.stop_reason == "refusal":
            raise self._error(f"the model {reply.model!r} refused to answer", Category.PROVIDER, "ask otherwise")
        if reply.stop_reason == "maxTokens":
            raise self._error(
                f"the answer was cut off after {reply.usage.output_tokens:,} tokens, which is `maxTokens`",
                Category.VALIDATION,
                "raise `maxTokens` of the task or of the agent block, or ask for a shorter answer",
            )
        if not reply.text.strip():
            raise self._error(f"the model {reply.model!r} answered nothing", Category.PROVIDER, "ask otherwise")

    def _problem(self, reply: ModelReply) -> str | None:
        """Return why the answer is not the JSON that was asked for. Raise TaskError if that was said often enough."""
        if self._schema is None:
            return None
        text = unfenced(reply.text)
        problem = json_problem(text, self._schema, self._context.max_json_depth)
        if problem is None and text != reply.text:
            self._context.notice("the code fence around the model's JSON was taken off")
            self._text = text
        if problem is None:
            return None
        if self._repairs >= MAX_REPAIRS:
            raise self._error(
                f"the model's answer is not the JSON that `output` asks for, after {MAX_REPAIRS} repairs: {problem}",
                Category.VALIDATION,
                "simplify the schema, or say in the prompt what each field holds",
            )
        self._repairs += 1
        self._context.notice(f"the answer is asked for again ({self._repairs} of {MAX_REPAIRS}): {problem}")
        return problem

    def _error(self, message: str, category: Category, hint: str) -> TaskError:
        return TaskError(message, category=category, hint=hint, output=self._text or None, retriable=False)

    def _number(self, field: str, default: int | None) -> int | None:
        value = self._payload.get(field)
        return default if value is None else int(value)
