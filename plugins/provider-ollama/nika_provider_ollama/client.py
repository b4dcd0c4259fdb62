"""The client of Ollama."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

from nika_core.plugin import Category, ModelInfo, ModelRequest, TaskError, Usage, codes
from nika_core.toolbox.providers import ServerClient, ServerError, load_sdk
from nika_provider_ollama.wire import Reply, body_of


class Client(ServerClient):
    """One connection pool for a run."""

    provider = "ollama"
    address_variable = "OLLAMA_HOST"
    default_address = "http://127.0.0.1:11434"
    key_variable = "OLLAMA_API_KEY"

    def info(self, model: str) -> ModelInfo:
        """Return what is known of the model. Only the server knows whether it can use tools, and says so when asked."""
        hosted = "ollama.com" in self.address or model.endswith("-cloud")
        return ModelInfo(model, json_schema=True, free=not hosted)

    async def connect(self) -> Any:
        """Make the SDK's client."""
        sdk = await load_sdk("ollama")
        headers = {"Authorization": f"Bearer {self.key}"} if self.key else None
        return sdk.AsyncClient(self.address, timeout=await self.http_timeout("httpx"), headers=headers)

    async def send(self, request: ModelRequest) -> AsyncIterator[Any]:
        """Send a request."""
        client = await self.connection()
        events: AsyncIterator[Any] = await client.chat(**body_of(request), stream=True)
        return events

    def new_reply(self, request: ModelRequest) -> Reply:
        """Return what collects a reply."""
        return Reply(request)

    async def list_models(self) -> tuple[str, ...]:
        """Return the names of the models that are on the machine."""
        client = await self.connection()
        async with asyncio.timeout(self.connect_timeout):
            return tuple(sorted(str(model.model) for model in (await client.list()).models))

    def read_error(self, error: Exception) -> ServerError:
        """Read an exception of the SDK; an error inside a stream has no status."""
        details = super().read_error(error)
        status = 500 if details.status is not None and details.status < 400 else details.status
        return replace(details, message=str(getattr(error, "error", None) or error), status=status)

    def error(
        self, error: Exception, *, model: str | None = None, usage: Usage | None = None, shown: bool = False
    ) -> TaskError:
        """Return the error for an exception, with what helps here."""
        details = self.read_error(error)
        if details.status is not None and "does not support tools" in details.message:
            return TaskError(
                f"the model {model!r} cannot use tools",
                category=Category.CONFIG,
                code=codes.MODEL_CANNOT,
                hint="use a model that can, or `allowedTools: []`",
            )
        failure = super().error(error, model=model, usage=usage, shown=shown)
        if details.status == 404:
            failure.hint = f"`ollama pull {model}` fetches it; `nika providers --check` lists what is there"
        return failure
