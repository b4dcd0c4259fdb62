"""A session with one server, shared by the tasks of a run, opened again after a crash.

Imports the SDK: only the step and the facets' `tools` import this module, off the event loop.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Final

import httpx2
from mcp import Client, MCPError
from mcp.client.streamable_http import streamable_http_client
from mcp_types import CONNECTION_CLOSED, INVALID_PARAMS, METHOD_NOT_FOUND, CallToolResult, Implementation, Tool

from nika_core import codes
from nika_core.errors import Category, TaskError
from nika_core.model.json import JsonObject
from nika_keyword_mcp import process
from nika_keyword_mcp.servers import Server, nearest

OPEN_SECONDS: Final = 60.0
_MAX_PAGES: Final = 100


class Session:
    """An open session. `dead` is set, with the reason, when it can be used no more."""

    def __init__(self, name: str, client: Client, child: process.Child | None) -> None:
        self._name = name
        self._client = client
        self._child = child
        self._tools: asyncio.Task[dict[str, Tool]] | None = None
        self.dead: str | None = None

    @property
    def usable(self) -> bool:
        return self.dead is None and not (self._child is not None and self._child.ended.is_set())

    async def tools(self) -> dict[str, Tool]:
        """The server's tools by name, asked once per session. Raises TaskError."""
        if self._tools is None or (self._tools.done() and self._tools.exception() is not None):
            self._tools = asyncio.create_task(self._list())
            self._tools.add_done_callback(_retrieved)
        try:
            return await asyncio.shield(self._tools)
        except MCPError as error:
            raise self._failed("tools/list", error) from error

    async def _list(self) -> dict[str, Tool]:
        found: dict[str, Tool] = {}
        cursor: str | None = None
        for _ in range(_MAX_PAGES):
            page = await self._client.list_tools(cursor=cursor)
            found.update((tool.name, tool) for tool in page.tools)
            cursor = page.next_cursor
            if cursor is None:
                break
        return found

    async def tool(self, name: str) -> Tool:
        """The tool of that name. Raises TaskError with the nearest one."""
        tools = await self.tools()
        if name not in tools:
            raise TaskError(
                f"the MCP server '{self._name}' has no tool '{name}'",
                category=Category.CONFIG,
                code=codes.UNKNOWN_TOOL,
                hint=nearest(name, tools),
            )
        return tools[name]

    async def call(self, name: str, arguments: JsonObject) -> CallToolResult:
        """Call a tool. A cancellation is told to the server. Raises TaskError."""
        try:
            return await self._client.call_tool(name, dict(arguments))
        except MCPError as error:
            raise self._failed(name, error) from error
        except (RuntimeError, ValueError, httpx2.HTTPError) as error:
            raise TaskError(f"{self._name}::{name}: {error}") from error

    def _failed(self, what: str, error: MCPError) -> TaskError:
        if error.code == CONNECTION_CLOSED or error.message == "Session terminated":
            return self.lost(what)
        if error.code in (INVALID_PARAMS, METHOD_NOT_FOUND):
            return TaskError(
                f"{self._name}::{what}: {error.message}", category=Category.VALIDATION, code=codes.BAD_PAYLOAD
            )
        return TaskError(f"{self._name}::{what}: {error.message}")

    def lost(self, what: str) -> TaskError:
        """The error for a server that went away under a call."""
        how = self._child.how() if self._child is not None else (self.dead or "closed the connection")
        self.dead = self.dead or how
        return TaskError(
            f"the MCP server '{self._name}' {how} (during {what})",
            category=Category.NETWORK,
            hint="the next attempt opens a new session",
        )


def _retrieved(task: asyncio.Future[Any]) -> None:
    if not task.cancelled():
        task.exception()


