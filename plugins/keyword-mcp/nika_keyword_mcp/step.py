"""Calls the tool of a task."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any

from nika_core.plugin import Category, Json, JsonObject, StepContext, TaskError, codes, import_in_thread
from nika_keyword_mcp import arguments as tool_arguments
from nika_keyword_mcp import servers

if TYPE_CHECKING:
    from nika_keyword_mcp.session import Connection, Session


class McpStep:
    """The mcp keyword's work. Sessions are the run's, one per server."""

    async def run(self, payload: JsonObject, context: StepContext) -> Json:
        """Call, and give the structured content or the text. Raises TaskError."""
        name, tool_name = split(payload.get("reference"))
        given = payload.get("args")
        if given is not None and not isinstance(given, Mapping):
            raise TaskError("args of mcp are names and values", category=Category.VALIDATION, code=codes.BAD_PAYLOAD)
        session = await session_of(name, context)
        tool = await session.tool(tool_name)
        schema: JsonObject = tool.input_schema
        args = checked(f"{name}::{tool_name}", given or {}, schema)
        result = await session.call(tool_name, args, context.progress)
        text = "\n".join(described(item) for item in result.content)
        if result.is_error:
            raise TaskError(f"{name}::{tool_name}: {text or 'failed without a word'}")
        return text if result.structured_content is None else result.structured_content


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


async def session_of(name: str, context: StepContext) -> Session:
    """Return the run's session with a server. Raise TaskError."""
    server = servers.filled(servers.find(name, context.sections.get(servers.SECTION), context.folder), context.environ)
    module: Any = await import_in_thread("nika_keyword_mcp.session")

    def open_() -> AbstractAsyncContextManager[Connection]:
        opened: AbstractAsyncContextManager[Connection] = module.connection(
            server, context.environ, context.env, context.folder, context.run_id
        )
        return opened

    # One server for all workflows of a run that define it alike; a command is another process in another folder.
    where = None if server.url else (str(context.folder), sorted(context.env.items()))
    key = f"mcp:{name}:{(server, where)!r}"
    connection = await context.resource(key, open_)
    return await connection.session()


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


def described(item: Any) -> str:
    """One piece of a result as text: text itself, anything else by what it is."""
    kind = item.type
    if kind == "text":
        return str(item.text)
    if kind in ("image", "audio"):
        return f"[{kind} {item.mime_type}, {len(item.data) * 3 // 4} bytes]"
    if kind == "resource":
        text = getattr(item.resource, "text", None)
        return str(text) if text is not None else f"[resource {item.resource.uri}]"
    return f"[{kind} {getattr(item, 'uri', '')}]".replace(" ]", "]")
