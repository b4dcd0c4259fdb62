"""A server as a process: JSON-RPC lines over its pipes, its last words kept, ended with all that it started.

A transport of our own for the SDK's client: the SDK's leaves a server's own children alive when the server itself ends
in time, and lets its stderr go to ours.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import anyio
from mcp.shared.message import SessionMessage
from mcp_types import jsonrpc_message_adapter

from nika_core.plugin import Category, TaskError, is_folder
from nika_core.toolbox.process import RunningProcess, open_process
from nika_keyword_mcp.incoming import Incoming, as_sent
from nika_keyword_mcp.servers import Server
from nika_keyword_mcp.wire import LARGEST_UNENDED, MAX_MESSAGE, JsonRpc, is_json

INHERITED: Final = (
    *("PATH", "HOME", "USER", "LOGNAME", "SHELL", "TERM", "LANG", "LANGUAGE", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR"),
    *("TEMP", "TMP", "APPDATA", "LOCALAPPDATA", "HOMEDRIVE", "HOMEPATH", "PATHEXT", "PROCESSOR_ARCHITECTURE"),
    *("SYSTEMDRIVE", "SYSTEMROOT", "USERNAME", "USERPROFILE"),
)
_TAIL: Final = 4096  # bytes of stderr that are kept
_CHUNK: Final = 65_536
_GRACE: Final = 1.0  # seconds between the closing of its input, TERM and KILL
_QUIET: Final = 2.0  # seconds after an answer that names no request of ours, before it is taken for one of ours
_LAST_READ: Final = 0.25  # seconds for what it wrote last, after its end
_EXIT_CODE: Final = 0.2  # seconds that it may take to end after it has closed its output


@dataclass
class Child:
    """A running server."""

    process: RunningProcess
    tail: bytearray = field(default_factory=bytearray)
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    incoming: Incoming = field(default_factory=Incoming)
    fault: str = ""  # why we stopped listening

    def last_words(self) -> str:
        """Return the last lines that it wrote to stderr, and to stdout what is not a message, shortened."""
        lines = [" ".join(line.split()) for line in self.tail.decode("utf-8", "replace").splitlines() if line.strip()]
        text = " | ".join(lines[-4:])
        text = text if len(text) <= 300 else "…" + text[-299:]
        prints = self.incoming.prints()
        return " | ".join(filter(None, (text, f"in place of a message: {prints}" if prints else "")))

    def how(self) -> str:
        """Return how the process ended, and what it said last."""
        code = self.process.returncode
        if self.fault:
            end = self.fault
        elif code is None:
            end = "closed its output"
        elif code < 0:
            end = f"was ended by signal {-code}"
        else:
            end = f"ended with exit code {code}"
        words = self.last_words()
        return end + (f"; its last words: {words}" if words else "")


def environment(server: Server, environ: Mapping[str, str], env: Mapping[str, str]) -> dict[str, str]:
    """Return what the server sees: the few variables that every program needs, the workflow's `env`, and what its
    declaration names.
    """
    return {**{name: environ[name] for name in INHERITED if name in environ}, **env, **server.env}


async def start(server: Server, environ: Mapping[str, str], env: Mapping[str, str], folder: Path, run_id: str) -> Child:
    """Start it, in a session of its own. What it starts is ended with it. Raises TaskError."""
    cwd = folder / server.cwd if server.cwd else folder
    if not is_folder(cwd):
        raise TaskError(f"the MCP server '{server.name}' has no folder {cwd} to run in", category=Category.CONFIG)
    try:
        process = await open_process(
            [server.command, *server.args], run_id=run_id, cwd=cwd, env=environment(server, environ, env)
        )
    except TaskError as error:
        raise TaskError(
            f"the MCP server '{server.name}' cannot be started: {error.message}",
            category=error.category,
            hint=error.hint,
        ) from None
    return Child(process)


@asynccontextmanager
async def transport(child: Child) -> AsyncIterator[tuple[Any, Any]]:
    """Open the streams of messages that the SDK's client reads and writes; end the process group afterwards."""
    to_session, read_stream = anyio.create_memory_object_stream[SessionMessage | Exception](0)
    write_stream, from_session = anyio.create_memory_object_stream[SessionMessage](0)
    pumps = [
        asyncio.create_task(_read(child, to_session)),
        asyncio.create_task(_watch(child, to_session)),
        asyncio.create_task(_write(child, from_session)),
        asyncio.create_task(_keep_tail(child)),
    ]
    try:
        yield read_stream, write_stream
    finally:
        ending = asyncio.ensure_future(_end(child, pumps))
        try:
            await asyncio.shield(ending)
        except asyncio.CancelledError:
            child.process.kill()
            await ending
            raise
        finally:
            for stream in (read_stream, write_stream, to_session, from_session):
                stream.close()


