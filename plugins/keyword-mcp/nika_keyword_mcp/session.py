"""A session with one server, shared by the tasks of a run, opened again after a crash.

Imports the SDK: only the step and the facets' `tools` import this module, off the event loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from mcp import Client, MCPError
from mcp_types import (
    CONNECTION_CLOSED,
    INVALID_PARAMS,
    METHOD_NOT_FOUND,
    URL_ELICITATION_REQUIRED,
    Implementation,
)

from nika_core.plugin import Category, JsonObject, TaskError, codes
from nika_keyword_mcp import process, remote, wire
from nika_keyword_mcp.calls import Ask, Calls
from nika_keyword_mcp.results import ServerTool, tool_of
from nika_keyword_mcp.servers import Server, nearest
from nika_keyword_mcp.shared_client import SharedClient

# The SDK logs what a session's end cuts off; without a handler of the application's, Python would print that.
for _name in ("mcp", "client"):
    logging.getLogger(_name).addHandler(logging.NullHandler())
_MAX_TOOLS: Final = 10_000
_SHARE: Final = 0.95  # of an attempt's time: its end would not say what it waited for


class SessionForgottenError(TaskError):
    """The server has forgotten the session: the request did nothing, and may be sent in a new one."""


class PagesRequiredError(TaskError):
    """The server makes the call only after pages have been opened. `pages` are the params of its requests for that."""

    def __init__(self, message: str, pages: list[Any]) -> None:
        super().__init__(message, retriable=False)
        self.pages = pages


class Session:
    """An open session. `dead` is set, with the reason, when it can be used no more."""

    def __init__(self, name: str, client: Client, child: process.Child | None, calls: Calls) -> None:
        self._name = name
        self._client = client
        self._child = child
        self._tools: asyncio.Task[dict[str, ServerTool]] | None = None
        self._calls = calls
        self._requests = 0
        self.idle = asyncio.Event()  # no call is under way
        self.idle.set()
        self.dead: str | None = None

    @property
    def usable(self) -> bool:
        return self.dead is None and not (self._child is not None and self._child.ended.is_set())

    @contextlib.contextmanager
    def _under_way(self) -> Iterator[None]:
        self._requests += 1
        self.idle.clear()
        try:
            yield
        finally:
            self._requests -= 1
            if self._requests == 0:
                self.idle.set()

    async def tools(self, *, again: bool = False) -> dict[str, ServerTool]:
        """Return the server's tools by name, requested once per session unless `again`. Raise TaskError."""
        if self._tools is None or (self._tools.done() and (again or _has_failed(self._tools))):
            self._tools = asyncio.create_task(self._list())
            self._tools.add_done_callback(_retrieved)
        try:
            return await asyncio.shield(self._tools)
        except MCPError as error:
            raise self._failed("tools/list", error) from error

    async def _list(self) -> dict[str, ServerTool]:
        found: dict[str, ServerTool] = {}
        cursors: set[str | None] = set()
        cursor: str | None = None
        while cursor not in cursors and len(found) < _MAX_TOOLS:  # some servers send the same cursor for ever
            cursors.add(cursor)
            with self._under_way():
                page = await self._client.list_tools(cursor=cursor, cache_mode="refresh")
            kept = {tool.name for tool in page.tools}
            found.update((one["name"], tool_of(one)) for one in wire.raw(page.meta) or () if one["name"] in kept)
            cursor = page.next_cursor
            if cursor is None:
                break
        return found

    async def tool(self, name: str) -> ServerTool:
        """Return the tool of that name, perhaps one that came since. Raise TaskError with the nearest one."""
        tools = await self.tools()
        if name not in tools:
            tools = await self.tools(again=True)
        if name not in tools:
            raise TaskError(
                f"the MCP server '{self._name}' has no tool '{name}'",
                category=Category.CONFIG,
                code=codes.UNKNOWN_TOOL,
                hint=nearest(name, tools),
            )
        return tools[name]

    async def call(
        self,
        name: str,
        arguments: JsonObject,
        on_progress: Callable[[float, float | None, str], None],
        key: str = "",
        ask: Ask | None = None,
        traceparent: str = "",
    ) -> Mapping[str, Any]:
        """Call a tool; return its result as the server sent it.

        A cancellation is told to the server, its progress to `on_progress`. Raises TaskError, or what `ask` raises.

        Args:
            key: tells the call from others; the server is given it, too, to recognise a call that is made again.
            ask: answers what the server asks in the call.
            traceparent: names the task's attempt in the run's trace; "": nobody traces the run.
        """

        async def progressed(progress: float, total: float | None, message: str | None) -> None:
            with contextlib.suppress(TaskError):  # what makes no sense is not worth the call
                on_progress(progress, total, message or "")

        def send() -> Awaitable[Any]:
            meta: Any = {word: text for word, text in ((wire.KEY, key), ("traceparent", traceparent)) if text}
            return self._client.call_tool(name, dict(arguments), progress_callback=progressed, meta=meta or None)

        try:
            with self._under_way():
                result = await self._calls.run(key, send, ask)
        except MCPError as error:
            if error.code == URL_ELICITATION_REQUIRED:
                raise PagesRequiredError(self._failed(name, error).message, wire.pages(error.error.data)) from error
            raise self._failed(name, error) from error
        except TaskError:
            raise
        except Exception as error:  # the SDK's own: what the server wants to know before it answers
            raise TaskError(f"{self._name}::{name}: {_reason(error)}") from error
        found: Mapping[str, Any] = wire.raw(result.meta) or {}
        return found

    def _failed(self, what: str, error: MCPError) -> TaskError:
        failure = wire.failure_of(error.error.data)
        if failure is None and error.code == CONNECTION_CLOSED:
            return self._lost(what)
        if failure is None:
            return TaskError(f"{self._name}::{what}: {error.message}", retriable=False)
        if failure.forgotten:
            self.dead = self.dead or failure.reason
            return SessionForgottenError(f"{self._name}::{what}: {failure.reason}", category=Category.NETWORK)
        if error.code in (INVALID_PARAMS, METHOD_NOT_FOUND):
            return TaskError(
                f"{self._name}::{what}: {failure.reason}", category=Category.VALIDATION, code=codes.BAD_PAYLOAD
            )
        return _task_error(f"{self._name}::{what}", failure)

    def _lost(self, what: str) -> TaskError:
        """Return the error for a server that went away under a call."""
        self.dead = self.dead or "it closed the connection"
        how = self._child.how() if self._child is not None else f"is gone: {self.dead}"
        return TaskError(
            f"the MCP server '{self._name}' {how} (during {what})",
            category=Category.NETWORK,
            hint="the next attempt opens a new session",
        )


