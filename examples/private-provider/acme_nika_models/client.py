"""Talks to ACME's gateway. It knows nothing of retries, budgets, timeouts and accounting: the kernel brings these."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from acme_nika_models.tokens import Tokens
from nika_core.errors import Category, TaskError
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
from nika_core.toolbox.providers import load_sdk, parsed_call, status_error, transport_error, truncated_error

# What the house charges its departments; before the public list, after `prices:` of a project.
_PRICES = {
    "acme-large": Price(Decimal("1.00"), Decimal("4.00")),
    "acme-small": Price(Decimal("0.10"), Decimal("0.40")),
}
_STOPS = {"done": "end", "length": "maxTokens", "tools": "toolUse", "no": "refusal"}


class Client:
    """One for a run, used by many tasks at once."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._address = environ.get("ACME_URL", "https://models.acme.example").rstrip("/")
        self._team = environ.get("ACME_TEAM", "unknown")
        self._tokens = Tokens(environ)
        self._http: Any = None
        self._opening = asyncio.Lock()

    def info(self, model: str) -> ModelInfo:
        """Pure and quick: `nika validate` asks this."""
        return ModelInfo(model, 32_000, 4_000, json_schema=False, price=_PRICES.get(model))

    def models(self) -> Sequence[ModelInfo]:
        return [self.info(name) for name in _PRICES]

    async def stream(self, request: ModelRequest) -> AsyncIterator[Chunk]:
        """A line of JSON for each piece, and one at the end. Raises TaskError."""
        shown, usage, calls = False, None, []
        try:
            async with await self._send(request) as response:
                async for line in response.aiter_lines():
                    piece = json.loads(line)
                    if "text" in piece:
                        shown = True
                        yield TextDelta(piece["text"])
                    elif "call" in piece:
                        call = piece["call"]
                        calls.append(parsed_call(call["id"], call["name"], json.dumps(call["arguments"])))
                    elif "end" in piece:
                        usage = Usage(input_tokens=piece["in"], output_tokens=piece["out"], calls=1)
                        stop = _STOPS.get(piece["end"], piece["end"])
                        yield Finished(stop, usage, tuple(calls), request.model or "")
                        return
        except (TaskError, asyncio.CancelledError, GeneratorExit):
            raise
        except Exception as error:
            known = transport_error("acme", error, address=self._address, shown=shown, usage=usage)
            raise known or TaskError(f"acme failed: {type(error).__name__}", category=Category.PROVIDER) from error
        raise truncated_error("acme", usage=usage)  # a stream without its end is no answer

    async def estimate(self, request: ModelRequest) -> TokenEstimate:
        """The gateway has no counter: an estimate."""
        return TokenEstimate(estimate_tokens(request))

    async def health(self) -> Health:
        """Raises nothing."""
        try:
            async with await self._authorized("GET", "/models") as response:
                await response.aread()
                names = tuple(response.json())
        except Exception as error:
            failure = error if isinstance(error, TaskError) else transport_error("acme", error, address=self._address)
            return Health(False, failure.message if failure else type(error).__name__)
        return Health(True, f"{len(names)} model(s) at {self._address}", names)

    async def submit_batch(self, requests: Mapping[str, ModelRequest]) -> str:
        """There are no batches, and `info` says so: this is never called."""
        raise TaskError("acme has no batches", category=Category.CONFIG)

    async def poll_batch(self, batch_id: str) -> BatchResult:
        """There are no batches."""
        raise TaskError("acme has no batches", category=Category.CONFIG)

    async def close(self) -> None:
        if self._http is not None:
            await self._http.aclose()

    async def _send(self, request: ModelRequest) -> Any:
        body = {
            "model": request.model,
            "system": request.system,
            "limit": request.max_tokens,
            "temperature": request.temperature,
            "messages": [
                {
                    "role": message.role.value,
                    "text": message.content,
                    "calls": [{"id": c.id, "name": c.name, "arguments": c.arguments} for c in message.tool_calls],
                    "answers": message.tool_call_id,
                }
                for message in request.messages
            ],
            "tools": [
                {"name": tool.name, "about": tool.description, "schema": dict(tool.parameters)}
                for tool in request.tools
            ],
        }
        return await self._authorized("POST", "/generate", body)

    async def _authorized(self, method: str, path: str, body: Any = None) -> Any:
        """A response that is open and good. A token that was changed meanwhile is fetched anew, once."""
        http = await self._opened()
        token: str | None = None
        for last in (False, True):
            token = await self._tokens.current(refused=token)
            headers = {"X-Acme-Token": token, "X-Acme-Team": self._team}
            response = await http.send(
                http.build_request(method, self._address + path, json=body, headers=headers), stream=True
            )
            if response.status_code == 200:
                return _Open(response)
            if response.status_code != 401 or last:
                break
            await response.aclose()
        said = (await response.aread()).decode("utf-8", "replace")
        await response.aclose()
        raise status_error(
            "acme",
            response.status_code,
            said,
            response.headers,
            model=(body or {}).get("model"),
            key_variable="ACME_TOKEN",
            secrets=tuple(self._tokens.seen),  # they are in no variable: nobody else knows what to mask
        )

    async def _opened(self) -> Any:
        async with self._opening:
            if self._http is None:
                library = await load_sdk("httpx2")  # in a thread: the event loop goes on meanwhile
                self._http = library.AsyncClient(timeout=library.Timeout(300, connect=10), trust_env=False)
            return self._http


class _Open:
    """Closes a response at the end of a `with`."""

    def __init__(self, response: Any) -> None:
        self._response = response

    async def __aenter__(self) -> Any:
        return self._response

    async def __aexit__(self, *_: object) -> None:
        await self._response.aclose()
