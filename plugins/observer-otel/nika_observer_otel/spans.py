"""From the events of a run to the spans of its trace. Knows nothing of the SDK."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from nika_core.plugin import Event, EventKind, TraceContext, bound
from nika_observer_otel import names

Attribute: TypeAlias = str | bool | int | float | list[str]
Attributes: TypeAlias = dict[str, Attribute]

_STATES: Final = {
    EventKind.TASK_SUCCEEDED: "success",
    EventKind.TASK_FAILED: "failed",
    EventKind.TASK_SKIPPED: "skipped",
    EventKind.TASK_REUSED: "reused",
}
_GOOD: Final = frozenset({"succeeded", "paused"})  # statuses of a run
_WITHIN: Final = re.compile(r"(.+?)(?:\[\d+\]|@\d+|/[^/]+)\Z")
_LONGEST: Final = 64 * 1024  # bytes of a text that is captured


@dataclass(frozen=True, slots=True)
class FinishedSpan:
    """A span that has ended.

    Attributes:
        name: as the conventions want it.
        span_id, parent_id: 16 hexadecimal digits; "" as a parent: none.
        start, end: nanoseconds since the epoch.
        client: whether a call to another system.
        error: why it failed; None: it did not.
        notes: what was told in it: the time and the text.
        linked: the span of the part of the run before this one; "": none.
    """

    name: str
    span_id: str
    parent_id: str
    start: int
    end: int
    attributes: Attributes
    client: bool = False
    error: str | None = None
    notes: tuple[tuple[int, str], ...] = ()
    linked: str = ""


@dataclass(slots=True)
class _Attempt:
    """An attempt of a task that is under way."""

    task: str
    epoch: int
    attempt: int
    keyword: str
    start: int
    is_agent: bool = False
    notes: list[tuple[int, str]] = field(default_factory=list)


class RunSpans:
    """The spans of one process's part of a run, each when it has ended.

    Args:
        capture: whether outputs, arguments and conversations are attributes.
    """

    def __init__(self, trace: TraceContext, workflow: str, *, capture: bool = False) -> None:
        self._trace = trace
        self._workflow = workflow
        self._capture = capture
        self._began: int | None = None
        self._ended = False
        self._last = 0
        self._open: dict[str, _Attempt] = {}
        self._latest: dict[str, str] = {}  # the span of the latest attempt of each task
        self._keywords: dict[str, str] = {}
        self._notes: list[tuple[int, str]] = []
        self._asked: dict[tuple[str, Any], Mapping[str, Any]] = {}  # requests without a reply yet

    def observe(self, event: Event) -> Iterator[FinishedSpan]:
        """Yield the spans that end with an event."""
        at = self._last = round(event.at * 1e9)
        if self._began is None:
            self._began = at
        task, data = event.task, event.data
        if event.kind == EventKind.RUN_FINISHED:
            yield from self._interrupted()
            yield self._root(at, str(data.get("status", "")), data)
        elif event.kind == EventKind.NOTICE:
            attempt = self._open.get(task or "")
            (self._notes if attempt is None else attempt.notes).append((at, str(data.get("message", ""))))
        elif task is None:
            return
        elif event.kind == EventKind.TASK_STARTED:
            self._start(task, at, data)
        elif event.kind == EventKind.TASK_RETRYING:
            yield from self._end(task, at, "retrying", data)
        elif event.kind in _STATES:
            yield from self._end(task, at, _STATES[EventKind(event.kind)], data)
        elif event.kind == EventKind.MODEL_ASKED:
            if self._capture:
                self._asked[task, data.get("call")] = data
        elif event.kind == EventKind.MODEL_CALLED:
            yield self._model_call(task, event.seq, at, data)
        elif event.kind == EventKind.TOOL_CALLED:
            yield self._tool_call(task, event.seq, at, data)

    def close(self) -> Iterator[FinishedSpan]:
        """Yield the spans that are open, if the run has not ended."""
        if not self._ended and self._began is not None:
            yield from self._interrupted()
            yield self._root(self._last, "interrupted", {})

    # ---- the run

    def _root(self, at: int, status: str, data: Mapping[str, Any]) -> FinishedSpan:
        self._ended = True
        attributes: Attributes = {
            names.OPERATION: names.INVOKE_WORKFLOW,
            names.AGENT_NAME: self._workflow,
            names.RUN_ID: self._trace.run_id,
            names.RUN_LIFE: self._trace.life,
            names.RUN_STATUS: status,
            **_usage(data),
        }
        if status not in _GOOD:
            attributes[names.ERROR_TYPE] = status or names.OTHER_ERROR
        before = TraceContext(self._trace.run_id, self._trace.life - 1, self._trace.trace_id)
        return FinishedSpan(
            name=f"{names.INVOKE_WORKFLOW} {self._workflow}",
            span_id=self._trace.root_id,
            parent_id=self._trace.parent_id,
            start=at if self._began is None else self._began,
            end=at,
            attributes=attributes,
            error=None if status in _GOOD else f"the run ended as {status or 'unknown'}",
            notes=tuple(self._notes),
            linked=before.root_id if self._trace.life > 1 else "",
        )

    def _interrupted(self) -> Iterator[FinishedSpan]:
        for attempt in list(self._open.values()):
            yield self._attempt_span(attempt, self._last, "interrupted", {})
        self._open.clear()

    # ---- tasks

    def _start(self, task: str, at: int, data: Mapping[str, Any]) -> None:
        epoch, number = int(data.get("epoch", 1)), int(data.get("attempt", 1))
        keyword = self._keywords[task] = str(data.get("keyword") or self._keywords.get(task, ""))
        self._open[task] = _Attempt(task, epoch, number, keyword, at)
        self._latest[task] = self._trace.span_id(task, epoch, number)

    def _end(self, task: str, at: int, state: str, data: Mapping[str, Any]) -> Iterator[FinishedSpan]:
        attempt = self._open.pop(task, None)
        if attempt is not None:
            yield self._attempt_span(attempt, at, state, data)
        elif state in ("skipped", "reused", "failed"):  # it has never begun
            never = _Attempt(task, 0, 0, str(data.get("keyword") or self._keywords.get(task, "")), at)
            yield self._attempt_span(never, at, state, data)

    def _attempt_span(self, attempt: _Attempt, at: int, state: str, data: Mapping[str, Any]) -> FinishedSpan:
        attributes: Attributes = {
            names.TASK: attempt.task,
            names.KEYWORD: attempt.keyword,
            names.STATE: state,
            names.RUN_ID: self._trace.run_id,
            **_usage(data),
        }
        if attempt.attempt:
            attributes |= {names.EPOCH: attempt.epoch, names.ATTEMPT: attempt.attempt}
        if attempt.is_agent:
            attributes |= {names.OPERATION: names.INVOKE_AGENT, names.AGENT_NAME: attempt.task}
        if isinstance(reason := data.get("reason"), str):
            attributes[names.REASON] = reason
        if self._capture:
            attributes |= _captured(data)
        error = None
        if state in ("failed", "retrying", "interrupted"):
            failure = data.get("error") if isinstance(data.get("error"), Mapping) else {}
            assert isinstance(failure, Mapping)
            error = str(failure.get("message", state))
            attributes[names.ERROR_TYPE] = str(failure.get("category") or state)
            if failure.get("code"):
                attributes[names.ERROR_CODE] = str(failure["code"])
        return FinishedSpan(
            name=f"{names.INVOKE_AGENT} {attempt.task}" if attempt.is_agent else attempt.task,
            span_id=self._trace.span_id(attempt.task, attempt.epoch, attempt.attempt),
            parent_id=self._around(attempt.task),
            start=attempt.start,
            end=at,
            attributes=attributes,
            error=error,
            notes=tuple(attempt.notes),
        )

    def _around(self, task: str) -> str:
        """Return the span that a task's are in: that of the list, loop or workflow that it is part of, or the run's."""
        while (within := _WITHIN.match(task)) is not None:
            task = within[1]
            if task in self._latest:
                return self._latest[task]
        return self._trace.root_id

    # ---- what they do

    def _model_call(self, task: str, seq: int, at: int, data: Mapping[str, Any]) -> FinishedSpan:
        model = str(data.get("model", ""))
        provider = str(data.get("provider") or names.OTHER_ERROR)
        attributes: Attributes = {
            names.OPERATION: names.CHAT,
            names.PROVIDER: names.PROVIDERS.get(provider, provider),
            names.REQUEST_MODEL: model,
            names.RESPONSE_MODEL: model,
            names.CONVERSATION: f"{self._trace.run_id}/{task}",
            **_usage(data),
        }
        if data.get("stopReason"):
            attributes[names.FINISH_REASONS] = [str(data["stopReason"])]
        for key, name in (("reused", names.REUSED), ("decision", names.DECISION)):
            if data.get(key):
                attributes[name] = True
        if self._capture:
            attributes |= _said(self._asked.pop((task, data.get("call")), {}), data)
        return self._part(task, f"{names.CHAT} {model}", seq, at, data, attributes, client=True)

    def _tool_call(self, task: str, seq: int, at: int, data: Mapping[str, Any]) -> FinishedSpan:
        if task in self._open:
            self._open[task].is_agent = True
        tool, failed = str(data.get("tool", "")), data.get("isError") is True
        attributes: Attributes = {names.OPERATION: names.EXECUTE_TOOL, names.TOOL_NAME: tool}
        if failed:
            attributes[names.ERROR_TYPE] = names.OTHER_ERROR
        if data.get("reused"):
            attributes[names.REUSED] = True
        for key, name in (("arguments", names.TOOL_ARGUMENTS), ("content", names.TOOL_RESULT)):
            if self._capture and key in data:
                attributes[name] = _text(data[key])
        error = str(data.get("message") or "the tool failed") if failed else None
        return self._part(task, f"{names.EXECUTE_TOOL} {tool}", seq, at, data, attributes, error=error)

    def _part(
        self,
        task: str,
        name: str,
        seq: int,
        at: int,
        data: Mapping[str, Any],
        attributes: Attributes,
        *,
        client: bool = False,
        error: str | None = None,
    ) -> FinishedSpan:
        duration = data.get("durationMs")
        took = round(duration * 1e6) if isinstance(duration, int | float) and duration > 0 else 0
        return FinishedSpan(
            name=name.strip(),
            span_id=self._trace.span_id("event", seq),
            parent_id=self._latest.get(task, self._trace.root_id),
            start=at - took,
            end=at,
            attributes=attributes,
            client=client,
            error=error,
        )


def _usage(data: Mapping[str, Any]) -> Attributes:
    usage = data.get("usage")
    if not isinstance(usage, Mapping):
        return {}
    found: Attributes = {}
    for key, name in (
        ("inputTokens", names.INPUT_TOKENS),
        ("outputTokens", names.OUTPUT_TOKENS),
        ("cachedTokens", names.CACHE_READ_TOKENS),
        ("cacheWriteTokens", names.CACHE_WRITE_TOKENS),
    ):
        if isinstance(usage.get(key), int):
            found[name] = usage[key]
    cost = cost_of(data)
    if cost is not None:
        found[names.COST] = cost
    return found


def cost_of(data: Mapping[str, Any]) -> float | None:
    """Return what an event says of a cost, in US dollars; None: nothing."""
    usage = data.get("usage")
    try:
        return float(usage["costUsd"]) if isinstance(usage, Mapping) else None
    except (KeyError, TypeError, ValueError):
        return None


def _captured(data: Mapping[str, Any]) -> Attributes:
    found: Attributes = {}
    if "output" in data:
        found[names.OUTPUT] = _text(data["output"])
    messages = data.get("messages")
    if isinstance(messages, list) and messages:
        found[names.INPUT_MESSAGES] = _text([_message(each) for each in messages[:-1]])
        found[names.OUTPUT_MESSAGES] = _text([_message(messages[-1])])
    return found


def _said(asked: Mapping[str, Any], answered: Mapping[str, Any]) -> Attributes:
    """Return what is new in a request, and its reply: a conversation of n turns is not sent n times."""
    found: Attributes = {}
    if asked.get("system"):
        found[names.SYSTEM] = _text([{"type": "text", "content": asked["system"]}])
    if isinstance(messages := asked.get("messages"), list) and messages:
        found[names.INPUT_MESSAGES] = _text([_message(each) for each in messages])
    if isinstance(reply := answered.get("reply"), list) and reply:
        reason = str(answered.get("stopReason", ""))
        found[names.OUTPUT_MESSAGES] = _text(
            [{**_message({"role": "assistant", "content": reply}), "finish_reason": reason}]
        )
    return found


def _message(message: Any) -> Any:
    """Return a message of a conversation in the form of the conventions."""
    if not isinstance(message, Mapping):
        return {"role": "user", "parts": [{"type": "text", "content": str(message)}]}
    content = message.get("content")
    parts = [_part(each) for each in content] if isinstance(content, list) else [{"type": "text", "content": content}]
    return {"role": message.get("role", "user"), "parts": parts}


def _part(part: Any) -> Any:
    """Return a part of a message in the form of the conventions; a provider's own reasoning is left out."""
    if not isinstance(part, Mapping):
        return {"type": "text", "content": str(part)}
    match part.get("type"):
        case "text":
            return {"type": "text", "content": part.get("text", "")}
        case "toolCall":
            arguments = part.get("arguments", part.get("raw"))
            return {"type": "tool_call", "id": part.get("id"), "name": part.get("name"), "arguments": arguments}
        case "toolResult":
            return {"type": "tool_call_response", "id": part.get("callId"), "response": part.get("text", "")}
        case "reasoning":
            return {"type": "reasoning"}
    return dict(part)


def _text(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return bound(text, _LONGEST).text
