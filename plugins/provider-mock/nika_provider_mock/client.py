"""The mock itself. No network, no randomness; time only where a script asks for it."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import asdict
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from nika_core.plugin import (
    BatchReply,
    BatchResult,
    BatchSearch,
    BatchTrace,
    Category,
    Chunk,
    FileAbility,
    Finished,
    Health,
    ModelInfo,
    ModelRequest,
    ReasoningPart,
    Role,
    TaskError,
    TextDelta,
    TokenEstimate,
    ToolCall,
    Usage,
    estimate_tokens,
)
from nika_provider_mock.schema_instance import instance_of

if TYPE_CHECKING:
    from nika_provider_mock.script import Reply, Script

SCRIPT_VARIABLE: Final = "NIKA_MOCK_SCRIPT"
UNSEEN_VARIABLE: Final = "NIKA_MOCK_FILES"  # set: images and PDF files are taken, and not looked at
_TEXT: Final = FileAbility(("text/plain",))
_UNSEEN: Final = FileAbility(("image/png", "image/jpeg", "image/gif", "image/webp", "application/pdf"), max_pages=100)
_LINE: Final = 200  # characters of the prompt's first line that an unscripted reply repeats
_BATCH: Final = "mockbatch-"


class Client:
    """Plays the script that `NIKA_MOCK_SCRIPT` names; what it says nothing to is answered with what was asked."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._path = environ.get(SCRIPT_VARIABLE, "")
        self._files = (_TEXT, _UNSEEN) if environ.get(UNSEEN_VARIABLE) else (_TEXT,)
        self._script: Script | None = None
        self._polls: dict[str, int] = {}

    def info(self, model: str) -> ModelInfo:
        """Return what every mock can do: everything but see; a model named `mock-small` holds 1,000 tokens."""
        context = 1_000 if model == "mock-small" else 200_000
        return ModelInfo(
            model,
            context,
            context // 2,
            json_schema=True,
            batch=True,
            free=True,
            batch_discount=Decimal("0.5"),
            efforts=("low", "medium", "high"),
            files=self._files,
        )

    def models(self) -> Sequence[ModelInfo]:
        return (self.info("mock"), self.info("mock-small"))

    async def stream(self, request: ModelRequest) -> AsyncIterator[Chunk]:
        """Play a reply. Raise TaskError if the script says so."""
        reply = self._load().reply_to(request)
        if reply.hang or reply.delay:
            import asyncio

            await (asyncio.Event().wait() if reply.hang else asyncio.sleep(reply.delay))
        text, finished = _answer(request, reply)
        parts = _split(text, reply.chunks)
        for index, part in enumerate(parts):
            if reply.fault and index >= reply.fault.after_chunks:
                break
            yield TextDelta(part)
        if reply.fault:
            raise _error(reply, finished.usage)
        if reply.truncated:
            raise TaskError(
                "the stream from mock ended before its end", category=Category.NETWORK, usage=finished.usage
            )
        yield finished

    async def estimate(self, request: ModelRequest) -> TokenEstimate:
        """Count ceil(UTF-8 bytes / 4), as in the usage of replies."""
        return TokenEstimate(estimate_tokens(request), exact=True)

    async def health(self) -> Health:
        try:
            self._load()
        except TaskError as error:
            return Health(False, error.message)
        return Health(True, f"plays {self._path}" if self._path else "answers with what it is asked", ("mock",))

    async def submit_batch(self, requests: Mapping[str, ModelRequest]) -> str:
        """Return an id that holds the replies themselves, so that a later process can still collect them."""
        replies: dict[str, Any] = {}
        for name, request in requests.items():
            reply = self._load().reply_to(request)
            text, finished = _answer(request, reply)
            if reply.fault:
                replies[name] = {"error": reply.fault.message}
            else:
                end = {
                    "stop_reason": finished.stop_reason,
                    "usage": [finished.usage.input_tokens, finished.usage.output_tokens],
                    "tool_calls": [asdict(call) for call in finished.tool_calls],
                    "model": finished.model,
                }
                replies[name] = {"text": text, "end": end}
        packed = zlib.compress(json.dumps(replies, sort_keys=True).encode(), 9)
        return _BATCH + base64.urlsafe_b64encode(packed).decode()

    async def poll_batch(self, batch_id: str) -> BatchResult:
        """Not done for as many polls as the script's `batch.polls` says."""
        polls = self._polls[batch_id] = self._polls.get(batch_id, 0) + 1
        if polls <= self._load().polls:
            return BatchResult(done=False)
        try:
            raw = zlib.decompress(base64.urlsafe_b64decode(batch_id.removeprefix(_BATCH)))
            packed: dict[str, Any] = json.loads(raw)
        except (ValueError, zlib.error):
            raise TaskError("mock has no such batch", category=Category.CONFIG) from None
        return BatchResult(True, {name: _batch_reply(item) for name, item in packed.items()})

    async def find_batch(self, names: Sequence[str], since: float) -> BatchSearch:
        """Return that there is no such batch: the mock keeps none."""
        return BatchSearch(BatchTrace.ABSENT)

    async def close(self) -> None:
        """Close nothing: nothing is open."""

    def _load(self) -> Script:
        if self._script is None:
            from nika_provider_mock.script import Script, read_script  # nothing but a call needs it

            self._script = read_script(self._path) if self._path else Script()
        return self._script


