"""The client that runs the model itself: llama.cpp in threads of this process."""

from __future__ import annotations

import asyncio
import os
import secrets
import threading
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Final

from nika_core.plugin import Category, FileAbility, Health, ModelInfo, ModelRequest, TaskError, codes
from nika_core.toolbox.providers import ChatReply, ServerClient, load_sdk
from nika_provider_local.weights import VARIABLE, find_weights
from nika_provider_local.wire import body_of

CONTEXT: Final = 8192
_TEXT: Final = FileAbility(("text/plain",), 10 * 1024 * 1024)


class Client(ServerClient):
    """Loads the weights once for a run, on first use. Calls run one after the other: the processor is one."""

    provider = "the local model"

    def __init__(self, environ: Mapping[str, str]) -> None:
        super().__init__(environ)
        self._running: set[asyncio.Future[Any]] = set()

    def info(self, model: str) -> ModelInfo:
        """Return what the model can do. A small model calls tools badly, so none are offered to it."""
        return ModelInfo(model, CONTEXT, tools=False, json_schema=True, free=True, files=(_TEXT,))

    def models(self) -> Sequence[ModelInfo]:
        """Return the one model that comes with a package."""
        return (self.info("smollm2-135m"),)

    async def connect(self) -> Any:
        """Load the weights. Raise TaskError."""
        path = await asyncio.to_thread(find_weights, self.environ)
        try:
            sdk = await load_sdk("xllamacpp")
            return await asyncio.to_thread(_open, sdk, str(path))
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

    async def send(self, request: ModelRequest) -> AsyncIterator[Any]:
        """Start a reply. Raise TaskError if tools are offered."""
        if request.tools:
            raise TaskError(
                f"the model {request.model!r} cannot use tools",
                category=Category.CONFIG,
                code=codes.MODEL_CANNOT,
                hint="use another model, or `allowedTools: []`",
            )
        return self._generated(await self.connection(), request)

    def new_reply(self, request: ModelRequest) -> ChatReply:
        """Return what collects a reply."""
        return ChatReply(request)

    async def _generated(self, server: Any, request: ModelRequest) -> AsyncIterator[Any]:
        """Yield llama.cpp's chunks; closing it ends the generation at its next word."""
        loop = asyncio.get_running_loop()
        chunks: asyncio.Queue[Any] = asyncio.Queue()
        stop = threading.Event()

        def receive(chunk: Any) -> bool:
            """Take a chunk, in llama.cpp's thread; true ends the generation."""
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
                yield chunk
            await running
        finally:
            stop.set()

    async def list_models(self) -> tuple[str, ...]:
        """Return the name of the model."""
        return ("smollm2-135m",)

    async def health(self) -> Health:
        """Return whether there are weights and a library to run them. Raise nothing."""
        try:
            path = await asyncio.to_thread(find_weights, self.environ)
            await load_sdk("xllamacpp")
        except TaskError as error:
            return Health(False, f"{error.message}; {error.hint}")
        except ImportError as error:
            return Health(False, f"xllamacpp cannot be imported: {error}")
        return Health(True, path.name, ("smollm2-135m",))

    async def close(self) -> None:
        """Wait for what still runs (each reply ends at its next word), then free the weights."""
        if self._running:
            await asyncio.wait(self._running)
        self._connection = None

    def _ended(self, running: asyncio.Future[Any]) -> None:
        self._running.discard(running)
        if not running.cancelled():
            running.exception()  # mark it as retrieved: `send` has raised it, or nobody waits for it any more


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