def _task_error(what: str, failure: wire.Failure) -> TaskError:
    return TaskError(
        f"{what}: {failure.reason}",
        category=Category(failure.category),
        code=failure.code,
        hint=failure.hint,
        retry_after=failure.retry_after,
        retriable=failure.retriable,
    )


def _has_failed(task: asyncio.Task[Any]) -> bool:
    return task.cancelled() or task.exception() is not None


def _retrieved(task: asyncio.Future[Any]) -> None:
    if not task.cancelled():
        task.exception()


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a server is opened with, beside its declaration.

    Attributes:
        client: the run's client whose connections are guarded, if the server has a url; else None.
        seconds: how long a server may take to come up.
    """

    environ: Mapping[str, str]
    env: Mapping[str, str]
    folder: Path
    run_id: str
    client: SharedClient | None
    seconds: float


class Connection:
    """One server of one run: the session that is open now, or the one that opens next. Lives until the run ends."""

    def __init__(self, server: Server, surroundings: Surroundings) -> None:
        self._server = server
        self._surroundings = surroundings
        self._child: process.Child | None = None
        self._ready: asyncio.Future[Session] | None = None
        self._owners: dict[asyncio.Task[None], asyncio.Event] = {}
        self._over = False
        self._junk = wire.Junk()

    def junk(self) -> str:
        """Return what the server sent last in place of a message, on one line; "": nothing."""
        return self._junk.text if self._child is None else self._child.incoming.prints()

    async def session(self, within: float) -> Session:
        """Return an open session; it is opened in its own task, so that a cancelled caller breaks nothing.

        Args:
            within: the seconds that the caller has left; the server may take longer, for those that come later.
        """
        if self._ready is None or (self._ready.done() and not self._is_usable(self._ready)):
            for closing in self._owners.values():
                closing.set()
            self._ready = asyncio.get_running_loop().create_future()
            self._ready.add_done_callback(_retrieved)
            closing = asyncio.Event()
            owner = asyncio.create_task(self._own(self._ready, closing))
            self._owners[owner] = closing
            owner.add_done_callback(lambda done: self._owners.pop(done, None))
        ready = self._ready
        try:
            async with asyncio.timeout(max(0.0, within * _SHARE)) as limit:
                return await asyncio.shield(ready)
        except TimeoutError:
            if not limit.expired():
                raise
            raise self._too_slow("the task's time", "raise the task's `timeout` or NIKA_MCP_TIMEOUT") from None

    @staticmethod
    def _is_usable(ready: asyncio.Future[Session]) -> bool:
        return not ready.cancelled() and ready.exception() is None and ready.result().usable

    async def _own(self, ready: asyncio.Future[Session], closing: asyncio.Event) -> None:
        """Open, keep open, close: all in this one task, as the SDK's scopes ask for."""
        session: Session | None = None
        self._child = None
        around = self._surroundings
        try:
            async with AsyncExitStack() as stack:
                try:
                    async with asyncio.timeout(around.seconds):
                        if around.client is not None:
                            http = stack.enter_context(around.client.used())
                            streams: Any = await remote.streams(self._server, http, stack, self._junk)
                        else:
                            self._child = await process.start(
                                self._server, around.environ, around.env, around.folder, around.run_id
                            )
                            stack.callback(process.discard, self._child)
                            streams = process.transport(self._child)
                        info = Implementation(name="nika", version="5")
                        calls = Calls()
                        wanted = Client(streams, client_info=info, elicitation_callback=calls.asked)
                        client = await stack.enter_async_context(wanted)
                except TimeoutError:
                    raise self._too_slow(f"{around.seconds:g} s", "raise NIKA_MCP_OPEN_TIMEOUT") from None
                session = Session(self._server.name, client, self._child, calls)
                ready.set_result(session)
                await closing.wait()
                if not self._over:  # a new session takes its place, while calls of the old one may go on
                    await session.idle.wait()
        except asyncio.CancelledError:
            if not ready.done():
                ready.cancel()
            raise
        except Exception as error:
            if session is not None:
                session.dead = session.dead or f"lost the connection: {_reason(error)}"
            elif not ready.done():
                ready.set_exception(self._explained(error, self._child))

    def _too_slow(self, time: str, hint: str) -> TaskError:
        words = self._child.last_words() if self._child is not None else ""
        return TaskError(
            f"the MCP server '{self._server.name}' has not come up within {time}"
            + (f"; its last words: {words}" if words else ""),
            category=Category.TIMEOUT,
            hint=hint,
        )

    def _explained(self, error: Exception, child: process.Child | None) -> TaskError:
        if isinstance(error, TaskError):
            return error
        name, shown = self._server.name, self._server.shown()
        refusal = _first(error, MCPError)
        failure = wire.failure_of(refusal.error.data) if refusal is not None else None
        if failure is not None:
            where = f"at {shown} cannot be reached" if self._server.url else f"({shown}) refuses to open a session"
            return _task_error(f"the MCP server '{name}' {where}", failure)
        if child is not None and refusal is not None:
            return TaskError(
                f"the MCP server '{name}' ({shown}) did not come up: it {child.how()}",
                category=Category.NETWORK,
                hint="start its command by hand to see what it says",
            )
        return TaskError(
            f"the MCP server '{name}' ({shown}) cannot be used: {_reason(error)}",
            category=Category.NETWORK if refusal is not None and refusal.code == CONNECTION_CLOSED else Category.CONFIG,
        )

    async def aclose(self) -> None:
        """Close the session, end the server."""
        opened = self._ready is not None and self._ready.done()
        owners = list(self._owners.items())
        self._over = True
        for owner, closing in owners:
            if closing.is_set() or not opened:
                owner.cancel()
            closing.set()
        await asyncio.gather(*(owner for owner, _ in owners), return_exceptions=True)


def _first(error: BaseException, kind: type[MCPError]) -> MCPError | None:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error if isinstance(error, kind) else None


def _reason(error: BaseException) -> str:
    """Return the innermost error of a group, as a sentence."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    if isinstance(error, MCPError):
        return error.message
    cause: BaseException | None = error
    said = ""
    while cause is not None:
        said = getattr(cause, "strerror", None) or said
        cause = cause.__cause__ or cause.__context__
    return said or str(error) or type(error).__name__


@asynccontextmanager
async def connection(server: Server, surroundings: Surroundings) -> AsyncIterator[Connection]:
    """Open a connection for a run; nothing is started before the first session is requested."""
    made = Connection(server, surroundings)
    try:
        yield made
    finally:
        await made.aclose()
