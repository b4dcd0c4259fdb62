"""The client of OpenAI's API, and of servers that speak its protocol."""

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
    Price,
    TaskError,
)
from nika_core.toolbox.providers import (
    ReplyEvents,
    ServerClient,
    batch_replies,
    clean,
    env_text,
    load_sdk,
    names_in,
    read_error_body,
)
from nika_provider_openai import responses
from nika_provider_openai.labels import labels_left_out, metadata_of
from nika_provider_openai.models import KNOWN, info_of, is_openai, prices_in
from nika_provider_openai.wire import batch_line, batch_mark, batch_reply, body_of

OFFICIAL: Final = "https://api.openai.com/v1"
_MARK: Final = "nika_batch"  # in a batch's metadata
_PAGE: Final = 100  # batches
_SKEW: Final = 3600.0  # seconds by which its clock and ours may differ
_NO_LIST: Final = (404, 405, 501)  # what another server says that cannot list its batches
_NO_LABELS: Final = "the labels of the project are not sent to it"
_OFFICIAL: Final = {
    "max_tokens": "`max_completion_tokens` is sent in its place",
    "max_completion_tokens": "`max_tokens` is sent in its place",
    "temperature": "it is left out, and the model uses its own",
}
_OPTIONAL: Final = {
    **_OFFICIAL,
    "stream_options": "it is left out, and tokens are estimated if the server does not count them",
    "reasoning_effort": "it is left out, and the model thinks as it does by itself",
    "metadata": _NO_LABELS,
    "response_format": "the model is asked for JSON in words",
}
_RESPONSES: Final = {
    "temperature": "it is left out, and the model uses its own",
    "reasoning": "it is left out, and the model thinks as it does by itself",
    "include": "it is left out, and the model's reasoning does not go back to it with the results of tools",
    "text": "the model is asked for JSON in words",
    "metadata": _NO_LABELS,
}
_NO_KEY: Final = "not-needed"  # the SDK insists on one


