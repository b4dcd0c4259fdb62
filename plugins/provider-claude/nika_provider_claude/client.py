"""The client of Anthropic's API."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
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
    TokenEstimate,
    codes,
    estimate_tokens,
)
from nika_core.toolbox.providers import ServerClient, ServerError, env_text, load_sdk
from nika_provider_claude.models import KNOWN, info_of
from nika_provider_claude.wire import Reply, batch_names, batch_reply, body_of, names_of, prompt_of

OFFICIAL: Final = "https://api.anthropic.com"
_TOKEN: Final = "ANTHROPIC_AUTH_TOKEN"  # noqa: S105  # the variable's name
_PAGE: Final = 100  # batches
_SKEW: Final = 3600.0  # seconds by which its clock and ours may differ
_COUNTING: Final = 10.0  # seconds that counting may take before our own estimate stands in
# The types of errors inside a stream.
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


class Client(ServerClient):
    """One connection pool for a run. The SDK's own retries are off: attempts are the kernel's."""

    provider = "claude"
    address_variable = "ANTHROPIC_BASE_URL"
    default_address = OFFICIAL
    key_variable = "ANTHROPIC_API_KEY"

    def __init__(self, environ: Mapping[str, str]) -> None:
        super().__init__(environ)
        self._token = env_text(environ, _TOKEN)
        if self._token and not self.key:
            self.key_variable = _TOKEN
        self._sdk: Any = None
        self._counts = True  # False: the server cannot count

    def info(self, model: str) -> ModelInfo:
        """Return what is known of the model."""
        return info_of(model)

    def models(self) -> Sequence[ModelInfo]:
        """Return the models of the public list."""
        return [info_of(name) for name in KNOWN]

    async def connect(self) -> Any:
        """Make the SDK's client. Raise TaskError (NIKA-077) if a key is needed and none is set."""
        if self.address.rstrip("/") == OFFICIAL and not self.secrets:
            raise self.missing_key()
        self._sdk = await load_sdk("anthropic")
        credentials = {"api_key": self.key or "none"} if self.key or not self._token else {"auth_token": self._token}
        return self._sdk.AsyncAnthropic(
            **credentials, base_url=self.address, max_retries=0, timeout=await self.http_timeout()
        )

    async def send(self, request: ModelRequest) -> AsyncIterator[Any]:
        """Send a request. Raise TaskError for a temperature, which Anthropic's models do not take."""
        if request.temperature is not None:
            raise TaskError(
                f"the model {request.model!r} has no temperature",
                category=Category.CONFIG,
                code=codes.MODEL_CANNOT,
                hint="leave `temperature` out",
            )
        client = await self.connection()
        headers = {"Idempotency-Key": request.key} if request.key else None
        body = body_of(request, self._sdk.transform_schema)
        events: AsyncIterator[Any] = await client.messages.create(**body, stream=True, extra_headers=headers)
        return events

    def new_reply(self, request: ModelRequest) -> Reply:
        """Return what collects a reply."""
        return Reply(request.model or "")

    async def list_models(self) -> tuple[str, ...]:
        """Return the names of the models that this key may use."""
        client = await self.connection()
        page = await client.models.list(timeout=self.connect_timeout)
        return tuple(str(model.id) for model in page.data)

    async def estimate(self, request: ModelRequest) -> TokenEstimate:
        """By Anthropic's own counter, which costs nothing; by our estimate where it does not answer."""
        for _ in range(2):  # a connection that was kept may have been closed meanwhile
            if not self._counts:
                break
            try:
                client = await self.connection()
                body = prompt_of(request, self._sdk.transform_schema)
                counted = await self.call(client.messages.count_tokens(**body, timeout=_COUNTING))
                return TokenEstimate(int(counted.input_tokens), exact=True)
            except TaskError as error:
                if error.code == codes.MISSING_SECRET:
                    raise
                self._counts = error.category in (Category.RATE_LIMIT, Category.VALIDATION, Category.NETWORK)
                if error.category is not Category.NETWORK:
                    break
        return TokenEstimate(estimate_tokens(request))

    async def submit_batch(self, requests: Mapping[str, ModelRequest]) -> str:
        """Send a batch. Raise TaskError. The id also holds the names if a batch does not take them as they are."""
        client = await self.connection()
        names, packed = batch_names(list(requests))
        entries = [
            {"custom_id": name, "params": body_of(request, self._sdk.transform_schema)}
            for name, request in zip(names, requests.values(), strict=True)
        ]
        batch = await self.call(client.messages.batches.create(requests=entries))
        return f"{batch.id}:{packed}" if packed else str(batch.id)

    async def poll_batch(self, batch_id: str) -> BatchResult:
        """Return how the batch is. Raise TaskError."""
        client = await self.connection()
        own, _, packed = batch_id.partition(":")
        names = names_of(packed)
        batch = await self.call(client.messages.batches.retrieve(own))
        if batch.processing_status != "ended":
            return BatchResult(done=False)
        return BatchResult(True, await self.call(self._results(client, own, names)))

    async def find_batch(self, names: Sequence[str], since: float) -> BatchSearch:
        """By what its requests are called, which is only shown when it has ended. Raises TaskError."""
        called, packed = batch_names(list(names))
        if packed:  # they are numbered, as in any other batch
            return BatchSearch(BatchTrace.UNKNOWN)
        client = await self.connection()
        page = await self.call(client.messages.batches.list(limit=_PAGE))
        undecided = False
        while True:
            for batch in page.data or ():
                if _size(batch) != len(called) or _old(batch, since):
                    continue
                if batch.processing_status != "ended":
                    undecided = True
                elif batch.results_url:
                    results = await self.call(self._results(client, batch.id, {}))
                    if set(called) <= results.keys():
                        return BatchSearch(BatchTrace.TAKEN, str(batch.id))
            # The newest come first.
            if not page.data or not page.has_next_page() or _old(page.data[-1], since):
                return BatchSearch(BatchTrace.UNDECIDED if undecided else BatchTrace.ABSENT)
            page = await self.call(page.get_next_page())

    async def _results(self, client: Any, batch_id: str, names: Mapping[str, str]) -> dict[str, BatchReply]:
        found: dict[str, BatchReply] = {}
        async for item in await client.messages.batches.results(batch_id):
            found[names.get(item.custom_id, item.custom_id)] = batch_reply(item.result)
        return found

    def read_error(self, error: Exception) -> ServerError:
        """Read an exception of the SDK; an error inside a stream has status 200, and its type says what it is."""
        details = super().read_error(error)
        kind = getattr(error, "type", None)
        status = details.status
        if status is not None and status < 400:
            status = _STATUS.get(str(kind), 500)
        message = str(getattr(error, "api_message", None) or details.message)
        return replace(details, message=message, status=status, code=kind)

    @property
    def secrets(self) -> tuple[str, ...]:
        """The key and the token."""
        return tuple(secret for secret in (self.key, self._token) if secret)


def _old(batch: Any, since: float) -> bool:
    made: float = batch.created_at.timestamp()
    return made < since - _SKEW


def _size(batch: Any) -> int:
    """Of how many requests it is."""
    counts = batch.request_counts
    return int(counts.processing + counts.succeeded + counts.errored + counts.canceled + counts.expired)
