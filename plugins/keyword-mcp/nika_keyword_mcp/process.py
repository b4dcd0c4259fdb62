"""A server as a child process: JSON-RPC lines over its pipes, its last words kept, its whole group ended.

A transport of our own for the SDK's client: the SDK's leaves a server's own children alive when the server itself ends
in time, and lets its stderr go to ours.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import anyio
from mcp.shared.message import SessionMessage
from mcp_types import jsonrpc_message_adapter

from nika_core.plugin import Category, TaskError, is_folder
from nika_core.toolbox.process import marked
from nika_keyword_mcp.incoming import Incoming, as_sent
from nika_keyword_mcp.servers import Server
from nika_keyword_mcp.wire import MAX_MESSAGE

INHERITED: Final = (
    *("PATH", "HOME", "USER", "LOGNAME", "SHELL", "TERM", "LANG", "LANGUAGE", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR"),
    *("TEMP", "TMP", "APPDATA", "LOCALAPPDATA", "HOMEDRIVE", "HOMEPATH", "PATHEXT", "PROCESSOR_ARCHITECTURE"),
    *("SYSTEMDRIVE", "SYSTEMROOT", "USERNAME", "USERPROFILE"),
)
_TAIL: Final = 4096  # bytes of stderr that are kept
_CHUNK: Final = 65_536
_GRACE: Final = 1.0  # seconds between the closing of its input, TERM and KILL
_WATCH: Final = 0.25  # seconds between two looks whether it still runs


@dataclass
class Child:
    """A running server."""

    process: asyncio.subprocess.Process
    tail: bytearray = field(default_factory=bytearray)
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    incoming: Incoming = field(default_factory=Incoming)
    fault: str = ""  # why we stopped listening

    def last_words(self) -> str:
        """Return the last lines that it wrote to stderr, as one of at most 300 characters."""
        lines = [" ".join(line.split()) for line in self.tail.decode("utf-8", "replace").splitlines() if line.strip()]
        text = " | ".join(lines[-4:])
        return text if len(text) <= 300 else "…" + text[-299:]

    def how(self) -> str:
        """How it ended, and what it said last."""
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
    """Start it, in a process group of its own. What leaves the group is ended with the run. Raises TaskError."""
    cwd = folder / server.cwd if server.cwd else folder
    if not is_folder(cwd):
        raise TaskError(f"the MCP server '{server.name}' has no folder {cwd} to run in", category=Category.CONFIG)
    try:
        process = await asyncio.create_subprocess_exec(
            server.command,
            *server.args,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            cwd=cwd,
            env=marked(environment(server, environ, env), run_id),
            start_new_session=True,
        )
    except FileNotFoundError:
        raise TaskError(
            f"the MCP server '{server.name}' cannot be started: there is no command '{server.command}'",
            category=Category.CONFIG,
            hint="install it, or write its full path; PATH is the one that Nika was started with",
        ) from None
    except (OSError, ValueError) as error:
        detail = getattr(error, "strerror", None) or error
        raise TaskError(
            f"the MCP server '{server.name}' cannot be started: {server.command}: {detail}", category=Category.CONFIG
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
            kill(child)
            await ending
            raise
        finally:
            for stream in (read_stream, write_stream, to_session, from_session):
                stream.close()


async def _read(child: Child, to_session: Any) -> None:
    assert child.process.stdout is not None
    buffer = bytearray()
    try:
        while chunk := await child.process.stdout.read(_CHUNK):
            buffer += chunk
            if b"\n" not in chunk:
                if len(buffer) > MAX_MESSAGE:
                    child.fault = f"sent a line of more than {MAX_MESSAGE // 1024 // 1024} MiB"
                    return
                continue
            *lines, rest = bytes(buffer).split(b"\n")
            buffer = bytearray(rest)
            for line in lines:
                if line.strip():
                    for message in _messages(child, line):
                        await to_session.send(message)
        await _gone(child, leader_only=True, within=0.2)  # its exit code, for the message
    except (anyio.BrokenResourceError, anyio.ClosedResourceError, ConnectionError):
        pass  # the session is over
    finally:
        child.ended.set()
        to_session.close()


async def _watch(child: Child, to_session: Any) -> None:
    """Notice that the server has ended although a child of its own still holds its output open."""
    # The event loop's own notice of an end waits for the pipes too, so it is looked at.
    while child.process.returncode is None:  # noqa: ASYNC110  # there is no event for it
        await asyncio.sleep(_WATCH)
    await asyncio.sleep(_WATCH)  # what it wrote last is still read
    child.ended.set()
    to_session.close()


def _messages(child: Child, line: bytes) -> list[SessionMessage]:
    """The messages that a line holds; a stray print of the server holds none, and the session goes on."""
    messages = []
    for one in child.incoming.read(line.decode("utf-8", "replace")):
        with contextlib.suppress(ValueError):  # a request or notification of the server that is not one
            messages.append(SessionMessage(jsonrpc_message_adapter.validate_python(one, by_name=False)))
    return messages


async def _write(child: Child, from_session: Any) -> None:
    assert child.process.stdin is not None
    try:
        async for item in from_session:
            message, line = as_sent(item.message)
            child.incoming.sent(message)
            child.process.stdin.write(line)
            await child.process.stdin.drain()
    except (ConnectionError, anyio.BrokenResourceError, anyio.ClosedResourceError):
        pass  # the reader notices the end


async def _keep_tail(child: Child) -> None:
    assert child.process.stderr is not None
    with contextlib.suppress(ConnectionError):
        while chunk := await child.process.stderr.read(_CHUNK):
            child.tail += chunk
            del child.tail[:-_TAIL]


async def _end(child: Child, pumps: list[asyncio.Task[None]]) -> None:
    """Close its input, wait, then TERM and KILL to its group; children that it left behind go with it."""
    process = child.process
    if process.stdin is not None:
        process.stdin.close()
    await _gone(child, leader_only=True)
    if not _group_empty(child):
        _signal_group(child, signal.SIGTERM)
        if not await _gone(child, leader_only=False):
            _signal_group(child, signal.SIGKILL)
            await _gone(child, leader_only=False)
    for pump in pumps:
        pump.cancel()
    await asyncio.gather(*pumps, return_exceptions=True)
    pipes = getattr(process, "_transport", None)  # nothing public closes what a child outside the group still holds
    if pipes is not None:
        pipes.close()


async def _gone(child: Child, *, leader_only: bool, within: float = _GRACE) -> bool:
    deadline = asyncio.get_running_loop().time() + within
    while asyncio.get_running_loop().time() < deadline:
        if child.process.returncode is not None and (leader_only or _group_empty(child)):
            return True
        await asyncio.sleep(0.01)
    return False


def kill(child: Child) -> None:
    """At once, where nothing else has ended it."""
    if child.process.returncode is None:
        _signal_group(child, getattr(signal, "SIGKILL", signal.SIGTERM))


def _group_empty(child: Child) -> bool:
    if not hasattr(os, "killpg"):
        return child.process.returncode is not None
    try:
        os.killpg(child.process.pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False


def _signal_group(child: Child, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if hasattr(os, "killpg"):
            os.killpg(child.process.pid, number)
        else:
            child.process.kill()
