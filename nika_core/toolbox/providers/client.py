"""Base classes of provider clients."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Mapping, Sequence
from typing import Any, ClassVar, Protocol, TypeVar

from nika_core import codes
from nika_core.errors import Category, TaskError
from nika_core.model.usage import Usage
from nika_core.plugin.provider import (
    BatchResult,
    Chunk,
    Finished,
    Health,
    ModelInfo,
    ModelRequest,
    TextDelta,
    TokenEstimate,
    estimate_tokens,
)
from nika_core.toolbox.providers.failures import Headers, clean, status_error, transport_error, truncated_error
from nika_core.toolbox.providers.values import env_text, load_sdk, without_credentials
from nika_core.values import dataclass, field

T = TypeVar("T")


class ClientBase(ABC):
    """A `Client` with everything that a provider may leave out: no batches, no token counter, nothing to close.

    Attributes:
        provider: what errors call the provider.
    """

    provider: ClassVar[str]

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.environ = environ

    @abstractmethod
    def info(self, model: str) -> ModelInfo:
        """Return what the model can do. Pure and quick."""

    @abstractmethod
    def stream(self, request: ModelRequest) -> AsyncIterator[Chunk]:
        """Call the model. Yield text as it comes, then `Finished`. Raise TaskError."""

    def models(self) -> Sequence[ModelInfo]:
        """Return the models that are known by name: none."""
        return ()

    async def estimate(self, request: ModelRequest) -> TokenEstimate:
        """Estimate the tokens of the prompt from its length."""
        return TokenEstimate(estimate_tokens(request))

    async def health(self) -> Health:
        """Return that the provider can be reached. Raise nothing."""
        return Health(True)

    async def submit_batch(self, requests: Mapping[str, ModelRequest]) -> str:
        """Raise TaskError: there are no batches."""
        raise self._no_batches()

    async def poll_batch(self, batch_id: str) -> BatchResult:
        """Raise TaskError: there are no batches."""
        raise self._no_batches()

    async def close(self) -> None:  # noqa: B027  # most clients without connections have nothing to close
        """Close what is open: nothing."""

    def _no_batches(self) -> TaskError:
        return TaskError(f"{self.provider} has no batches", category=Category.CONFIG, code=codes.MODEL_CANNOT)


class StreamedReply(Protocol):
    """Collects the events of one reply.

    Attributes:
        usage: what the reply has used so far, if the server has said so.
        complete: whether the reply has ended; a stream that stops before that is an error.
    """

    usage: Usage | None

    @property
    def complete(self) -> bool:  # an attribute, described above
        ...

    def add(self, event: Any) -> str:
        """Take an event and return the text in it."""
        ...

    def finished(self) -> Finished:
        """Return the reply's end. Only called if it is complete."""
        ...


@dataclass(frozen=True, slots=True)
class ServerError:
    """What an exception of an SDK says about an answer that is an error.

    Attributes:
        message: what the server says.
        status: the HTTP status; None if there is none.
        code: the server's own word for the error.
        headers: the answer's headers.
    """

    message: str
    status: int | None = None
    code: str | None = None
    headers: Headers = field(default_factory=dict[str, str])


