"""A model whose replies a test writes down: for a fake context, and for whole runs through the real kernel."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import count
from typing import Final

from nika_core.errors import Category, TaskError
from nika_core.model.message import ReasoningPart, TextPart, ToolCall, parts_of
from nika_core.model.usage import Usage
from nika_core.plugin import (
    Chunk,
    Finished,
    Health,
    ModelInfo,
    ModelReply,
    ModelRequest,
    Provider,
    TextDelta,
    TokenEstimate,
    estimate_tokens,
    hookimpl,
)

NIKA_API = 1
WORD: Final = "scripted"
_VARIABLE: Final = "NIKA_TESTING_SCRIPTED_MODEL"

_playing: dict[str, ScriptedModel] = {}
_numbers = count(1)


class ScriptedModel:
    """Plays replies in order and keeps what it was asked.

    Attributes:
        requests: every request that was answered, refused or left hanging, in order.
        info: what it says it can do.
    """

    def __init__(self, *replies: ModelReply | str | Exception, info: ModelInfo | None = None) -> None:
        self.info = info or ModelInfo(WORD, 200_000, 100_000, json_schema=True, free=True)
        self.requests: list[ModelRequest] = []
        self._replies: deque[ModelReply | Exception | None] = deque()
        self.enqueue(*replies)

    def enqueue(self, *replies: ModelReply | str | Exception) -> None:
        """Add replies: a text, a whole `ModelReply`, or an exception to raise."""
        for reply in replies:
            self._replies.append(model_reply(reply) if isinstance(reply, str) else reply)

    def enqueue_silence(self) -> None:
        """Add a request that is never answered, for tests of timeouts and cancellation."""
        self._replies.append(None)

    @property
    def remaining(self) -> int:
        """Return how many replies have not been used."""
        return len(self._replies)

    async def take(self, request: ModelRequest) -> ModelReply:
        """Return the next reply. Raise an enqueued exception, or TaskError (config) if no reply is left."""
        self.requests.append(request)
        if not self._replies:
            raise TaskError(
                f"the script of the model is at its end, and was asked for a reply number {len(self.requests)}",
                category=Category.CONFIG,
                hint="enqueue one reply more",
            )
        reply = self._replies.popleft()
        if reply is None:
            await asyncio.Event().wait()
        if isinstance(reply, Exception):
            raise reply
        assert reply is not None
        return reply


def model_reply(text: str = "", *calls: ToolCall, stop_reason: str = "", usage: Usage | None = None) -> ModelReply:
    """Return a reply with a text, and the tools that the model asks for."""
    stop = stop_reason or ("toolUse" if calls else "end")
    return ModelReply((*parts_of(text), *calls), stop, usage or Usage(input_tokens=5, output_tokens=3, calls=1), WORD)


class ScriptedClient:
    """The provider `scripted`: it exists in `run_workflow(model=...)` only."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._model = _playing[environ[_VARIABLE]]

    def info(self, model: str) -> ModelInfo:
        return self._model.info

    def models(self) -> Sequence[ModelInfo]:
        return (self._model.info,)

    async def stream(self, request: ModelRequest) -> AsyncIterator[Chunk]:
        """Play the next reply. Raise what the script has in its place."""
        reply = await self._model.take(request)
        if reply.text:
            yield TextDelta(reply.text)
        parts = tuple(part for part in reply.parts if isinstance(part, TextPart | ToolCall | ReasoningPart))
        yield Finished(reply.stop_reason, reply.usage, parts, reply.model)

    async def estimate(self, request: ModelRequest) -> TokenEstimate:
        return TokenEstimate(estimate_tokens(request))

    async def health(self) -> Health:
        return Health(True)

    async def close(self) -> None:
        """Close nothing: nothing is open."""


@contextmanager
def script_in_environ(model: ScriptedModel) -> Iterator[dict[str, str]]:
    """Return the variables with which a run finds the model, inside the block."""
    name = f"script-{next(_numbers)}"
    _playing[name] = model
    try:
        yield {_VARIABLE: name}
    finally:
        del _playing[name]


@hookimpl
def nika_providers() -> Iterable[Provider]:
    """Describe the provider `scripted`."""
    return (
        Provider(
            name=WORD, summary="Plays what a test wrote down.", client="nika_core.testing.scripted:ScriptedClient"
        ),
    )
