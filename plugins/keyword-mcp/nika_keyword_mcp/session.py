"""A session with one server, shared by the tasks of a run, opened again after a crash.

Imports the SDK: only the step and the facets' `tools` import this module, off the event loop.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Final

from mcp import Client, MCPError
from mcp_types import CONNECTION_CLOSED, INVALID_PARAMS, METHOD_NOT_FOUND, CallToolResult, Implementation, Tool

from nika_core.plugin import Category, JsonObject, TaskError, codes
from nika_keyword_mcp import process
from nika_keyword_mcp.remote import Remote
from nika_keyword_mcp.servers import Server, nearest

OPEN_SECONDS: Final = 60.0
_MAX_PAGES: Final = 100


class Session:
    """An open session. `dead` is set, with the reason, when it can be used no more."""

    def __init__(self, name: str, client: Client, child: process.Child | None, remote: Remote | None) -> None:
        self._name = name
        self._client = client
        self._child = child
        self._remote = remote
        self._tools: asyncio.Task[dict[str, Tool]] | None = None
        self.dead: str | None = None

    @property
    def usable(self) -> bool:
        return self.dead is None and not (self._child is not None and self._child.ended.is_set())

    async def tools(self, *, again: bool = False) -> dict[str, Tool]:
        """Return the server's tools by name, requested once per session unless `again`. Raise TaskError."""
        if self._tools is None or (self._tools.done() and (again or _has_failed(self._tools))):
            self._tools = asyncio.create_task(self._list(again))
            self._tools.add_done_callback(_retrieved)
        try:
            return await asyncio.shield(self._tools)
        except MCPError as error:
            raise self._failed("tools/list", error) from error

    async def _list(self, again: bool) -> dict[str, Tool]:
        found: dict[str, Tool] = {}
        cursor: str | None = None
        for _ in range(_MAX_PAGES):
            page = await self._client.list_tools(cursor=cursor, cache_mode="refresh" if again else "use")
            found.update((tool.name, tool) for tool in page.tools)
            cursor = page.next_cursor
            if cursor is None:
                break
        return found

    async def tool(self, name: str) -> Tool:
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
        self, name: str, arguments: JsonObject, on_progress: Callable[[float, float | None, str], None]
    ) -> CallToolResult:
        """Call a tool. A cancellation is told to the server, its progress to `on_progress`. Raises TaskError."""

        async def progressed(progress: float, total: float | None, message: str | None) -> None:
            with contextlib.suppress(TaskError):  # what makes no sense is not worth the call
                on_progress(progress, total, message or "")

        try:
            return await self._client.call_tool(name, dict(arguments), progress_callback=progressed)
        except MCPError as error:
            raise self._failed(name, error) from error
        except Exception as error:  # the SDK's own: a result that is not what the tool's output schema says
            raise TaskError(f"{self._name}::{name}: {_reason(error)}") from error

    def _failed(self, what: str, error: MCPError) -> TaskError:
        if error.code == CONNECTION_CLOSED or error.message == "Session terminated":
            return self.lost(what)
        refusal = self._remote.refusal() if self._remote is not None else ""
        if refusal and error.message == "Server returned an error response":
            self.dead = refusal
            return self.lost(what)
        if error.code in (INVALID_PARAMS, METHOD_NOT_FOUND):
            return TaskError(
                f"{self._name}::{what}: {error.message}", category=Category.VALIDATION, code=codes.BAD_PAYLOAD
            )
        return TaskError(f"{self._name}::{what}: {error.message}")

    def lost(self, what: str) -> TaskError:
        """Return the error for a server that went away under a call."""
        how = self._child.how() if self._child is not None else f"is gone: {self.dead or 'it closed the connection'}"
        self.dead = self.dead or how
        return TaskError(
            f"the MCP server '{self._name}' {how} (during {what})",
            category=Category.NETWORK,
            hint="the next attempt opens a new session",
        )


def _has_failed(task: asyncio.Task[Any]) -> bool:
    return task.cancelled() or task.exception() is not None


def _retrieved(task: asyncio.Future[Any]) -> None:
    if not task.cancelled():
        task.exception()


class Connection:
    """One server of one run: the session that is open now, or the one that opens next. Lives until the run ends."""

    def __init__(
        self, server: Server, environ: Mapping[str, str], env: Mapping[str, str], folder: Path, run_id: str
    ) -> None:
        self._server = server
        self._environ = environ
        self._env = env
        self._folder = folder
        self._run_id = run_id
        self._ready: asyncio.Future[Session] | None = None
        self._owners: dict[asyncio.Task[None], asyncio.Event] = {}

    async def session(self) -> Session:
        """Return an open session; it is opened in its own task, so that a cancelled caller breaks nothing."""
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
        remote: Remote | None = None
        try:
            async with AsyncExitStack() as stack:
                try:
                    async with asyncio.timeout(OPEN_SECONDS):
                        if self._server.url:
                            remote = Remote(self._server, self._environ)
                            streams: Any = await remote.streams(stack)
                        else:
                            child = await process.start(
                                self._server, self._environ, self._env, self._folder, self._run_id
                            )
                            stack.callback(process.kill, child)
                            streams = process.transport(child)
                        info = Implementation(name="nika", version="5")
                        client = await stack.enter_async_context(Client(streams, client_info=info))
                except TimeoutError:
                    raise TaskError(
                        f"the MCP server '{self._server.name}' did not answer within {OPEN_SECONDS:.0f} s of its start"
                        + (f"; its last words: {child.last_words()}" if child and child.tail else ""),
                        category=Category.TIMEOUT,
                    ) from None
                session = Session(self._server.name, client, child, remote)
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
                ready.set_exception(self._explained(error, child, remote))

    def _explained(self, error: Exception, child: process.Child | None, remote: Remote | None) -> TaskError:
        if isinstance(error, TaskError):
            return error
        name = self._server.name
        if child is not None:
            return TaskError(
                f"the MCP server '{name}' ({self._server.shown()}) did not come up: it {child.how()}",
                category=Category.NETWORK,
                hint="start its command by hand to see what it says",
            )
        reason = (remote.refusal() if remote is not None else "") or _reason(error)
        forbidden = remote is not None and remote.refused in (401, 403)
        return TaskError(
            f"the MCP server '{name}' at {self._server.shown()} cannot be reached: {reason}",
            category=Category.CONFIG if forbidden else Category.NETWORK,
            hint="check its headers" if forbidden else "check the url, and whether the server runs",
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
async def connection(
    server: Server, environ: Mapping[str, str], env: Mapping[str, str], folder: Path, run_id: str
) -> AsyncIterator[Connection]:
    """Open a connection for a run; nothing is started before the first session is requested."""
    made = Connection(server, environ, env, folder, run_id)
    try:
        yield made
    finally:
        await made.aclose()
