"""An MCP server for tests: over stdio, or with the argument `http` (and a port) over streamable HTTP."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

from mcp.server import MCPServer
from mcp.server.mcpserver import Context
from mcp_types import AudioContent, ImageContent, TextContent
from pydantic import BaseModel

server = MCPServer("small")


class Point(BaseModel):
    x: int
    y: float = 0.5


@server.tool()
def add(a: int, b: int = 1) -> int:
    """Add two numbers."""
    return a + b


@server.tool()
def move(point: Point, tags: list[str] | None = None, on: bool = False) -> dict[str, Any]:
    """Give back what came."""
    return {"point": point.model_dump(), "tags": tags, "on": on}


@server.tool(structured_output=False)
def say(text: str) -> str:
    """Give text back, as text only."""
    return text


@server.tool(structured_output=False)
def trace(context: Context) -> str:
    """Return the trace that the call names."""
    return str((context.request_context.meta or {}).get("traceparent"))


@server.tool(structured_output=False)
def mixed() -> list[TextContent | ImageContent | AudioContent]:
    """Several kinds of content."""
    return [
        TextContent(text="hello"),
        ImageContent(data="aGVsbG8=", mime_type="image/png"),
        AudioContent(data="aGVsbG8=", mime_type="audio/wav"),
    ]


@server.tool()
def fail(why: str) -> str:
    """Fail."""
    raise ValueError(why)


@server.tool()
def environment() -> dict[str, str]:
    """What this process sees."""
    return dict(os.environ)


@server.tool()
async def count(context: Context, to: int) -> str:
    """Tell its progress."""
    for number in range(1, to + 1):
        await context.report_progress(number, to, f"number {number}")
    return "counted"


@server.tool()
def whoami() -> dict[str, Any]:
    """Process and folder."""
    return {"pid": os.getpid(), "cwd": str(Path.cwd())}


@server.tool()
def crash() -> str:
    """End this process under the call."""
    print("about to crash", file=sys.stderr, flush=True)
    os._exit(3)


@server.tool()
def breed(mark: str) -> int:
    """Leave a child behind that nobody waits for."""
    code = "import signal, time; signal.signal(signal.SIGHUP, signal.SIG_IGN); time.sleep(300)"
    return subprocess.Popen([sys.executable, "-c", code, mark]).pid


@server.tool()
async def wait(folder: str, seconds: float = 30) -> str:
    """Wait, and write down when it is cancelled."""
    Path(folder, "started").touch()
    try:
        await asyncio.sleep(seconds)
    except BaseException:
        Path(folder, "cancelled").touch()
        raise
    return "waited"


@server.tool(name="odd name/with.everything-that-models-do-not-take-and-that-is-far-too-long-for-them")
def odd() -> str:
    """Has a name that no model takes."""
    return "odd"


def serve_http(port: int) -> None:
    import uvicorn

    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        listener.listen()
        print(f"http://127.0.0.1:{listener.getsockname()[1]}/mcp", flush=True)
        config = uvicorn.Config(server.streamable_http_app(), log_level="error")
        uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    mode = sys.argv[1] if len(sys.argv) > 1 else "stdio"
    if mode == "http":
        serve_http(int(sys.argv[2]) if len(sys.argv) > 2 else 0)
    elif mode == "die":
        print("cannot find my settings", file=sys.stderr)
        sys.exit(7)
    elif mode == "noisy":
        print("this is not JSON-RPC", flush=True)
        sys.stderr.write("x" * 1_000_000)
        server.run()
    else:
        server.run()
