"""Talks to the models and does nothing else: Nika handles retries, budgets, rate limits and timeouts."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from decimal import Decimal

from nika_core.plugin import (
    Chunk,
    Finished,
    Health,
    ModelInfo,
    ModelRequest,
    Price,
    Role,
    TextDelta,
    Usage,
    estimate_tokens,
)
from nika_core.toolbox.providers import ClientBase, env_text


class Client(ClientBase):
    """One instance serves a whole run. `ClientBase` has defaults for the optional parts, such as batches.

    For a real service inherit from `ServerClient` of the same module: it imports an SDK on the first call, streams, and
    turns every failure into a `TaskError`. Set the SDK's own retries to 0.
    """

    provider = "{{cookiecutter.word}}"

    def __init__(self, environ: Mapping[str, str]) -> None:
        super().__init__(environ)
        self._key = env_text(environ, "{{cookiecutter.__variable}}_API_KEY")

    def info(self, model: str) -> ModelInfo:
        """Return what the model can do. Set `tools` and `json_schema` only if it supports them."""
        price = Price(input_per_million=Decimal("0.10"), output_per_million=Decimal("0.40"))
        return ModelInfo(model, context_tokens=8_000, max_output_tokens=4_000, tools=False, price=price)

    def models(self) -> Sequence[ModelInfo]:
        """Return the models for `nika providers`."""
        return [self.info("{{cookiecutter.word}}-1")]

    async def stream(self, request: ModelRequest) -> AsyncIterator[Chunk]:
        """Yield the last message, word by word, then `Finished`; a real client sends the request here."""
        prompts = [message.text for message in request.messages if message.role is Role.USER]
        words = prompts[-1].split(" ") if prompts else []
        stop = "end"
        if request.max_tokens is not None and len(words) > request.max_tokens:
            words, stop = words[: request.max_tokens], "maxTokens"
        for index, word in enumerate(words):
            yield TextDelta(word if index == 0 else f" {word}")
        usage = Usage(input_tokens=estimate_tokens(request), output_tokens=max(1, len(words)), calls=1)
        yield Finished(stop, usage, model=request.model or "")

    async def health(self) -> Health:
        """Return whether the service can be reached, for `nika providers --check`. Raise nothing."""
        return Health(True, "offline; always there")
