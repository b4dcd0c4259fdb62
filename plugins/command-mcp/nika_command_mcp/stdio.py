"""The client's lines on standard input, and the server's on standard output."""

from __future__ import annotations

import asyncio
import json
import os
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, BinaryIO, Final

from mcp_types import INVALID_REQUEST, PARSE_ERROR, jsonrpc_message_adapter
from pydantic import ValidationError

from nika_core import NikaError
from nika_core.plugin import Terminal

_STDIN: Final = 0
_SHOWN: Final = 200  # characters of a reason


@contextmanager
def own_stdin() -> Iterator[BinaryIO]:
    """Take standard input for the protocol, so that nothing that a run starts can read the client's lines."""
    number = os.dup(_STDIN)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, _STDIN)
    os.close(nothing)
    try:
        yield open(number, "rb", closefd=False)  # noqa: SIM115  # a thread may still read it
    finally:
        os.dup2(number, _STDIN)


class ServerLines:
    """Writes the server's lines to the real stdout: what else is printed in a command goes to stderr."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self._turn = asyncio.Lock()
        self.when_gone: Callable[[], object] = lambda: None  # called if lines can no longer be written
        self.fault: NikaError | None = None  # why not, unless the client has just gone

    async def write(self, line: str) -> None:
        """Write a line."""
        async with self._turn:
            try:
                await asyncio.to_thread(self._terminal.print_data, line.removesuffix("\n"), verbatim=True)
            except (BrokenPipeError, NikaError) as error:
                self.fault = error if isinstance(error, NikaError) else None
                self.when_gone()

    async def flush(self) -> None:
        """Do nothing: each line is flushed as it is written."""


class ClientLines:
    """The lines of a client. A line that is not a message is answered here: the protocol's library would say nothing.

    They are read in a daemon thread, so that a signal ends the server though its client keeps the pipe open.
    """

    def __init__(self, stream: BinaryIO, replies: ServerLines) -> None:
        """Prepare to read.

        Args:
            replies: where to write the answers to lines that are not messages.
        """
        self._stream = stream
        self._replies = replies

    async def __aiter__(self) -> AsyncIterator[str]:
        lines: asyncio.Queue[bytes] = asyncio.Queue()
        taken = threading.Semaphore(0)  # the client waits while nobody takes its lines
        loop = asyncio.get_running_loop()

        def read() -> None:
            with suppress(RuntimeError):  # the server has ended
                with suppress(OSError):  # as good as the end
                    for line in self._stream:
                        loop.call_soon_threadsafe(lines.put_nowait, line)
                        taken.acquire()
                loop.call_soon_threadsafe(lines.put_nowait, b"")

        threading.Thread(target=read, name="nika-mcp-stdin", daemon=True).start()
        while data := await lines.get():
            taken.release()
            line = data.decode("utf-8", "replace")
            try:
                jsonrpc_message_adapter.validate_json(line, by_name=False)
            except ValidationError as error:
                message, for_client = _refused(line, error)
                if for_client:
                    await self._replies.write(message)
                elif message:
                    yield message
            else:
                yield line


def _refused(line: str, error: ValidationError) -> tuple[str, bool]:
    """Return what is said of a line that is not a message, and whether to the client; "": nothing.

    A response that cannot be read is an error to whatever waits for it in the server.
    """
    if not line.strip():
        return "", False
    try:
        found: Any = json.loads(line)
    except (ValueError, RecursionError):
        return _error(None, PARSE_ERROR, "this line is not JSON"), True
    fields = found if isinstance(found, dict) else {}
    number = fields.get("id")
    known = number if isinstance(number, str | int) and not isinstance(number, bool) else None
    if "method" in fields and "id" not in fields:
        return "", False  # a notification has no answer
    if "method" not in fields and ("result" in fields or "error" in fields):
        return ("" if known is None else _error(known, INVALID_REQUEST, "the response cannot be read")), False
    reason = error.errors(include_url=False, include_context=False)[0]["msg"]
    return _error(known, INVALID_REQUEST, f"this is not a request of the protocol: {reason[:_SHOWN]}"), True


def _error(number: str | int | None, code: int, message: str) -> str:
    return json.dumps({"jsonrpc": "2.0", "id": number, "error": {"code": code, "message": message}})
