"""Talks to OpenAI, or to a server that speaks as it does."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Mapping, Sequence
from typing import Any, Final, TypeVar

from nika_core import codes
from nika_core.errors import Category, TaskError
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
from nika_provider_openai.models import KNOWN, info_of
from nika_provider_openai.wire import Gathered, asked_in_words, batch_line, batch_mark, batch_reply, body_of

T = TypeVar("T")
OFFICIAL: Final = "https://api.openai.com/v1"
_KEY: Final = "OPENAI_API_KEY"
_CONNECT: Final = 10.0
_SILENCE: Final = 300.0  # seconds without a byte; a task's own timeout is usually shorter
_MARK: Final = "nika_batch"  # in a batch's metadata
_PAGE: Final = 100  # batches
_SKEW: Final = 3600.0  # seconds by which its clock and ours may differ
_NO_LIST: Final = (404, 405, 501)  # what another server says that cannot list its batches
_NO_KEY: Final = "not-needed"  # the SDK insists on one


class Client:
    """One connection pool for a run. The SDK's own retries are off: attempts are the kernel's."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._address = env_text(environ, "OPENAI_BASE_URL") or OFFICIAL
        self._official = self._address.rstrip("/").startswith("https://api.openai.com")
        self._key = env_text(environ, _KEY)
        self._organization = env_text(environ, "OPENAI_ORG_ID")
        self._project = env_text(environ, "OPENAI_PROJECT_ID")
        self._batches = self._official or env_text(environ, "NIKA_OPENAI_BATCH") is not None
        self._silence = _SILENCE
        self._sdk: Any = None
        self._open: Any = None
        self._opening = asyncio.Lock()
        self._no_usage = False  # the server knows no `stream_options`
        self._no_format: set[str] = set()  # models whose server knows no `response_format`

    def info(self, model: str) -> ModelInfo:
        schema = model not in self._no_format
        return info_of(model, official=self._official, batch=self._batches, json_schema=schema)

    def models(self) -> Sequence[ModelInfo]:
        return [self.info(name) for name in KNOWN] if self._official else ()

    async def stream(self, request: ModelRequest) -> AsyncIterator[Chunk]:
        """Raises TaskError."""
        got = Gathered(request.model or "")
        shown = False
        try:
            client = await self._client()
            events = await self._send(client, request)
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
            raise self._error(error, request.model, got, shown=shown) from error
        if got.stop is None:
            raise truncated_error("openai", usage=got.usage)
        yield got.finished()

    async def estimate(self, request: ModelRequest) -> TokenEstimate:
        """There is no counter that costs nothing: an estimate."""
        return TokenEstimate(estimate_tokens(request))

    async def health(self) -> Health:
        try:
            client = await self._client()
            page = await client.models.list(timeout=_CONNECT)
            names = tuple(sorted(str(model.id) for model in page.data))
        except Exception as error:
            failure = error if isinstance(error, TaskError) else self._error(error, None, None)
            return Health(False, failure.message)
        return Health(True, f"{len(names)} model(s) at {self._shown_address()}", names)

    async def submit_batch(self, requests: Mapping[str, ModelRequest]) -> str:
        """Raises TaskError."""
        lines = [batch_line(name, request, official=self._official) for name, request in requests.items()]
        client = await self._client()
        data = ("\n".join(lines) + "\n").encode()
        file = await self._called(client.files.create(file=("nika-batch.jsonl", data), purpose="batch"))
        batch = await self._called(
            client.batches.create(
                input_file_id=file.id,
                endpoint="/v1/chat/completions",
                completion_window="24h",
                metadata={_MARK: batch_mark(requests)},
            )
        )
        return str(batch.id)

    async def find_batch(self, names: Sequence[str], since: float) -> BatchSearch:
        """By the metadata that `submit_batch` gave it. Raises TaskError."""
        client, mark = await self._client(), batch_mark(names)
        try:
            page = await self._called(client.batches.list(limit=_PAGE))
            while True:
                for batch in page.data or ():
                    if (batch.metadata or {}).get(_MARK) == mark:
                        return BatchSearch(BatchTrace.TAKEN, str(batch.id))
                # The newest come first.
                if not page.data or not page.has_next_page() or page.data[-1].created_at < since - _SKEW:
                    return BatchSearch(BatchTrace.ABSENT)
                page = await self._called(page.get_next_page())
        except TaskError as error:
            if not self._official and getattr(error.__cause__, "status_code", None) in _NO_LIST:
                return BatchSearch(BatchTrace.UNKNOWN)
            raise

    async def poll_batch(self, batch_id: str) -> BatchResult:
        """Raises TaskError; also where the whole batch was refused."""
        client = await self._client()
        batch = await self._called(client.batches.retrieve(batch_id))
        if batch.status in ("validating", "in_progress", "finalizing", "cancelling"):
            return BatchResult(done=False)
        replies: dict[str, BatchReply] = {}
        for file_id in (batch.output_file_id, batch.error_file_id):
            if file_id:
                content = await self._called(client.files.content(file_id))
                for line in content.text.splitlines():
                    if line.strip():
                        answer = json.loads(line)
                        replies[str(answer["custom_id"])] = batch_reply(answer)
        if not replies and batch.status != "completed":
            errors = getattr(batch.errors, "data", None) or ()
            why = "; ".join(str(error.message) for error in errors) or f"it is {batch.status}"
            raise TaskError(
                f"openai did not run the batch {batch_id}: {self._clean(why)}",
                category=Category.PROVIDER,
                retriable=False,
            )
        return BatchResult(True, replies)

    async def close(self) -> None:
        if self._open is not None:
            client, self._open = self._open, None
            await client.close()

    async def _client(self) -> Any:
        """Raises TaskError (NIKA-077) where a key is needed and none is set."""
        async with self._opening:
            if self._open is None:
                if self._official and self._key is None:
                    raise TaskError(
                        f"{_KEY} is not set",
                        category=Category.CONFIG,
                        code=codes.MISSING_SECRET,
                        hint=f"export {_KEY}=..., or OPENAI_BASE_URL for a server that needs no key",
                    )
                self._sdk = await load_sdk("openai")
                http = await load_sdk("httpx2")
                self._open = self._sdk.AsyncOpenAI(
                    api_key=self._key or _NO_KEY,
                    base_url=self._address,
                    organization=self._organization,
                    project=self._project,
                    max_retries=0,
                    timeout=http.Timeout(self._silence, connect=_CONNECT),
                )
            return self._open

    async def _send(self, client: Any, request: ModelRequest) -> Any:
        """The stream's beginning. What a server says it does not know is left out, once for the run: nothing was
        generated before, so nothing is paid twice. A schema is asked for in words then."""
        headers = {"Idempotency-Key": request.key} if request.key else None
        while True:
            in_words = request.output_schema is not None and request.model in self._no_format
            body = body_of(asked_in_words(request) if in_words else request, official=self._official)
            if not self._no_usage:
                body["stream_options"] = {"include_usage": True}
            try:
                return await client.chat.completions.create(**body, stream=True, extra_headers=headers)
            except self._sdk.APIStatusError as error:
                if self._official or error.status_code not in (400, 422):
                    raise
                if "stream_options" in body and "stream_options" in str(error):
                    self._no_usage = True
                elif "response_format" in body and "response_format" in str(error):
                    self._no_format.add(request.model or "")
                else:
                    raise

    async def _called(self, call: Awaitable[T]) -> T:
        try:
            return await call
        except TaskError:
            raise
        except Exception as error:
            raise self._error(error, None, None) from error

    def _error(self, error: Exception, model: str | None, got: Gathered | None, *, shown: bool = False) -> TaskError:
        usage = got.usage if got else None
        status = getattr(error, "status_code", None)
        message = str(getattr(error, "message", None) or error)
        if isinstance(status, int):
            return status_error(
                "openai",
                status,
                message,
                error.response.headers,  # type: ignore[attr-defined]  # errors of the SDK with a status have a response
                model=model,
                code=getattr(error, "code", None),
                key_variable=_KEY,
                secrets=self._secrets(),
                usage=usage,
            )
        found = transport_error("openai", error, address=self._shown_address(), shown=shown, usage=usage)
        if found is not None:
            return found
        return TaskError(
            f"openai failed: {self._clean(message)}",
            category=Category.PROVIDER,
            usage=usage,
            retriable=None if not shown else False,
        )

    def _clean(self, message: str) -> str:
        return clean(message, self._secrets())

    def _secrets(self) -> tuple[str, ...]:
        return (self._key,) if self._key else ()

    def _shown_address(self) -> str:
        """The address without a user and password in it."""
        scheme, _, rest = self._address.partition("://")
        host, slash, path = rest.partition("/")
        return f"{scheme}://{host.rpartition('@')[2]}{slash}{path}".rstrip("/")
