"""Calls the tool of a task."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TYPE_CHECKING, Any, Final, TypeVar

from nika_core.plugin import Category, Json, JsonObject, StepContext, TaskError, codes, fields, import_in_thread
from nika_core.toolbox.network import AddressGuard
from nika_keyword_mcp import arguments as tool_arguments
from nika_keyword_mcp import servers
from nika_keyword_mcp.asking import Asking
from nika_keyword_mcp.elicitation import Call
from nika_keyword_mcp.results import value_of
from nika_keyword_mcp.shared_client import shared_client

if TYPE_CHECKING:
    from nika_keyword_mcp.session import Connection, Session

T = TypeVar("T")

OPEN_VARIABLE: Final = "NIKA_MCP_OPEN_TIMEOUT"
OPEN_SECONDS: Final = 300.0  # npx and uvx may have to download first


class McpStep:
    """The mcp keyword's work. Sessions are the run's, one per server."""

    async def run(self, payload: JsonObject, context: StepContext) -> Json:
        """Call, and give the structured content or the text. Raises TaskError."""
        name, tool_name = split(payload.get("reference"))
        given = payload.get("args")
        if given is not None and not isinstance(given, Mapping):
            raise TaskError("args of mcp are names and values", category=Category.VALIDATION, code=codes.BAD_PAYLOAD)
        reference = f"{name}::{tool_name}"

        async def called(session: Session) -> Json:
            tool = await session.tool(tool_name)
            args = checked(reference, given or {}, tool.input_schema)
            asking = Asking(Call(name, tool_name, args), context)
            return value_of(await asking.called(session), reference, tool.output_schema)

        return await in_session(name, context, called)


def split(reference: Json) -> tuple[str, str]:
    """Server and tool. Raises TaskError."""
    server, separator, tool = reference.partition("::") if isinstance(reference, str) else ("", "", "")
    if not (server.strip() and separator and tool.strip()):
        raise TaskError(
            f"'{str(reference)[:80]}' is not a reference to a tool",
            category=Category.CONFIG,
            code=codes.BAD_PAYLOAD,
            hint="write server::tool",
        )
    return server.strip(), tool.strip()


async def in_session(name: str, context: StepContext, use: Callable[[Session], Awaitable[T]]) -> T:
    """Return what `use` does in the run's session with a server; once more in a new one if it was forgotten.

    Raises TaskError.
    """
    began = time.monotonic()
    connection = await _connection(name, context)
    module: Any = await import_in_thread("nika_keyword_mcp.session")
    forgotten: type[TaskError] = module.SessionForgottenError

    def left() -> float:
        return context.timeout - (time.monotonic() - began)

    try:
        try:
            return await use(await connection.session(left()))
        except forgotten:
            return await use(await connection.session(left()))
    except asyncio.CancelledError as error:
        junk = connection.junk()
        if not junk:
            raise
        message = f"what the MCP server '{name}' sent last is not a message: {junk}"  # the timeout's error names it
        raise TaskError(message, category=Category.CANCELLED) from error


@asynccontextmanager
async def _known() -> AsyncIterator[dict[Any, Connection]]:
    yield {}


async def _connection(name: str, context: StepContext) -> Connection:
    """Return the run's connection to a server, whose declaration is read for its first call. Raise TaskError."""
    known = await context.resource("mcp:known", _known)
    section = context.sections.get(servers.SECTION)
    key = (name, str(context.folder), repr(section), tuple(context.env.items()))
    if key not in known:
        known[key] = await _declared_connection(name, section, context)
    return known[key]


async def _declared_connection(name: str, section: Json, context: StepContext) -> Connection:
    found = servers.find(name, section, context.folder)
    secrets = {secret: await context.fetch_secret(secret) for secret in servers.secret_names(found)}
    server = servers.filled(found, context.environ, secrets)
    module: Any = await import_in_thread("nika_keyword_mcp.session")
    seconds = _open_seconds(context)
    client: Any = None
    if server.url:
        guard = _guard(context)
        client = await context.resource("mcp:client", lambda: shared_client(guard, context.environ))

    def open_() -> AbstractAsyncContextManager[Connection]:
        around = module.Surroundings(context.environ, context.env, context.folder, context.run_id, client, seconds)
        opened: AbstractAsyncContextManager[Connection] = module.connection(server, around)
        return opened

    # One server for all workflows of a run that define it alike; a command is another process in another folder.
    where = None if server.url else (str(context.folder), sorted(context.env.items()))
    return await context.resource(f"mcp:{name}:{(server, where)!r}", open_)


def _open_seconds(context: StepContext) -> float:
    """Return how long a server may take to come up. Raise TaskError."""
    text = context.environ.get(OPEN_VARIABLE)
    try:
        return fields.Duration(above_zero=True).parse(text) if text else OPEN_SECONDS
    except ValueError as error:
        raise TaskError(f"{OPEN_VARIABLE}: {error}", category=Category.CONFIG) from None


def _guard(context: StepContext) -> AddressGuard:
    """Return the guard of the addresses of servers: what the environment allows `http` to reach, they may be, too."""
    try:
        own = AddressGuard.from_configuration("mcp", context.environ, context.settings.get("allow") or ())
        http = AddressGuard.from_configuration("http", context.environ)
    except ValueError as error:
        raise TaskError(str(error), category=Category.CONFIG) from None
    return AddressGuard("mcp", (*own.allowed, *http.allowed))


def checked(reference: str, given: JsonObject, schema: JsonObject) -> JsonObject:
    """Return the arguments as the tool's schema asks for them. Raise TaskError."""
    fitting = tool_arguments.coerced(given, schema)
    assert isinstance(fitting, Mapping)
    problems = tool_arguments.wrong(fitting, schema)
    if problems:
        raise TaskError(
            f"{reference} cannot be called: {'; '.join(problems)}",
            category=Category.VALIDATION,
            code=codes.BAD_PAYLOAD,
            hint="compare args with the tool's schema",
        )
    return fitting
