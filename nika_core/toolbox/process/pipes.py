"""The ends of a child's pipes on the event loop: what it writes is kept up to a bound, and read on beyond it."""

from __future__ import annotations

import asyncio
import codecs
import contextlib
import os
from collections.abc import Callable
from typing import Final

READ_BYTES: Final = 64 * 1024
TAIL_BYTES: Final = 4 * 1024
_LINE_CHARACTERS: Final = 4096
_LAST_READS: Final = 64  # 4 MiB: what a pipe can hold when its writers are dead, and then some


class Capture:
    """Keeps the first `keep` bytes and, apart from them, the last 4 KiB; counts all of them."""

    __slots__ = ("_head", "_keep", "_tail", "total")

    def __init__(self, keep: int) -> None:
        self._keep = max(0, keep)
        self._head = bytearray()
        self._tail = b""
        self.total = 0

    def feed(self, data: bytes) -> None:
        self.total += len(data)
        room = self._keep - len(self._head)
        if room > 0:
            self._head += data[:room]
        self._tail = data[-TAIL_BYTES:] if len(data) >= TAIL_BYTES else (self._tail + data)[-TAIL_BYTES:]

    @property
    def full(self) -> bool:
        return len(self._head) >= self._keep

    @property
    def head(self) -> bytes:
        return bytes(self._head)

    @property
    def tail(self) -> bytes:
        return self._tail


class LineShow:
    """Gives text to `show` as lines get complete; a line that grows too long is given in pieces."""

    __slots__ = ("_decoder", "_pending", "_show")

    def __init__(self, show: Callable[[str], None]) -> None:
        self._show = show
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._pending = ""

    def feed(self, data: bytes) -> None:
        text = self._pending + self._decoder.decode(data)
        end = text.rfind("\n") + 1
        if len(text) - end > _LINE_CHARACTERS:
            end = len(text)
        self._pending = text[end:]
        if end:
            self._show(text[:end])

    def flush(self) -> None:
        rest, self._pending = self._pending + self._decoder.decode(b"", final=True), ""
        if rest:
            self._show(rest)


class Reader:
    """Reads a pipe until its end. `ended` is done when all writers have closed it, or after `close`."""

    def __init__(self, fd: int, sink: Callable[[bytes], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._fd = fd
        self._sink = sink
        self.ended: asyncio.Future[None] = self._loop.create_future()
        os.set_blocking(fd, False)
        self._loop.add_reader(fd, self._ready)

    def _ready(self) -> bool:
        try:
            data = os.read(self._fd, READ_BYTES)
        except (BlockingIOError, InterruptedError):
            return False
        except OSError:
            data = b""
        if data:
            self._sink(data)
            return True
        self._shut()
        return False

    def close(self) -> None:
        """Read what is already there, and wait for no more."""
        for _ in range(_LAST_READS):
            if self.ended.done() or not self._ready():
                break
        self._shut()

    def _shut(self) -> None:
        if not self.ended.done():
            self.ended.set_result(None)
            self._loop.remove_reader(self._fd)
            os.close(self._fd)


class Writer:
    """Writes `data` to a pipe and closes it. A child that does not read it all is not an error."""

    def __init__(self, fd: int, data: bytes) -> None:
        self._loop = asyncio.get_running_loop()
        self._fd = fd
        self._left = memoryview(data)
        self._open = True
        os.set_blocking(fd, False)
        self._loop.add_writer(fd, self._ready)

    def _ready(self) -> None:
        try:
            self._left = self._left[os.write(self._fd, self._left[:READ_BYTES]) :]
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            self._left = self._left[:0]
        if not self._left:
            self.close()

    def close(self) -> None:
        if self._open:
            self._open = False
            self._loop.remove_writer(self._fd)
            with contextlib.suppress(OSError):
                os.close(self._fd)
