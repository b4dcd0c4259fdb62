"""Talks to Ollama."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Final

from nika_core import codes
from nika_core.errors import Category, TaskError
from nika_core.model.usage import Usage
from nika_core.plugin import (
    BatchResult,
    Chunk,
    Health,
    ModelInfo,
    ModelRequest,
    TextDelta,
    TokenEstimate,
    estimate_tokens,
)
from nika_core.toolbox.providers import clean, env_text, load_sdk, status_error, transport_error, truncated_error
from nika_provider_ollama.wire import Gathered, body_of

DEFAULT: Final = "http://127.0.0.1:11434"
_KEY: Final = "OLLAMA_API_KEY"
_CONNECT: Final = 10.0
_SILENCE: Final = 300.0  # seconds without a byte: a large model takes its time to load


class Client:
    """One connection pool for a run."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._address = env_text(environ, "OLLAMA_HOST") or DEFAULT
        self._key = env_text(environ, _KEY)
        self._silence = _SILENCE
        self._open: Any = None
        self._opening = asyncio.Lock()

    def info(self, model: str) -> ModelInfo:
        """Whether a model can use tools only the server knows: it says so when it is asked."""
        hosted = "ollama.com" in self._address or model.endswith("-cloud")
        return ModelInfo(model, json_schema=True, free=not hosted)

    def models(self) -> Sequence[ModelInfo]:
        return ()

    async def stream(self, request: ModelRequest) -> AsyncIterator[Chunk]:
        """Raises TaskError."""
        got = Gathered(request)
        shown = False
        try:
            client = await self._client()
            parts = await client.chat(**body_of(request), stream=True)
            try:
                async for part in parts:
                    text = got.add(part)
                    if text:
                        shown = True
                        yield TextDelta(text)
            finally:
                await parts.aclose()
        except (TaskError, asyncio.CancelledError, GeneratorExit):
            raise
        except Exception as error:
            raise self._error(error, request.model, usage=got.usage, shown=shown) from error
        if not got.done:
            raise truncated_error("ollama", usage=got.usage)
        yield got.finished()

    async def estimate(self, request: ModelRequest) -> TokenEstimate:
        """Ollama has no counter: an estimate."""
        return TokenEstimate(estimate_tokens(request))

    async def health(self) -> Health:
        try:
            client = await self._client()
            async with asyncio.timeout(_CONNECT):
                names = tuple(sorted(str(model.model) for model in (await client.list()).models))
        except Exception as error:
            failure = error if isinstance(error, TaskError) else self._error(error, None)
            return Health(False, failure.message)
        return Health(True, f"{len(names)} model(s) at {self._shown_address()}", names)

    async def submit_batch(self, requests: Mapping[str, ModelRequest]) -> str:
        """Ollama has no batches: raises TaskError."""
        raise TaskError("ollama has no batches", category=Category.CONFIG, code=codes.MODEL_CANNOT)

    async def poll_batch(self, batch_id: str) -> BatchResult:
        """Ollama has no batches: raises TaskError."""
        raise TaskError("ollama has no batches", category=Category.CONFIG, code=codes.MODEL_CANNOT)

    async def close(self) -> None:
        if self._open is not None:
            client, self._open = self._open, None
            await client.close()

    async def _client(self) -> Any:
        async with self._opening:
            if self._open is None:
                sdk = await load_sdk("ollama")
                http = await load_sdk("httpx")
                headers = {"Authorization": f"Bearer {self._key}"} if self._key else None
                timeout = http.Timeout(self._silence, connect=_CONNECT)
                self._open = sdk.AsyncClient(self._address, timeout=timeout, headers=headers)
            return self._open

    def _error(
        self, error: Exception, model: str | None, *, usage: Usage | None = None, shown: bool = False
    ) -> TaskError:
        status = getattr(error, "status_code", None)
        message = clean(str(getattr(error, "error", None) or error), self._secrets())
        if isinstance(status, int):
            if "does not support tools" in message:
                return TaskError(
                    f"the model {model!r} cannot use tools",
                    category=Category.CONFIG,
                    code=codes.MODEL_CANNOT,
                    hint="use a model that can, or `allowedTools: []`",
                )
            found = status_error(
                "ollama",
                status if status >= 400 else 500,  # an error inside a stream has no status
                message,
                {},
                model=model,
                key_variable=_KEY,
                secrets=self._secrets(),
                usage=usage,
            )
            if status == 404:
                found.hint = f"`ollama pull {model}` fetches it; `nika providers --check` lists what is there"
            if shown:
                found.retriable = False
            return found
        known = transport_error("ollama", error, address=self._shown_address(), shown=shown, usage=usage)
        if known is not None:
            return known
        return TaskError(f"ollama failed: {message}", category=Category.PROVIDER, usage=usage)

    def _secrets(self) -> tuple[str, ...]:
        return (self._key,) if self._key else ()

    def _shown_address(self) -> str:
        """The address without a user and password in it."""
        scheme, separator, rest = self._address.rpartition("://")
        return f"{scheme}{separator}{rest.rpartition('@')[2]}".rstrip("/")