class ServerClient(ClientBase):
    """A client of a server with one address and one key. It opens an SDK's client on the first call, once for a run.

    A provider defines `connect` (make the SDK's client, with its own retries off), `send` (start a reply), `new_reply`
    (collect it) and `list_models`; `read_error` if its SDK's exceptions have other attributes than those of the OpenAI
    SDK. `stream`, `health`, `close` and the errors follow from these.

    Attributes:
        address_variable, default_address: the environment variable with the server's address, and the usual address.
        key_variable: the environment variable with the key.
        connect_timeout: seconds until a connection must be open.
        read_timeout: seconds without a byte after which an answer is given up; a task's timeout is usually shorter.
        address, key: as the environment has them.
    """

    address_variable: ClassVar[str] = ""
    default_address: ClassVar[str] = ""
    key_variable: str = ""
    connect_timeout: float = 10.0
    read_timeout: float = 300.0

    def __init__(self, environ: Mapping[str, str]) -> None:
        super().__init__(environ)
        self.address = env_text(environ, self.address_variable) or self.default_address
        self.key = env_text(environ, self.key_variable)
        self._connection: Any = None
        self._connecting = asyncio.Lock()

    # ---- what a provider defines

    @abstractmethod
    async def connect(self) -> Any:
        """Import the SDK (`load_sdk`) and make its client. Raise TaskError if something is missing for that."""

    @abstractmethod
    async def send(self, request: ModelRequest) -> AsyncIterator[Any]:
        """Send a request and return its events; closing them (`aclose` or `close`) closes the connection."""

    @abstractmethod
    def new_reply(self, request: ModelRequest) -> StreamedReply:
        """Return what collects the events of a reply."""

    @abstractmethod
    async def list_models(self) -> tuple[str, ...]:
        """Return the names of the models that the server has."""

    def read_error(self, error: Exception) -> ServerError:
        """Read an exception of the SDK."""
        status = getattr(error, "status_code", None)
        return ServerError(
            str(getattr(error, "message", None) or error),
            status if isinstance(status, int) else None,
            getattr(error, "code", None),
            getattr(getattr(error, "response", None), "headers", None) or {},
        )

    @property
    def secrets(self) -> tuple[str, ...]:
        """Return the values that no error may show."""
        return (self.key,) if self.key else ()

    # ---- what follows from it

    @property
    def shown_address(self) -> str:
        """Return the address without a user and password in it."""
        return without_credentials(self.address)

    async def connection(self) -> Any:
        """Return what `connect` made, made on the first call. Raise TaskError."""
        async with self._connecting:
            if self._connection is None:
                self._connection = await self.connect()
            return self._connection

    async def stream(self, request: ModelRequest) -> AsyncIterator[Chunk]:
        """Call the model. Yield text as it comes, then `Finished`. Raise TaskError."""
        reply = self.new_reply(request)
        shown = False
        try:
            events = await self.send(request)
            try:
                async for event in events:
                    text = reply.add(event)
                    if text:
                        shown = True
                        yield TextDelta(text)
            finally:
                await _close(events)
        except (TaskError, asyncio.CancelledError, GeneratorExit):
            raise
        except Exception as error:
            raise self.error(error, model=request.model, usage=reply.usage, shown=shown) from error
        if not reply.complete:  # SDKs take a stream that was cut for an answer
            raise truncated_error(self.provider, usage=reply.usage)
        yield reply.finished()

    async def health(self) -> Health:
        """Return whether the server can be reached, and its models. Raise nothing."""
        try:
            names = await self.list_models()
        except Exception as error:
            return Health(False, self.error(error).message)
        return Health(True, f"{len(names)} model(s) at {self.shown_address}", names)

    async def close(self) -> None:
        """Close the SDK's client if it is open."""
        connection, self._connection = self._connection, None
        if connection is not None:
            await _close(connection)

    async def call(self, call: Awaitable[T]) -> T:
        """Await a call of the SDK. Raise TaskError."""
        try:
            return await call
        except TaskError:
            raise
        except Exception as error:
            raise self.error(error) from error

    async def http_timeout(self, library: str = "httpx2") -> Any:
        """Return the timeout for an SDK on top of `library`."""
        http = await load_sdk(library)
        return http.Timeout(self.read_timeout, connect=self.connect_timeout)

    def missing_key(self, hint: str = "") -> TaskError:
        """Return the error for a key that is needed and not set."""
        return TaskError(
            f"{self.key_variable} is not set",
            category=Category.CONFIG,
            code=codes.MISSING_SECRET,
            hint=f"export {self.key_variable}=...{hint}",
        )

    def error(
        self, error: Exception, *, model: str | None = None, usage: Usage | None = None, shown: bool = False
    ) -> TaskError:
        """Return the error for an exception.

        Args:
            usage: what the call has used before it failed.
            shown: whether a part of the answer has been shown: another attempt would show it twice, so there is none.
        """
        if isinstance(error, TaskError):
            return error
        details = self.read_error(error)
        transport = transport_error(self.provider, error, address=self.shown_address, usage=usage)
        if details.status is None and transport is not None:
            failure = transport
        else:
            failure = self.server_error(details, model=model, usage=usage)
        if shown:
            failure.retriable = False
        return failure

    def server_error(self, details: ServerError, *, model: str | None = None, usage: Usage | None = None) -> TaskError:
        """Return the error for an answer that is one."""
        if details.status is None:
            message = f"{self.provider} failed: {clean(details.message, self.secrets)}"
            return TaskError(message, category=Category.PROVIDER, usage=usage)
        return status_error(
            self.provider,
            details.status,
            details.message,
            details.headers,
            model=model,
            code=details.code,
            key_variable=self.key_variable or None,
            secrets=self.secrets,
            usage=usage,
        )


async def _close(closable: Any) -> None:
    """Close a stream or a client: SDKs have `close`, generators and httpx `aclose`."""
    await (closable.aclose() if hasattr(closable, "aclose") else closable.close())
