"""The client of OpenAI's API, and of servers that speak its protocol."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Final

from nika_core.plugin import (
    BatchReply,
    BatchResult,
    BatchSearch,
    BatchTrace,
    Category,
    ModelInfo,
    ModelRequest,
    TaskError,
)
from nika_core.toolbox.providers import ServerClient, clean, env_text, load_sdk
from nika_provider_openai.models import KNOWN, info_of
from nika_provider_openai.wire import Reply, asked_in_words, batch_line, batch_mark, batch_reply, body_of

OFFICIAL: Final = "https://api.openai.com/v1"
_MARK: Final = "nika_batch"  # in a batch's metadata
_PAGE: Final = 100  # batches
_SKEW: Final = 3600.0  # seconds by which its clock and ours may differ
_NO_LIST: Final = (404, 405, 501)  # what another server says that cannot list its batches
_NO_KEY: Final = "not-needed"  # the SDK insists on one


class Client(ServerClient):
    """One connection pool for a run. The SDK's own retries are off: attempts are the kernel's."""

    provider = "openai"
    address_variable = "OPENAI_BASE_URL"
    default_address = OFFICIAL
    key_variable = "OPENAI_API_KEY"

    def __init__(self, environ: Mapping[str, str]) -> None:
        super().__init__(environ)
        self._official = self.address.rstrip("/").startswith("https://api.openai.com")
        self._batches = self._official or env_text(environ, "NIKA_OPENAI_BATCH") is not None
        self._sdk: Any = None
        self._no_usage = False  # the server knows no `stream_options`
        self._no_format: set[str] = set()  # models whose server knows no `response_format`

    def info(self, model: str) -> ModelInfo:
        """Return what is known of the model, and what its server has refused so far."""
        schema = model not in self._no_format
        return info_of(model, official=self._official, batch=self._batches, json_schema=schema)

    def models(self) -> Sequence[ModelInfo]:
        """Return OpenAI's best-known models; none for another server."""
        return [self.info(name) for name in KNOWN] if self._official else ()

    async def connect(self) -> Any:
        """Make the SDK's client. Raise TaskError (NIKA-077) if a key is needed and none is set."""
        if self._official and self.key is None:
            raise self.missing_key(f", or {self.address_variable} for a server that needs no key")
        self._sdk = await load_sdk("openai")
        return self._sdk.AsyncOpenAI(
            api_key=self.key or _NO_KEY,
            base_url=self.address,
            organization=env_text(self.environ, "OPENAI_ORG_ID"),
            project=env_text(self.environ, "OPENAI_PROJECT_ID"),
            max_retries=0,
            timeout=await self.http_timeout(),
        )

    async def send(self, request: ModelRequest) -> AsyncIterator[Any]:
        """Send a request without what the server does not know; it is left out for the rest of the run.

        The server refuses such a request before it generates anything, so nothing is paid twice. A schema is then asked
        for in words.
        """
        client = await self.connection()
        headers = {"Idempotency-Key": request.key} if request.key else None
        while True:
            in_words = request.output_schema is not None and request.model in self._no_format
            body = body_of(asked_in_words(request) if in_words else request, official=self._official)
            if not self._no_usage:
                body["stream_options"] = {"include_usage": True}
            try:
                events: AsyncIterator[Any] = await client.chat.completions.create(
                    **body, stream=True, extra_headers=headers
                )
                return events
            except self._sdk.APIStatusError as error:
                if self._official or error.status_code not in (400, 422):
                    raise
                if "stream_options" in body and "stream_options" in str(error):
                    self._no_usage = True
                elif "response_format" in body and "response_format" in str(error):
                    self._no_format.add(request.model or "")
                else:
                    raise

    def new_reply(self, request: ModelRequest) -> Reply:
        """Return what collects a reply."""
        return Reply(request.model or "")

    async def list_models(self) -> tuple[str, ...]:
        """Return the names of the models that the server lists."""
        client = await self.connection()
        page = await client.models.list(timeout=self.connect_timeout)
        return tuple(sorted(str(model.id) for model in page.data))

    async def submit_batch(self, requests: Mapping[str, ModelRequest]) -> str:
        """Send a batch. Raise TaskError."""
        lines = [batch_line(name, request, official=self._official) for name, request in requests.items()]
        client = await self.connection()
        data = ("\n".join(lines) + "\n").encode()
        file = await self.call(client.files.create(file=("nika-batch.jsonl", data), purpose="batch"))
        batch = await self.call(
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
        client, mark = await self.connection(), batch_mark(names)
        try:
            page = await self.call(client.batches.list(limit=_PAGE))
            while True:
                for batch in page.data or ():
                    if (batch.metadata or {}).get(_MARK) == mark:
                        return BatchSearch(BatchTrace.TAKEN, str(batch.id))
                # The newest come first.
                if not page.data or not page.has_next_page() or page.data[-1].created_at < since - _SKEW:
                    return BatchSearch(BatchTrace.ABSENT)
                page = await self.call(page.get_next_page())
        except TaskError as error:
            if not self._official and getattr(error.__cause__, "status_code", None) in _NO_LIST:
                return BatchSearch(BatchTrace.UNKNOWN)
            raise

    async def poll_batch(self, batch_id: str) -> BatchResult:
        """Return how the batch is. Raise TaskError, also if the whole batch was refused."""
        client = await self.connection()
        batch = await self.call(client.batches.retrieve(batch_id))
        if batch.status in ("validating", "in_progress", "finalizing", "cancelling"):
            return BatchResult(done=False)
        replies: dict[str, BatchReply] = {}
        for file_id in (batch.output_file_id, batch.error_file_id):
            if file_id:
                content = await self.call(client.files.content(file_id))
                for line in content.text.splitlines():
                    if line.strip():
                        answer = json.loads(line)
                        replies[str(answer["custom_id"])] = batch_reply(answer)
        if not replies and batch.status != "completed":
            errors = getattr(batch.errors, "data", None) or ()
            why = "; ".join(str(error.message) for error in errors) or f"it is {batch.status}"
            raise TaskError(
                f"openai did not run the batch {batch_id}: {clean(why, self.secrets)}",
                category=Category.PROVIDER,
                retriable=False,
            )
        return BatchResult(True, replies)
