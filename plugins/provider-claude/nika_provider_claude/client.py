"""The client of Anthropic's API."""

from __future__ import annotations

from collections.abc import AsyncIterator, Container, Mapping, Sequence
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
from nika_core.toolbox.providers import ServerClient, batch_replies, env_text, load_sdk, names_in
from nika_provider_claude.models import KNOWN, info_of
from nika_provider_claude.wire import (
    LEAST_ROOM,
    ClaudeReply,
    batch_names,
    batch_reply,
    body_of,
    names_of,
    prompt_of,
    thinks,
)

OFFICIAL: Final = "https://api.anthropic.com"
_TOKEN: Final = "ANTHROPIC_AUTH_TOKEN"  # noqa: S105  # the variable's name
_PAGE: Final = 100  # batches
_SKEW: Final = 3600.0  # seconds by which its clock and ours may differ
_COUNTING: Final = 10.0  # seconds that counting may take before our own estimate stands in
_OPTIONAL: Final = {
    "output_config": "the model is asked for JSON in words, and for no effort",
    "thinking": "the model is asked for no effort",
    "metadata": "the project's label `user` is not sent to it",
}


class Client(ServerClient):
    """One connection pool for a run. The SDK's own retries are off: attempts are the kernel's."""

    provider = "claude"
    counts_by_asking = True
    address_variable = "ANTHROPIC_BASE_URL"
    default_address = OFFICIAL
    key_variable = "ANTHROPIC_API_KEY"
    max_connections = 1000

    def __init__(self, environ: Mapping[str, str]) -> None:
        super().__init__(environ)
        self._token = env_text(environ, _TOKEN)
        if self._token and not self.key:
            self.key_variable = _TOKEN
        self._sdk: Any = None
        self._response: Any = None  # the class of a response that nobody has read
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
        options = await self.http_options()
        self._sdk, self._response = await load_sdk("anthropic"), (await load_sdk("httpx2")).Response
        credentials = {"api_key": self.key or "none"} if self.key or not self._token else {"auth_token": self._token}
        return self._sdk.AsyncAnthropic(
            **credentials,
            base_url=self.address,
            max_retries=0,
            timeout=options["timeout"],
            http_client=self._sdk.DefaultAsyncHttpxClient(**options),
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
        if request.effort and not thinks(request):
            self.notify(
                f"claude does not think in some calls of {request.model!r}: `maxTokens` leaves too little room "
                f"(it takes {LEAST_ROOM:,}), or their turn began without thinking"
            )
        client = await self.connection()
        headers = {"Idempotency-Key": request.key} if request.key else {}

        def body(left_out: Container[str]) -> dict[str, Any]:
            return {**body_of(request, self._sdk.transform_schema, left_out), "stream": True}

        async def post(body: dict[str, Any]) -> AsyncIterator[Any]:
            options = {"headers": headers}
            response = await client.post(
                "/v1/messages", cast_to=self._response, body=body, options=options, stream=True
            )
            return await self.events(response, request)

        return await self.adapted(request, body, post, _OPTIONAL)

    def new_reply(self, request: ModelRequest) -> ClaudeReply:
        """Return what collects a reply."""
        return ClaudeReply(request)

    async def list_models(self) -> tuple[str, ...]:
        """Return the names of the models that this key may use."""
        client = await self.connection()
        options = {"timeout": self.connect_timeout}
        return names_in(await self.json(client.get("/v1/models", cast_to=self._response, options=options)))

    async def estimate(self, request: ModelRequest) -> TokenEstimate:
        """Count with Anthropic's own counter, which costs nothing; estimate if it does not answer."""
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
        return BatchResult(True, await self._results(client, own, names))

    async def find_batch(self, names: Sequence[str], since: float) -> BatchSearch:
        """Find a batch by the names of its requests, which are only shown when it has ended. Raise TaskError."""
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
                    results = await self._results(client, batch.id, {})
                    if set(called) <= results.keys():
                        return BatchSearch(BatchTrace.TAKEN, str(batch.id))
            # The newest come first.
            if not page.data or not page.has_next_page() or _old(page.data[-1], since):
                return BatchSearch(BatchTrace.UNDECIDED if undecided else BatchTrace.ABSENT)
            page = await self.call(page.get_next_page())

    async def _results(self, client: Any, batch_id: str, names: Mapping[str, str]) -> dict[str, BatchReply]:
        content = await self.call(client.get(f"/v1/messages/batches/{batch_id}/results", cast_to=self._response))
        replies = batch_replies(content.content, lambda line: batch_reply(line.get("result"), ModelRequest(())))
        return {names.get(name, name): reply for name, reply in replies.items()}

    @property
    def secrets(self) -> tuple[str, ...]:
        """The key and the token."""
        return tuple(secret for secret in (self.key, self._token) if secret)


def _old(batch: Any, since: float) -> bool:
    made: float = batch.created_at.timestamp()
    return made < since - _SKEW


def _size(batch: Any) -> int:
    """Return of how many requests a batch is."""
    counts = batch.request_counts
    return int(counts.processing + counts.succeeded + counts.errored + counts.canceled + counts.expired)
