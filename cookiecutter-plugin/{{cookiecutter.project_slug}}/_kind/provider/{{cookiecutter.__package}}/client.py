"""Talks to the models, and does nothing else: retries, budgets, rate limits and timeouts are Nika's."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from decimal import Decimal

from nika_core import codes
from nika_core.errors import Category, TaskError
from nika_core.model.message import Role
from nika_core.model.usage import Usage
from nika_core.plugin import (
    BatchResult,
    Chunk,
    Finished,
    Health,
    ModelInfo,
    ModelRequest,
    Price,
    TextDelta,
    TokenEstimate,
    estimate_tokens,
)


class Client:
    """One instance serves a whole run.

    An SDK is imported on the first call (`nika_core.toolbox.providers.load_sdk`), and every failure of it becomes a
    `TaskError` (`status_error` and `transport_error` of the same module). Set the SDK's own retries to 0.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._key = environ.get("{{cookiecutter.__variable}}_API_KEY", "")

    def info(self, model: str) -> ModelInfo:
        """What the model can do. Say `tools=True` and `json_schema=True` only where that is so."""
        price = Price(input_per_million=Decimal("0.10"), output_per_million=Decimal("0.40"))
        return ModelInfo(model, context_tokens=8_000, max_output_tokens=4_000, tools=False, price=price)

    def models(self) -> Sequence[ModelInfo]:
        return [self.info("{{cookiecutter.word}}-1")]

    async def stream(self, request: ModelRequest) -> AsyncIterator[Chunk]:
        """The last message, word by word; a real client sends the request here. The last chunk is `Finished`."""
        asked = [message.content for message in request.messages if message.role is Role.USER]
        words = asked[-1].split(" ") if asked else []
        said: list[str] = []
        stop = "end"
        for word in words:
            if request.max_tokens is not None and len(said) >= request.max_tokens:
                stop = "maxTokens"
                break
            said.append(word)
            yield TextDelta(word if len(said) == 1 else f" {word}")
        used = Usage(input_tokens=estimate_tokens(request), output_tokens=max(1, len(said)), calls=1)
        yield Finished(stop, used, model=request.model or "")

    async def estimate(self, request: ModelRequest) -> TokenEstimate:
        return TokenEstimate(estimate_tokens(request))

    async def health(self) -> Health:
        return Health(True, "offline; always there")

    async def submit_batch(self, requests: Mapping[str, ModelRequest]) -> str:
        """No batches: `ModelInfo.batch` is false, so nobody asks."""
        raise TaskError("there are no batches", category=Category.CONFIG, code=codes.MODEL_CANNOT)

    async def poll_batch(self, batch_id: str) -> BatchResult:
        """No batches."""
        raise TaskError("there are no batches", category=Category.CONFIG, code=codes.MODEL_CANNOT)

    async def close(self) -> None:
        """Close connections; here there are none."""
