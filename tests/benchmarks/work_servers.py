"""Servers that do nothing but answer: `python tests/benchmarks/work_servers.py http|mcp`.

`http` listens on loopback, prints its port, and ends when its standard input does; the path `/connections` is answered
with how many connections have been opened since it was asked last. `mcp` is a server of the SDK over stdio with one
tool, `echo`.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

SERVER = str(Path(__file__))


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
    from mcp.server import MCPServer

    server = MCPServer("echo")

    @server.tool(structured_output=False)
    def echo(text: str) -> str:
        """Return a text."""
        return text

    server.run()


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