class Connection:
    """One server of one run: the session that is open now, or the one that opens next. Lives until the run ends."""

    def __init__(self, server: Server, environ: Mapping[str, str], folder: Path) -> None:
        self._server = server
        self._environ = environ
        self._folder = folder
        self._ready: asyncio.Future[Session] | None = None
        self._owners: dict[asyncio.Task[None], asyncio.Event] = {}

    async def session(self) -> Session:
        """A session that can be used; opened in a task of its own, so that a cancelled caller breaks nothing."""
        if self._ready is None or (self._ready.done() and not self._is_usable(self._ready)):
            for closing in self._owners.values():
                closing.set()
            self._ready = asyncio.get_running_loop().create_future()
            self._ready.add_done_callback(_retrieved)
            closing = asyncio.Event()
            owner = asyncio.create_task(self._own(self._ready, closing))
            self._owners[owner] = closing
            owner.add_done_callback(lambda done: self._owners.pop(done, None))
        return await asyncio.shield(self._ready)

    @staticmethod
    def _is_usable(ready: asyncio.Future[Session]) -> bool:
        return not ready.cancelled() and ready.exception() is None and ready.result().usable

    async def _own(self, ready: asyncio.Future[Session], closing: asyncio.Event) -> None:
        """Open, keep open, close: all in this one task, as the SDK's scopes ask for."""
        session: Session | None = None
        child: process.Child | None = None
        try:
            async with AsyncExitStack() as stack:
                try:
                    async with asyncio.timeout(OPEN_SECONDS):
                        if self._server.url:
                            streams: Any = await self._http(stack)
                        else:
                            child = await process.start(self._server, self._environ, self._folder)
                            streams = process.transport(child)
                        info = Implementation(name="nika", version="5")
                        client = await stack.enter_async_context(Client(streams, client_info=info))
                except TimeoutError:
                    raise TaskError(
                        f"the MCP server '{self._server.name}' did not answer within {OPEN_SECONDS:.0f} s of its start"
                        + (f"; its last words: {child.last_words()}" if child and child.tail else ""),
                        category=Category.TIMEOUT,
                    ) from None
                session = Session(self._server.name, client, child)
                ready.set_result(session)
                await closing.wait()
        except asyncio.CancelledError:
            if not ready.done():
                ready.cancel()
            raise
        except Exception as error:
            if session is not None:
                session.dead = session.dead or f"lost the connection: {_reason(error)}"
            elif not ready.done():
                ready.set_exception(self._explained(error, child))

    async def _http(self, stack: AsyncExitStack) -> Any:
        certificates = self._environ.get("SSL_CERT_FILE")
        verify: Any = await asyncio.to_thread(ssl.create_default_context, cafile=certificates) if certificates else True
        try:
            client = httpx2.AsyncClient(
                headers=dict(self._server.headers),
                timeout=httpx2.Timeout(30.0, read=None),
                trust_env=False,
                verify=verify,
            )
            httpx2.URL(self._server.url)
        except (httpx2.InvalidURL, UnicodeError, ValueError) as error:
            raise TaskError(
                f"the MCP server '{self._server.name}' has a url or headers that cannot be sent: {error}",
                category=Category.CONFIG,
            ) from None
        return streamable_http_client(self._server.url, http_client=await stack.enter_async_context(client))

    def _explained(self, error: Exception, child: process.Child | None) -> TaskError:
        if isinstance(error, TaskError):
            return error
        name = self._server.name
        if child is not None:
            return TaskError(
                f"the MCP server '{name}' ({self._server.shown()}) did not come up: it {child.how()}",
                category=Category.NETWORK,
                hint="start its command by hand to see what it says",
            )
        return TaskError(
            f"the MCP server '{name}' at {self._server.shown()} cannot be reached: {_reason(error)}",
            category=Category.NETWORK,
            hint="check the url, and whether the server runs",
        )

    async def aclose(self) -> None:
        """Close the session, end the server."""
        opened = self._ready is not None and self._ready.done()
        owners = list(self._owners.items())
        for owner, closing in owners:
            closing.set()
            if not opened:
                owner.cancel()
        await asyncio.gather(*(owner for owner, _ in owners), return_exceptions=True)


def _reason(error: BaseException) -> str:
    """The innermost error of a group, as a sentence."""
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
async def connection(server: Server, environ: Mapping[str, str], folder: Path) -> AsyncIterator[Connection]:
    """A connection for the time of a run; nothing is started before the first session is asked for."""
    made = Connection(server, environ, folder)
    try:
        yield made
    finally:
        await made.aclose()