async def _read(child: Child, to_session: Any) -> None:
    buffer = bytearray()
    try:
        while chunk := await _next(child, to_session):
            buffer += chunk
            if b"\n" not in chunk and not _is_whole(buffer):
                if len(buffer) > MAX_MESSAGE:
                    child.fault = f"sent a line of more than {MAX_MESSAGE // 1024 // 1024} MiB"
                    return
                continue
            *lines, rest = bytes(buffer).split(b"\n")
            if _is_whole(rest):
                lines.append(rest)
                rest = b""
            buffer = bytearray(rest)
            for line in lines:
                if line.strip():
                    for message in _messages(child, line):
                        await to_session.send(message)
        with contextlib.suppress(TimeoutError, TaskError):  # its exit code, for the message
            await asyncio.wait_for(child.process.wait(), _EXIT_CODE)
    except (anyio.BrokenResourceError, anyio.ClosedResourceError, ConnectionError):
        pass  # the session is over
    finally:
        child.ended.set()
        to_session.close()


async def _next(child: Child, to_session: Any) -> bytes:
    """Return what the server writes next; b"": nothing more comes."""
    while True:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_QUIET if child.incoming.unclear else None):
                chunk = await child.process.stdout.read(_CHUNK)
                if chunk:
                    return chunk
        ended = child.process.stdout.at_eof()
        for message in child.incoming.settle():
            await to_session.send(_session_message(message))
        if ended:
            return b""


def _is_whole(line: bytes | bytearray) -> bool:
    """Return whether a line that has not ended is a whole message: some servers never end it, or with a CR."""
    end = line[-2:].rstrip(b"\r")[-1:]
    return end in (b"}", b"]") and len(line) <= LARGEST_UNENDED and is_json(line.decode("utf-8", "replace"))


async def _watch(child: Child, to_session: Any) -> None:
    """Notice that the server has ended although a child of its own still holds its output open."""
    with contextlib.suppress(TaskError):  # it has ended, and nobody knows how
        await child.process.wait()
    await asyncio.sleep(_LAST_READ)
    child.ended.set()
    to_session.close()


def _messages(child: Child, line: bytes) -> list[SessionMessage]:
    """Return the messages that a line holds; a stray print of the server holds none, and the session goes on."""
    messages = []
    for one in child.incoming.read(line.decode("utf-8", "replace")):
        with contextlib.suppress(ValueError):  # a request or notification of the server that is not one
            messages.append(_session_message(one))
    return messages


def _session_message(message: JsonRpc) -> SessionMessage:
    return SessionMessage(jsonrpc_message_adapter.validate_python(message, by_name=False))


async def _write(child: Child, from_session: Any) -> None:
    try:
        async for item in from_session:
            message, line = as_sent(item.message)
            child.incoming.sent(message)
            child.process.stdin.write(line)
            await child.process.stdin.drain()
    except (ConnectionError, anyio.BrokenResourceError, anyio.ClosedResourceError):
        pass  # the reader notices the end


async def _keep_tail(child: Child) -> None:
    with contextlib.suppress(ConnectionError):
        while chunk := await child.process.stderr.read(_CHUNK):
            child.tail += chunk
            del child.tail[:-_TAIL]


async def _end(child: Child, pumps: list[asyncio.Task[None]]) -> None:
    """Close its input, wait, then TERM and KILL; what it started goes with it."""
    try:
        await child.process.end(_GRACE)
    finally:
        for pump in pumps:
            pump.cancel()
        await asyncio.gather(*pumps, return_exceptions=True)


def discard(child: Child) -> None:
    """Kill it at once if nothing else has ended it."""
    if child.process.returncode is None:
        child.process.kill()
    child.process.close()