class Client(ServerClient):
    """One connection pool for a run. The SDK's own retries are off: attempts are the kernel's."""

    provider = "openai"
    address_variable = "OPENAI_BASE_URL"
    default_address = OFFICIAL
    key_variable = "OPENAI_API_KEY"
    max_connections = 1000

    def __init__(self, environ: Mapping[str, str], settings: Mapping[str, Any] | None = None) -> None:
        super().__init__(environ)
        self._api = (settings or {}).get("api") or "auto"
        self._has_responses = True  # until it says otherwise
        self._official = is_openai(self.address)
        self._batches = self._official or env_text(environ, "NIKA_OPENAI_BATCH") is not None
        self._sdk: Any = None
        self._response: Any = None  # the class of a response that nobody has read

    def info(self, model: str) -> ModelInfo:
        """Return what is known of the model, and what its server has refused so far."""
        schema = not (self.leaves_out(model, "response_format") or self.leaves_out(model, "text"))
        return info_of(model, official=self._official, batch=self._batches, json_schema=schema)

    def models(self) -> Sequence[ModelInfo]:
        """Return OpenAI's best-known models; none for another server."""
        return [self.info(name) for name in KNOWN] if self._official else ()

    async def connect(self) -> Any:
        """Make the SDK's client. Raise TaskError (NIKA-077) if a key is needed and none is set."""
        if self._official and self.key is None:
            raise self.missing_key(f", or {self.address_variable} for a server that needs no key")
        options = await self.http_options()
        self._sdk, self._response = await load_sdk("openai"), (await load_sdk("httpx2")).Response
        return self._sdk.AsyncOpenAI(
            api_key=self.key or _NO_KEY,
            base_url=self.address,
            organization=env_text(self.environ, "OPENAI_ORG_ID"),
            project=env_text(self.environ, "OPENAI_PROJECT_ID"),
            max_retries=0,
            timeout=options["timeout"],
            http_client=self._sdk.DefaultAsyncHttpxClient(**options),
        )

    async def send(self, request: ModelRequest) -> AsyncIterator[Any]:
        """Send a request without what the server does not take; that is left out for the rest of the run."""
        if lost := labels_left_out(request):
            self.notify(
                f"openai takes 14 labels, with names of 64 and values of 512 characters; not sent: {', '.join(lost)}"
            )
        api = (request.options or {}).get("api") or self._api
        if self._has_responses and (api == "responses" or (api == "auto" and self._official)):
            try:
                return await self._send_to_responses(request)
            except Exception as error:
                if not self._lacks_responses(error):
                    raise
            self._has_responses = False
            self._refusals.add_notice(
                f"The server at {self.shown_address} has no Responses API: Chat Completions is used in its place."
            )
        return await self._send_to_chat(request)

    def _lacks_responses(self, error: Exception) -> bool:
        """Return whether a server says that there is nothing at the address of the Responses API."""
        details = getattr(error.__cause__, "details", None) if isinstance(error, TaskError) else self.read_error(error)
        return details is not None and details.status in _NO_LIST and "model" not in details.message.lower()

    async def _send_to_responses(self, request: ModelRequest) -> AsyncIterator[Any]:
        client = await self.connection()
        headers = {"Idempotency-Key": request.key} if request.key else {}
        reasons = bool(self.info(request.model or "").efforts)

        def body(left_out: Container[str]) -> dict[str, Any]:
            return {**responses.body_of(request, reasons=reasons, left_out=left_out), "stream": True}

        async def post(body: dict[str, Any]) -> AsyncIterator[Any]:
            options = {"headers": headers}
            response = await client.post("/responses", cast_to=self._response, body=body, options=options, stream=True)
            events = await self.events(response, request)
            return ReplyEvents(responses.with_failures(events), events.rates, whole=events.whole)

        return await self.adapted(request, body, post, _RESPONSES, ("metadata",))

    async def _send_to_chat(self, request: ModelRequest) -> AsyncIterator[Any]:
        client = await self.connection()
        headers = {"Idempotency-Key": request.key} if request.key else {}

        def body(left_out: Container[str]) -> dict[str, Any]:
            usage = {} if "stream_options" in left_out else {"stream_options": {"include_usage": True}}
            return {**body_of(request, official=self._official, left_out=left_out), "stream": True, **usage}

        async def post(body: dict[str, Any]) -> AsyncIterator[Any]:
            options = {"headers": headers}
            response = await client.post(
                "/chat/completions", cast_to=self._response, body=body, options=options, stream=True
            )
            return await self.events(response, request)

        named = () if self._official else ("response_format", "stream_options", "metadata")
        return await self.adapted(request, body, post, _OPTIONAL if not self._official else _OFFICIAL, named)

    def new_reply(self, request: ModelRequest) -> responses.EitherReply:
        """Return what collects a reply of either API."""
        return responses.EitherReply(request)

    async def list_models(self) -> tuple[str, ...]:
        """Return the names of the models that the server lists."""
        client = await self.connection()
        options = {"timeout": self.connect_timeout}
        return names_in(await self.json(client.get("/models", cast_to=self._response, options=options)))

    async def prices(self) -> Mapping[str, Price]:
        """Return the prices that a gateway lists with its models; OpenAI itself lists none. Raise TaskError."""
        if self._official:
            return {}
        client = await self.connection()
        options = {"timeout": self.connect_timeout}
        return prices_in(await self.json(client.get("/models", cast_to=self._response, options=options)))

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
                metadata={**self._labels(next(iter(requests.values()))), _MARK: batch_mark(requests)},
            )
        )
        return str(batch.id)

    def _labels(self, request: ModelRequest) -> dict[str, str]:
        """Return the labels of a batch, of which each run has the same. A batch is not a single task's."""
        return {key: value for key, value in list(metadata_of(request).items())[:15] if key != "nika_task"}

    async def find_batch(self, names: Sequence[str], since: float) -> BatchSearch:
        """Find a batch by the metadata that `submit_batch` gave it. Raise TaskError."""
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
        batch = await self.json(client.get(f"/batches/{batch_id}", cast_to=self._response))
        status = str(batch.get("status"))
        if status in ("validating", "in_progress", "finalizing", "cancelling"):
            return BatchResult(done=False)
        replies: dict[str, BatchReply] = {}
        for file_id in (batch.get("output_file_id"), batch.get("error_file_id")):
            if file_id:
                content = await self.call(client.get(f"/files/{file_id}/content", cast_to=self._response))
                replies |= batch_replies(content.content, lambda line: batch_reply(line, ModelRequest(())))
        if not replies and status != "completed":
            why = read_error_body(batch.get("errors")).message or f"it is {status}"
            raise TaskError(
                f"openai did not run the batch {batch_id}: {clean(why, self.secrets)}",
                category=Category.PROVIDER,
                retriable=False,
            )
        return BatchResult(True, replies)
