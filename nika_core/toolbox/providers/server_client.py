"""The base class of clients of a server."""

from __future__ import annotations

import asyncio
import time
from abc import abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable, Container, Mapping
from typing import Any, ClassVar, TypeVar

from nika_core import codes
from nika_core.errors import Category, TaskError
from nika_core.model.usage import Usage
from nika_core.plugin.provider import Chunk, Health, ModelRequest
from nika_core.toolbox.http1_transport import transport_options
from nika_core.toolbox.providers.chunks import StreamedReply, chunks_of
from nika_core.toolbox.providers.client import ClientBase
from nika_core.toolbox.providers.configuration import check_address, check_key
from nika_core.toolbox.providers.error_body import ErrorBody, error_in, read_error_body
from nika_core.toolbox.providers.events import UnreadableReplyError, json_lines, read_events
from nika_core.toolbox.providers.failures import (
    clean,
    is_too_long,
    status_error,
    transport_error,
    unreadable_error,
)
from nika_core.toolbox.providers.field_refusals import FieldRefusals, RefusedAnswerError, ServerError
from nika_core.toolbox.providers.rates import ReplyEvents, read_rate_state
from nika_core.toolbox.providers.refusal_body import LARGEST_REASON, refusal_hook
from nika_core.toolbox.providers.values import env_text, load_sdk, without_credentials
from nika_core.toolbox.proxies import proxy_for, tls_context

T = TypeVar("T")


