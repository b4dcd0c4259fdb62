"""The client of Ollama."""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import AsyncIterator, Mapping
from typing import Any, Final

from nika_core.plugin import Category, FileAbility, ModelInfo, ModelRequest, TaskError, Usage, codes
from nika_core.toolbox.providers import ServerClient, ServerError, load_sdk, names_in
from nika_provider_ollama.wire import Reply, body_of

_IMAGES: Final = FileAbility(("image/png", "image/jpeg", "image/webp"), 20 * 1024 * 1024)
_TEXT: Final = FileAbility(("text/plain",), 10 * 1024 * 1024)


class Client(ServerClient):
    """One connection pool for a run."""

    provider = "ollama"
    address_variable = "OLLAMA_HOST"
    default_address = "http://127.0.0.1:11434"
    key_variable = "OLLAMA_API_KEY"

    def __init__(self, environ: Mapping[str, str]) -> None:
        super().__init__(environ)
        self.address = _with_scheme(self.address)

    def info(self, model: str) -> ModelInfo:
        """Return what is known of the model. Only the server knows whether it can use tools or think, and says so."""
        hosted = "ollama.com" in self.address or model.endswith("-cloud")
        return ModelInfo(
            model, json_schema=True, free=not hosted, efforts=("low", "medium", "high"), files=(_IMAGES, _TEXT)
        )

    async def connect(self) -> Any:
        """Make the SDK's client."""
        sdk = await _sdk()
        headers = {"Authorization": f"Bearer {self.key}"} if self.key else None
        return sdk.AsyncClient(self.address, headers=headers, **await self.http_options("httpx"))

    async def send(self, request: ModelRequest) -> AsyncIterator[Any]:
        """Send a request."""
        http = await self._http()
        message = http.build_request("POST", "/api/chat", json={**body_of(request), "stream": True})
        return await self.events(await http.send(message, stream=True), request)

    def new_reply(self, request: ModelRequest) -> Reply:
        """Return what collects a reply."""
        return Reply(request)

    async def list_models(self) -> tuple[str, ...]:
        """Return the names of the models that are on the machine."""
        http = await self._http()
        async with asyncio.timeout(self.connect_timeout):
            return names_in(await self.json(http.get("/api/tags")))

    async def _http(self) -> Any:
        """Return the HTTP client of the SDK, whose own streams lose what they cannot read."""
        return (await self.connection())._client  # it has the SDK's address and headers

    def server_error(self, details: ServerError, *, model: str | None = None, usage: Usage | None = None) -> TaskError:
        """Return the error for an answer that is one, with what helps here."""
        if "does not support tools" in details.message:
            return TaskError(
                f"the model {model!r} cannot use tools",
                category=Category.CONFIG,
                code=codes.MODEL_CANNOT,
                hint="use a model that can, or `allowedTools: []`",
            )
        if "does not support thinking" in details.message:
            return TaskError(
                f"the model {model!r} knows no effort",
                category=Category.CONFIG,
                code=codes.MODEL_CANNOT,
                hint="use a model that can think, or remove `effort`",
            )
        failure = super().server_error(details, model=model, usage=usage)
        if details.status == 404 and "model" in details.message:
            failure.hint = f"`ollama pull {model}` fetches it; `nika providers --check` lists what is there"
        return failure


async def _sdk() -> Any:
    """Return the module with the SDK's clients.

    When it is imported it makes a client by the variables for proxies and certificates, and fails for what it cannot
    read there (`NO_PROXY=[::1]`). Ours is given its own, and the module is there by then.
    """
    try:
        return await load_sdk("ollama")
    except ImportError:
        raise
    except Exception:
        if (module := sys.modules.get("ollama._client")) is None:
            raise
        return module


def _with_scheme(address: str) -> str:
    """Return an address as a URL: Ollama's own tools take `host`, `:port` and `host:port`, too."""
    if "://" in address:
        return address
    host, slash, path = address.partition("/")
    name, port = re.fullmatch(r"(.*?)(:\d+)?", host, re.DOTALL).groups()  # type: ignore[union-attr]  # it fits any text
    return f"http://{name or '127.0.0.1'}{port or ':11434'}{slash}{path}"