def _answer(request: ModelRequest, reply: Reply) -> tuple[str, Finished]:
    """Return the whole text, cut at `max_tokens` as a real model's would be, and its end."""
    calls = tuple(
        ToolCall(
            call.id or f"call_{len(request.messages)}_{index}",
            call.name,
            call.arguments if isinstance(call.arguments, Mapping) else None,
            call.arguments if isinstance(call.arguments, str) else json.dumps(call.arguments),
        )
        for index, call in enumerate(reply.calls)
    )
    text = _text(request, reply, bool(calls))
    stop = reply.stop_reason or ("toolUse" if calls else "end")
    if request.max_tokens is not None and _tokens(text) > request.max_tokens:
        text = text.encode()[: request.max_tokens * 4].decode(errors="ignore")
        stop = "maxTokens"
    written = _tokens(text) + sum(_tokens(call.name + call.raw) for call in calls)
    tokens = reply.usage or (estimate_tokens(request), written)
    usage = Usage(input_tokens=tokens[0], output_tokens=tokens[1], calls=1)
    reasoning = (ReasoningPart({"text": reply.reasoning}),) if reply.reasoning else ()
    return text, Finished(stop, usage, (*reasoning, *calls), request.model or "mock")


def _text(request: ModelRequest, reply: Reply, has_calls: bool) -> str:
    if reply.has_json:
        return json.dumps(reply.json, ensure_ascii=False)
    if reply.text is not None:
        return reply.text
    if has_calls:
        return ""
    asked = next((message.text for message in reversed(request.messages) if message.role is Role.USER), "")
    line = next((line.strip() for line in asked.splitlines() if line.strip()), "")
    if request.output_schema is not None:
        return json.dumps(instance_of(request.output_schema, line[:_LINE] or "mock"), ensure_ascii=False)
    return f"mock: {line[:_LINE]}"


def _tokens(text: str) -> int:
    return -(-len(text.encode("utf-8", "replace")) // 4)


def _split(text: str, count: int) -> list[str]:
    """Return `text` in `count` pieces of about the same length, none empty."""
    size = max(1, -(-len(text) // count))
    return [text[start : start + size] for start in range(0, len(text), size)]


def _error(reply: Reply, usage: Usage) -> TaskError:
    assert reply.fault is not None
    fault = reply.fault
    spent = usage if fault.after_chunks or reply.usage else None
    return TaskError(
        fault.message, category=fault.category, code=fault.code, retry_after=fault.retry_after, usage=spent
    )


def _batch_reply(item: Mapping[str, Any]) -> BatchReply:
    if "error" in item:
        return BatchReply(error=item["error"])
    end = item["end"]
    usage = Usage(input_tokens=end["usage"][0], output_tokens=end["usage"][1], calls=1)
    calls = tuple(ToolCall(**call) for call in end["tool_calls"])
    return BatchReply(item["text"], Finished(end["stop_reason"], usage, calls, end["model"]))
