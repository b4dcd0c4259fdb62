"""Talks to Anthropic."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Mapping, Sequence
from typing import Any, Final, TypeVar

from nika_core import codes
from nika_core.errors import Category, TaskError
from nika_core.model.usage import Usage
from nika_core.plugin import (
    BatchReply,
    BatchResult,
    BatchSearch,
    BatchTrace,
    Chunk,
    Health,
    ModelInfo,
    ModelRequest,
    TextDelta,
    TokenEstimate,
    estimate_tokens,
)
from nika_core.toolbox.providers import clean, env_text, load_sdk, status_error, transport_error, truncated_error
from nika_provider_claude.models import KNOWN, info_of
from nika_provider_claude.wire import Gathered, batch_names, batch_reply, body_of, names_of, prompt_of

T = TypeVar("T")
OFFICIAL: Final = "https://api.anthropic.com"
_KEY: Final = "ANTHROPIC_API_KEY"
_TOKEN: Final = "ANTHROPIC_AUTH_TOKEN"  # noqa: S105  # the variable's name
_CONNECT: Final = 10.0
_SILENCE: Final = 300.0  # seconds without a byte; a task's own timeout is usually shorter
_PAGE: Final = 100  # batches
_SKEW: Final = 3600.0  # seconds by which its clock and ours may differ
_COUNTING: Final = 10.0  # seconds that counting may take before our own estimate stands in
# An error inside a stream comes with status 200: its type says what it is.
_STATUS: Final = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "api_error": 500,
    "timeout_error": 504,
    "overloaded_error": 529,
}


class Client:
    """One connection pool for a run. The SDK's own retries are off: attempts are the kernel's."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._address = env_text(environ, "ANTHROPIC_BASE_URL") or OFFICIAL
        self._key = env_text(environ, _KEY)
        self._token = env_text(environ, _TOKEN)
        self._silence = _SILENCE
        self._sdk: Any = None
        self._open: Any = None
        self._opening = asyncio.Lock()
        self._counts = True  # False: the server cannot count

    def info(self, model: str) -> ModelInfo:
        return info_of(model)

    def models(self) -> Sequence[ModelInfo]:
        return [info_of(name) for name in KNOWN]

    async def stream(self, request: ModelRequest) -> AsyncIterator[Chunk]:
        """Raises TaskError."""
        if request.temperature is not None:
            raise TaskError(
                f"the model {request.model!r} has no temperature",
                category=Category.CONFIG,
                code=codes.MODEL_CANNOT,
                hint="leave `temperature` out",
            )
        got = Gathered(request.model or "")
        shown = False
        try:
            client = await self._client()
            headers = {"Idempotency-Key": request.key} if request.key else None
            body = body_of(request, self._sdk.transform_schema)
            events = await client.messages.create(**body, stream=True, extra_headers=headers)
            try:
                async for event in events:
                    text = got.add(event)
                    if text:
                        shown = True
                        yield TextDelta(text)
            finally:
                await events.close()
        except (TaskError, asyncio.CancelledError, GeneratorExit):
            raise
        except Exception as error:
            raise self._error(error, request.model, usage=got.usage, shown=shown) from error
        if got.stop is None:  # the SDK takes a cut stream for an answer
            raise truncated_error("claude", usage=got.usage)
        yield got.finished()

    async def estimate(self, request: ModelRequest) -> TokenEstimate:
        """By Anthropic's own counter, which costs nothing; by our estimate where it does not answer."""
        for _ in range(2):  # a connection that was kept may have been closed meanwhile
            if not self._counts:
                break
            try:
                client = await self._client()
                body = prompt_of(request, self._sdk.transform_schema)
                counted = await self._called(client.messages.count_tokens(**body, timeout=_COUNTING))
                return TokenEstimate(int(counted.input_tokens), exact=True)
            except TaskError as error:
                if error.code == codes.MISSING_SECRET:
                    raise
                self._counts = error.category in (Category.RATE_LIMIT, Category.VALIDATION, Category.NETWORK)
                if error.category is not Category.NETWORK:
                    break
        return TokenEstimate(estimate_tokens(request))

    async def health(self) -> Health:
        try:
            client = await self._client()
            page = await client.models.list(timeout=_CONNECT)
            names = tuple(str(model.id) for model in page.data)
        except Exception as error:
            failure = error if isinstance(error, TaskError) else self._error(error, None)
            return Health(False, failure.message)
        return Health(True, f"{len(names)} model(s) at {self._shown_address()}", names)

    async def submit_batch(self, requests: Mapping[str, ModelRequest]) -> str:
        """Raises TaskError. The id also holds the names, where a batch does not take them as they are."""
        client = await self._client()
        names, packed = batch_names(list(requests))
        entries = [
            {"custom_id": name, "params": body_of(request, self._sdk.transform_schema)}
            for name, request in zip(names, requests.values(), strict=True)
        ]
        batch = await self._called(client.messages.batches.create(requests=entries))
        return f"{batch.id}:{packed}" if packed else str(batch.id)

    async def poll_batch(self, batch_id: str) -> BatchResult:
        """Raises TaskError."""
        client = await self._client()
        own, _, packed = batch_id.partition(":")
        names = names_of(packed)
        batch = await self._called(client.messages.batches.retrieve(own))
        if batch.processing_status != "ended":
            return BatchResult(done=False)
        return BatchResult(True, await self._called(self._results(client, own, names)))

    async def find_batch(self, names: Sequence[str], since: float) -> BatchSearch:
        """By what its requests are called, which is only shown when it has ended. Raises TaskError."""
        called, packed = batch_names(list(names))
        if packed:  # they are numbered, as in any other batch
            return BatchSearch(BatchTrace.UNKNOWN)
        client = await self._client()
        page = await self._called(client.messages.batches.list(limit=_PAGE))
        undecided = False
        while True:
            for batch in page.data or ():
                if _size(batch) != len(called) or _old(batch, since):
                    continue
                if batch.processing_status != "ended":
                    undecided = True
                elif batch.results_url:
                    results = await self._called(self._results(client, batch.id, {}))
                    if set(called) <= results.keys():
                        return BatchSearch(BatchTrace.TAKEN, str(batch.id))
            # The newest come first.
            if not page.data or not page.has_next_page() or _old(page.data[-1], since):
                return BatchSearch(BatchTrace.UNDECIDED if undecided else BatchTrace.ABSENT)
            page = await self._called(page.get_next_page())

    async def _results(self, client: Any, batch_id: str, names: Mapping[str, str]) -> dict[str, BatchReply]:
        found: dict[str, BatchReply] = {}
        async for item in await client.messages.batches.results(batch_id):
            found[names.get(item.custom_id, item.custom_id)] = batch_reply(item.result)
        return found

    async def close(self) -> None:
        if self._open is not None:
            client, self._open = self._open, None
            await client.close()

    async def _client(self) -> Any:
        """Raises TaskError (NIKA-077) where a key is needed and none is set."""
        async with self._opening:
            if self._open is None:
                official = self._address.rstrip("/") == OFFICIAL
                if official and not self._key and not self._token:
                    raise TaskError(
                        f"{_KEY} is not set",
                        category=Category.CONFIG,
                        code=codes.MISSING_SECRET,
                        hint=f"export {_KEY}=...",
                    )
                self._sdk = await load_sdk("anthropic")
                http = await load_sdk("httpx2")
                way = {"auth_token": self._token} if self._token and not self._key else {"api_key": self._key or "none"}
                self._open = self._sdk.AsyncAnthropic(
                    **way,
                    base_url=self._address,
                    max_retries=0,
                    timeout=http.Timeout(self._silence, connect=_CONNECT),
                )
            return self._open

    async def _called(self, call: Awaitable[T]) -> T:
        try:
            return await call
        except TaskError:
            raise
        except Exception as error:
            raise self._error(error, None) from error

    def _error(
        self, error: Exception, model: str | None, *, usage: Usage | None = None, shown: bool = False
    ) -> TaskError:
        status = getattr(error, "status_code", None)
        message = str(getattr(error, "api_message", None) or getattr(error, "message", None) or error)
        if isinstance(status, int):
            kind = getattr(error, "type", None)
            found = status_error(
                "claude",
                _STATUS.get(str(kind), 500) if status < 400 else status,
                message,
                error.response.headers,  # type: ignore[attr-defined]  # errors of the SDK with a status have a response
                model=model,
                code=kind,
                key_variable=_TOKEN if self._token and not self._key else _KEY,
                secrets=self._secrets(),
                usage=usage,
            )
            if shown:
                found.retriable = False
            return found
        known = transport_error("claude", error, address=self._shown_address(), shown=shown, usage=usage)
        if known is not None:
            return known
        return TaskError(
            f"claude failed: {clean(message, self._secrets())}",
            category=Category.PROVIDER,
            usage=usage,
            retriable=None if not shown else False,
        )

    def _secrets(self) -> tuple[str, ...]:
        return tuple(secret for secret in (self._key, self._token) if secret)

    def _shown_address(self) -> str:
        """The address without a user and password in it."""
        scheme, _, rest = self._address.partition("://")
        host, slash, path = rest.partition("/")
        return f"{scheme}://{host.rpartition('@')[2]}{slash}{path}".rstrip("/")


def _old(batch: Any, since: float) -> bool:
    made: float = batch.created_at.timestamp()
    return made < since - _SKEW


def _size(batch: Any) -> int:
    """Of how many requests it is."""
    counts = batch.request_counts
    return int(counts.processing + counts.succeeded + counts.errored + counts.canceled + counts.expired)
