"""Runs the model: llama.cpp in threads of this process."""

from __future__ import annotations

import asyncio
import os
import secrets
import threading
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Final

from nika_core import codes
from nika_core.errors import Category, TaskError
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
from nika_core.toolbox.providers import load_sdk, truncated_error
from nika_provider_local.weights import VARIABLE, find_weights
from nika_provider_local.wire import Gathered, body_of

CONTEXT: Final = 8192


class Client:
    """Loads the weights once for a run, on first use. Calls run one after the other: the processor is one."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._server: Any = None
        self._opening = asyncio.Lock()
        self._running: set[asyncio.Future[Any]] = set()

    def info(self, model: str) -> ModelInfo:
        """A small model calls tools badly: none are offered to it."""
        return ModelInfo(model, CONTEXT, tools=False, json_schema=True, free=True)

    def models(self) -> Sequence[ModelInfo]:
        return (self.info("smollm2-135m"),)

    async def stream(self, request: ModelRequest) -> AsyncIterator[Chunk]:
        """Raises TaskError."""
        if request.tools:
            raise TaskError(
                f"the model {request.model!r} cannot use tools",
                category=Category.CONFIG,
                code=codes.MODEL_CANNOT,
                hint="use another model, or `allowedTools: []`",
            )
        server = await self._loaded()
        got = Gathered(request.model or "local")
        loop = asyncio.get_running_loop()
        chunks: asyncio.Queue[Any] = asyncio.Queue()
        stop = threading.Event()

        def receive(chunk: Any) -> bool:
            """Called in llama.cpp's thread; true ends the generation."""
            if not stop.is_set():
                loop.call_soon_threadsafe(chunks.put_nowait, chunk)
            return stop.is_set()

        def generate() -> None:
            try:
                returned = server.handle_chat_completions(body_of(request), receive)
                if isinstance(returned, Mapping):
                    receive(returned)
            finally:
                loop.call_soon_threadsafe(chunks.put_nowait, None)

        running = loop.run_in_executor(None, generate)
        self._running.add(running)
        running.add_done_callback(self._ended)
        try:
            while (chunk := await chunks.get()) is not None:
                text = got.add(chunk)
                if text:
                    yield TextDelta(text)
            await running
        except RuntimeError as error:
            raise TaskError(f"the local model failed: {error}", category=Category.PROVIDER) from error
        finally:
            stop.set()
        if got.stop is None:
            raise truncated_error("local", usage=got.usage)
        yield got.finished()

    async def estimate(self, request: ModelRequest) -> TokenEstimate:
        """An estimate: the model's own count comes with its answer."""
        return TokenEstimate(estimate_tokens(request))

    async def health(self) -> Health:
        try:
            path = await asyncio.to_thread(find_weights, self._environ)
            await load_sdk("xllamacpp")
        except TaskError as error:
            return Health(False, f"{error.message}; {error.hint}")
        except ImportError as error:
            return Health(False, f"xllamacpp cannot be imported: {error}")
        return Health(True, path.name, ("smollm2-135m",))

    async def submit_batch(self, requests: Mapping[str, ModelRequest]) -> str:
        """There are no batches: raises TaskError."""
        raise TaskError("the local model has no batches", category=Category.CONFIG, code=codes.MODEL_CANNOT)

    async def poll_batch(self, batch_id: str) -> BatchResult:
        """There are no batches: raises TaskError."""
        raise TaskError("the local model has no batches", category=Category.CONFIG, code=codes.MODEL_CANNOT)

    async def close(self) -> None:
        """Waits for what still runs (each ends at its next word), then frees the weights."""
        if self._running:
            await asyncio.wait(self._running)
        self._server = None

    def _ended(self, running: asyncio.Future[Any]) -> None:
        self._running.discard(running)
        if not running.cancelled():
            running.exception()  # looked at: whoever waited for it was told, or is gone

    async def _loaded(self) -> Any:
        async with self._opening:
            if self._server is None:
                path = await asyncio.to_thread(find_weights, self._environ)
                try:
                    sdk = await load_sdk("xllamacpp")
                    self._server = await asyncio.to_thread(_open, sdk, str(path))
                except ImportError as error:
                    raise TaskError(
                        f"xllamacpp cannot be imported: {error}",
                        category=Category.CONFIG,
                        hint="install the extra `nika-workflows[local]`; it has wheels for Linux, macOS and Windows",
                    ) from error
                except RuntimeError as error:
                    raise TaskError(
                        f"llama.cpp cannot load {str(path)!r}: {error}",
                        category=Category.CONFIG,
                        hint=f"{VARIABLE} must name a GGUF file of a chat model",
                    ) from error
            return self._server


def _open(sdk: Any, path: str) -> Any:
    """Blocks for some tenths of a second."""
    params = sdk.CommonParams()
    params.model.path = path
    params.n_ctx = CONTEXT
    params.n_parallel = 1
    params.verbosity = 0
    params.warmup = False
    # Its threads wait for each other by spinning: on a busy machine fewer are much faster than one for each core.
    params.cpuparams.n_threads = max(1, min(8, (os.cpu_count() or 2) // 2))
    # The library also listens on a free port of the loopback address; nobody is given this key.
    params.api_keys = [secrets.token_hex(16)]
    return sdk.Server(params)