class ServerClient(ClientBase):
    """A client of a server with one address and one key. It opens an SDK's client on the first call, once for a run.

    A provider defines `connect` (make the SDK's client, with its own retries off and `http_options`), `send` (start a
    reply), `new_reply` (collect it) and `list_models`; `read_error` if its SDK's exceptions have no `response` as the
    OpenAI SDK's have. `stream`, `health`, `close` and the errors follow from these.

    Attributes:
        address_variable, default_address: the environment variable with the server's address, and the usual address.
        key_variable: the environment variable with the key.
        connect_timeout: seconds until a connection must be open.
        read_timeout: seconds without a byte after which an answer is given up; a task's timeout is usually shorter.
        end_timeout: seconds for what may follow the end of a reply: its usage, the end of the connection.
        max_connections: how many requests may run at once.
        address, key: as the environment has them.
    """

    address_variable: ClassVar[str] = ""
    default_address: ClassVar[str] = ""
    key_variable: str = ""
    connect_timeout: float = 10.0
    read_timeout: float = 300.0
    end_timeout: float = 5.0
    max_connections: int = 100

    def __init__(self, environ: Mapping[str, str]) -> None:
        super().__init__(environ)
        self.address = env_text(environ, self.address_variable) or self.default_address
        self.key = env_text(environ, self.key_variable)
        self._connection: Any = None
        self._connecting = asyncio.Lock()
        self._proxy: str | None = None
        self._refusals = FieldRefusals(self.provider)

    # ---- what a provider defines

    @abstractmethod
    async def connect(self) -> Any:
        """Import the SDK (`load_sdk`) and make its client. Raise TaskError if something is missing for that."""

    @abstractmethod
    async def send(self, request: ModelRequest) -> AsyncIterator[Any]:
        """Send a request and return its events (see `events`); closing them closes the connection."""

    @abstractmethod
    def new_reply(self, request: ModelRequest) -> StreamedReply:
        """Return what collects the events of a reply."""

    @abstractmethod
    async def list_models(self) -> tuple[str, ...]:
        """Return the names of the models that the server has."""

    def read_error(self, error: Exception) -> ServerError:
        """Read an exception of the SDK: the body of its `response` if it has one."""
        status = getattr(error, "status_code", None)
        response = getattr(error, "response", None)
        try:
            said = read_error_body(response.content)  # type: ignore[union-attr]  # an SDK's, None where there is none
        except Exception:  # no response, or one that nobody has read
            said = read_error_body(getattr(error, "body", None) or str(getattr(error, "message", None) or error))
        return ServerError(
            said.message,
            status if isinstance(status, int) else None,
            said.code,
            getattr(response, "headers", None) or {},
        )

    @property
    def secrets(self) -> tuple[str, ...]:
        """Return the values that no error may show."""
        return (self.key,) if self.key else ()

    # ---- what follows from it

    @property
    def shown_address(self) -> str:
        """Return the address without a user and password in it, and the proxy on the way there."""
        through = f" (through the proxy {without_credentials(self._proxy)})" if self._proxy else ""
        return f"{without_credentials(self.address)}{through}"

    async def connection(self) -> Any:
        """Return what `connect` made, made on the first call. Raise TaskError."""
        async with self._connecting:
            if self._connection is None:
                self.check_environment()
                self._connection = await self.connect()
            return self._connection

    def check_environment(self) -> None:
        """Raise TaskError for a key that no header can hold, or an address that is not one."""
        check_key(self.key_variable, self.secrets)
        check_address(self.address_variable, self.address)

    def stream(self, request: ModelRequest) -> AsyncIterator[Chunk]:
        """Call the model. Yield text as it comes, then `Finished`. Raise TaskError."""
        return chunks_of(self, request)

    def take_notices(self) -> list[str]:
        """Return what the user is to be told and has not been told yet."""
        return self._refusals.take_notices()

    async def events(self, response: Any, request: ModelRequest) -> ReplyEvents:
        """Return the JSON objects of a response whose body is not read yet; see `read_events`.

        Raises:
            TaskError: the response is an error, or (from the iterator) something in it is not JSON.
        """
        if response.status_code >= 300:
            refusal = await self._read_refusal(response)
            raise self.server_error(refusal.details, model=request.model) from refusal
        kind = str(response.headers.get("content-type") or "")
        encoding = str(response.headers.get("content-encoding") or "identity")
        if encoding.lower() != "identity":
            kind = f"{kind}, encoded as {encoding}"

        def error_of(error: UnreadableReplyError) -> TaskError:
            return unreadable_error(self.provider, error, kind=kind, secrets=self.secrets)

        rates = read_rate_state(response.headers, time.time())
        return ReplyEvents(read_events(response, error_of), rates, whole=kind.startswith("application/json"))

    async def refused(self, response: Any, *, model: str | None = None) -> TaskError:
        """Return the error for a response that is one, and close it."""
        return self.server_error((await self._read_refusal(response)).details, model=model)

    async def _read_refusal(self, response: Any) -> RefusedAnswerError:
        body = b""
        try:
            async with asyncio.timeout(self.connect_timeout):  # the status is enough: its reason may never come whole
                async for part in response.aiter_bytes():
                    body += part
                    if len(body) > LARGEST_REASON:
                        break
        except Exception:  # noqa: S110  # what has come of it may say why
            pass
        finally:
            await response.aclose()
        said = read_error_body(body)
        return RefusedAnswerError(ServerError(said.message, response.status_code, said.code, response.headers))

    async def adapted(
        self,
        request: ModelRequest,
        body_of: Callable[[Container[str]], dict[str, Any]],
        send: Callable[[Any], Awaitable[T]],
        optional: Mapping[str, str],
        named: Container[str] = (),
    ) -> T:
        """Send a request without what the server has refused: a server refuses before it generates anything.

        Args:
            body_of: makes the body without some of the optional fields.
            optional: what may be left out, to what the user is told then.
            named: fields that are left out as soon as an error names them.
        """
        while True:
            known = self._refusals.fields(request.model)
            body = body_of(known)
            try:
                return await send(body)
            except Exception as error:
                refusal = error.__cause__ if isinstance(error, TaskError) else error
                if isinstance(error, TaskError) and not isinstance(refusal, RefusedAnswerError):
                    raise
                details = refusal.details if isinstance(refusal, RefusedAnswerError) else self.read_error(error)
                if not self._refusals.learn(request.model, known, body, details, optional, named):
                    raise

    def notify(self, message: str) -> None:
        """Warn the user, with the next reply; the same message once in a run."""
        self._refusals.add_notice(message)

    def leaves_out(self, model: str, field: str) -> bool:
        """Return whether the server has refused a field for this model."""
        return field in self._refusals.fields(model)

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

    async def http_options(self, library: str = "httpx2") -> dict[str, Any]:
        """Return the arguments of `library`'s client: timeouts, and the proxy and authorities of the environment.

        Redirects are not followed: what is asked is for this server alone. The body of an error is given up after a
        while, and read although its compression is broken.

        Raises:
            TaskError: the environment names a proxy that cannot be used, or certificates that cannot be read.
        """
        http = await load_sdk(library)
        self._proxy = proxy_for(self.address, self.environ)
        context = await tls_context(self.address, self.environ, http.create_ssl_context)
        timeout = http.Timeout(self.read_timeout, connect=self.connect_timeout)
        way = transport_options(http, context, self._proxy, self.max_connections)
        hooks = {"response": [refusal_hook(http)]}
        return {"timeout": timeout, "trust_env": False, "follow_redirects": False, "event_hooks": hooks, **way}

    async def json(self, call: Awaitable[Any]) -> Mapping[str, Any]:
        """Return the JSON object that a response (whole, of a call that is not a stream) has. Raise TaskError.

        A list, as which some servers send their models, is returned as the `data` of an object.
        """
        response = await self.call(call)
        if response.status_code >= 300:
            raise await self.refused(response)
        content = response.content.replace(b"\n", b" ")
        if content.lstrip().startswith(b"["):
            content = b'{"data": ' + content + b"}"
        objects = [value for value, _ in json_lines(content)]
        said = error_in(objects[0]) if objects and objects[0] is not None else None
        if said is not None:
            raise self.error_in_reply(said)
        if objects and objects[0] is not None:
            return objects[0]
        kind = str(response.headers.get("content-type") or "")
        error = UnreadableReplyError(response.content, first=True)
        raise unreadable_error(self.provider, error, kind=kind, wanted="a JSON object", secrets=self.secrets)

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
        while isinstance(error, ExceptionGroup):
            error = error.exceptions[0]
        if isinstance(error, TaskError):
            return error
        details = self.read_error(error)
        address, secrets = self.shown_address, self.secrets
        transport = transport_error(self.provider, error, address=address, usage=usage, secrets=secrets)
        if details.status is None and transport is not None:
            failure = transport
        else:
            failure = self.server_error(details, model=model, usage=usage)
        if shown:
            failure.retriable = False
        return failure

    def error_in_reply(
        self, said: ErrorBody, *, model: str | None = None, usage: Usage | None = None, first: bool = True
    ) -> TaskError:
        """Return the error for one that came with status 200; it is not asked for again unless the server says why.

        Args:
            first: whether nothing came before it.
        """
        status = said.status or (400 if is_too_long(said.message, said.code) else None)
        failure = self.server_error(ServerError(said.message, status, said.code), model=model, usage=usage)
        if status is None and first:
            failure.retriable = False
        if status is None and said.code and said.code not in failure.message:
            failure.message += f" ({clean(said.code, self.secrets)})"
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
            address=self.shown_address,
        )


async def _close(closable: Any) -> None:
    """Close a stream or a client: SDKs have `close`, generators and httpx `aclose`."""
    await (closable.aclose() if hasattr(closable, "aclose") else closable.close())
