"""Calls to models that go by way of a tape."""

from __future__ import annotations

from typing import Protocol

from nika_core.engine.core.ports import CallScope, ModelCaller
from nika_core.model.workflow import AgentBlock
from nika_core.plugin import ModelInfo, ModelReply, ModelRequest


class ModelTape(Protocol):
    """Records the replies of models, or plays them."""

    async def complete(self, caller: ModelCaller, request: ModelRequest, call: CallScope) -> ModelReply:
        """Return a model's reply. Raise TaskError."""
        ...


class TapedCaller:
    """A `ModelCaller` whose calls are recorded, or answered by a recording."""

    def __init__(self, caller: ModelCaller, tape: ModelTape) -> None:
        self._caller = caller
        self._tape = tape

    async def complete(self, request: ModelRequest, call: CallScope) -> ModelReply:
        """Return a model's reply. Raise TaskError."""
        return await self._tape.complete(self._caller, request, call)

    async def model(self, request: ModelRequest, agent: AgentBlock) -> ModelInfo:
        """Return what the model can do. Raise TaskError."""
        return await self._caller.model(request, agent)

    def forget(self, key: str, attempt: int) -> None:
        """Take what an attempt asks next as its first calls."""
        self._caller.forget(key, attempt)

    async def close(self) -> None:
        """Close every connection."""
        await self._caller.close()
