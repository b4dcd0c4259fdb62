"""An MCP server whose tools ask: over stdio or (`http`) streamable HTTP, as of 2025-11-25 or (`modern`) 2026-07-28.

What is asked is in `question.json` in its folder, if that is there; each call is a line of `calls`.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import sys
from pathlib import Path
from typing import Annotated, Any

from mcp.server import MCPServer
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.resolve import Elicit, ListRoots, Resolve
from mcp.shared.exceptions import UrlElicitationRequiredError
from mcp_types import ElicitRequestURLParams, ListRootsResult, SamplingMessage, TextContent
from pydantic import BaseModel

server = MCPServer("asking")
MODERN = "modern" in sys.argv
SCHEMA = {
    "type": "object",
    "properties": {"count": {"type": "integer", "minimum": 1, "maximum": 9}, "note": {"type": "string"}},
    "required": ["count"],
}


def question() -> dict[str, Any]:
    file = Path("question.json")
    return json.loads(file.read_text()) if file.exists() else {"message": "How many?", "schema": SCHEMA}  # type: ignore[no-any-return]  # tests write an object


def log(context: Context, text: str) -> None:
    key = (context.request_context.meta or {}).get("nika/idempotencyKey", "")
    with Path("calls").open("a") as calls:
        calls.write(f"{text} {os.getpid()} {key}\n")


async def form(context: Context, message: str, schema: dict[str, Any]) -> dict[str, Any]:
    result = await context.session.elicit_form(message, schema, related_request_id=context.request_id)
    return result.model_dump(exclude_none=True, include={"action", "content"})


@server.tool()
async def order(context: Context, item: str) -> dict[str, Any]:
    """Order something, once somebody has said how many."""
    log(context, f"order {item}")
    asked = question()
    return {"item": item, **await form(context, asked["message"], asked["schema"])}


@server.tool()
async def twice(context: Context) -> dict[str, Any]:
    """Ask the same twice."""
    log(context, "twice")
    return {"first": await form(context, "How many?", SCHEMA), "second": await form(context, "How many?", SCHEMA)}


@server.tool()
async def calm(context: Context) -> str:
    """Ask nothing, and end once a file is there."""
    log(context, "calm")
    while not Path("go").exists():
        await asyncio.sleep(0.01)
    return "calm"


@server.tool()
async def page(context: Context, url: str) -> str:
    """Let a page be opened."""
    result = await context.session.elicit_url("Please log in.", url, "42", related_request_id=context.request_id)
    return result.action


@server.tool()
async def locked(context: Context) -> str:
    """Can be called once a page was opened."""
    log(context, "locked")
    if not Path("opened").exists():
        params = ElicitRequestURLParams(message="Please log in.", url="https://example.com/log-in", elicitation_id="7")
        raise UrlElicitationRequiredError([params])
    return "unlocked"


@server.tool()
async def roots(context: Context) -> str:
    """Ask for the client's folders."""
    return str(await context.session.list_roots())


@server.tool()
async def sample(context: Context) -> str:
    """Ask for the client's model."""
    messages = [SamplingMessage(role="user", content=TextContent(text="hello"))]
    return str(await context.session.create_message(messages, max_tokens=9))


class Count(BaseModel):
    count: int


async def how_many(item: str) -> Elicit[Count]:
    return Elicit(f"How many of {item}?", Count)


async def where() -> Elicit[Count]:
    return Elicit("To which house number?", Count)


@server.tool()
async def resolved(
    context: Context, item: str, how_many: Annotated[Count, Resolve(how_many)], house: Annotated[Count, Resolve(where)]
) -> dict[str, Any]:
    """Order something, with rounds of 2026-07-28 if the client speaks that."""
    log(context, f"resolved {item}")
    return {"item": item, "count": how_many.count, "house": house.count}


async def listed() -> ListRoots:
    return ListRoots()


@server.tool()
async def resolved_roots(folders: Annotated[ListRootsResult, Resolve(listed)]) -> str:
    """Ask for the client's folders, as of 2026-07-28."""
    return str(folders)


def refused(request: bytes) -> bytes:
    error = {"code": -32601, "message": "Method not found"}
    return json.dumps({"jsonrpc": "2.0", "id": json.loads(request)["id"], "error": error}).encode()


def legacy(app: Any) -> Any:
    """The same app for a client of 2025-11-25: `server/discover` is not there."""

    async def wrapped(scope: Any, receive: Any, send: Any) -> None:
        if (b"mcp-method", b"server/discover") not in scope.get("headers", ()):
            await app(scope, receive, send)
            return
        body = refused((await receive())["body"])
        headers = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return wrapped


def serve_http() -> None:
    import uvicorn

    app = server.streamable_http_app()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        print(f"http://127.0.0.1:{listener.getsockname()[1]}/mcp", flush=True)
        config = uvicorn.Config(app if MODERN else legacy(app), log_level="error", lifespan="on")
        uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    if "http" in sys.argv:
        serve_http()
    elif MODERN:
        server.run()
    else:
        first = b""  # the probe, and nothing of what a client sends next if it does not wait for the answer
        while not first.endswith(b"\n"):
            first += os.read(0, 1)
        os.write(1, refused(first) + b"\n")
        server.run()
