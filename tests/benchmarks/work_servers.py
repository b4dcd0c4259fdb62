"""Servers that do nothing but answer: `python tests/benchmarks/work_servers.py http|mcp`.

`http` listens on loopback, prints its port, and ends when its standard input does; the path `/connections` is answered
with how many connections have been opened since it was asked last. `mcp` speaks the Model Context Protocol over stdio
and has one tool, `echo`.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

SERVER = str(Path(__file__))
_TOOL = {
    "name": "echo",
    "description": "Return a text.",
    "inputSchema": {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]},
}


class _Connection(asyncio.Protocol):
    opened = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: Any = transport
        type(self).opened += 1

    def data_received(self, data: bytes) -> None:
        if data.startswith(b"GET /connections "):
            body, type(self).opened = b"%d" % self.opened, 0
        else:
            body = b'{"words": ["one", "two"]}'
        head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(body)
        self._transport.write(head + body)


async def _serve_http() -> None:
    server = await asyncio.get_running_loop().create_server(_Connection, "127.0.0.1", 0, backlog=4096)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.to_thread(sys.stdin.read)


def _serve_mcp() -> None:
    for line in sys.stdin.buffer:
        request = json.loads(line)
        if "id" in request:
            answer = {"jsonrpc": "2.0", "id": request["id"], **_answer(request["method"], request.get("params") or {})}
            sys.stdout.buffer.write(json.dumps(answer).encode() + b"\n")
            sys.stdout.buffer.flush()


def _answer(method: str, params: dict[str, Any]) -> dict[str, Any]:
    if method == "initialize":
        server = {"name": "echo", "version": "1"}
        found = {"protocolVersion": params["protocolVersion"], "capabilities": {"tools": {}}, "serverInfo": server}
        return {"result": found}
    if method == "tools/list":
        return {"result": {"tools": [_TOOL]}}
    if method == "tools/call":
        return {"result": {"content": [{"type": "text", "text": params["arguments"]["text"]}], "isError": False}}
    return {"error": {"code": -32601, "message": "unknown"}}


@contextmanager
def http_server() -> Iterator[str]:
    """Run one; the address, without a path."""
    command = [sys.executable, SERVER, "http"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
        process.communicate()


if __name__ == "__main__":
    if sys.argv[1] == "http":
        asyncio.run(_serve_http())
    else:
        _serve_mcp()
