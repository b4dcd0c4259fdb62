"""Nika's end of the socket of a process that starts others: a guardian, or a fork server."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import itertools
import marshal
import os
import socket
from collections import deque
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from nika_core.errors import TaskError
from nika_core.toolbox.process import guardian as protocol
from nika_core.toolbox.process.leaders import GuardedLeader

_STARTS: Final = 16  # unanswered at a time: the descriptors on their way are limited
_READ_BYTES: Final = 65_536


class Starter:
    """Asks for processes, and hears how they end.

    Attributes:
        slots: how many may be asked for at a time.
        ending: whether it has been told to end.
    """

    def __init__(self, ours: socket.socket, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.slots = asyncio.Semaphore(_STARTS)
        self.ending = False
        self._socket = ours
        self._in = bytearray()
        self._out: deque[tuple[memoryview, list[int]]] = deque()
        self._numbers = itertools.count(1)
        self._asked: dict[int, asyncio.Future[GuardedLeader]] = {}
        self._leaders: dict[int, GuardedLeader] = {}
        self._gone = False
        ours.setblocking(False)
        loop.add_reader(ours, self.look)

    @property
    def usable(self) -> bool:
        """Whether it can still start processes."""
        return not (self.ending or self._gone)

    def start(
        self,
        argv: Sequence[str],
        cwd: Path,
        env: Mapping[str, str],
        tag: int,
        descriptors: Sequence[tuple[int, int]],
    ) -> asyncio.Future[GuardedLeader]:
        """Ask for a process. The result is an OSError if the system refuses, a TaskError if the starter is killed.

        Args:
            descriptors: ours and what it is to be in the process. Ours are closed once they are on their way.
        """
        number = next(self._numbers)
        request = (
            number,
            tag,
            _encoded(argv),
            os.fsencode(cwd.absolute()),
            dict(zip(_encoded(env), _encoded(env.values()), strict=True)),
            [theirs for _, theirs in descriptors],
        )
        data = marshal.dumps(request)
        asked: asyncio.Future[GuardedLeader] = self.loop.create_future()
        self._asked[number] = asked
        self._out.append((memoryview(len(data).to_bytes(4, "little") + data), [ours for ours, _ in descriptors]))
        if len(self._out) == 1:
            self._flush()
        return asked

    def _flush(self) -> None:
        try:
            while self._out:
                data, descriptors = self._out[0]
                sent = socket.send_fds(self._socket, [data], descriptors) if descriptors else self._socket.send(data)
                _close(descriptors)
                self._out[0] = data[sent:], []
                if sent == len(data):
                    self._out.popleft()
        except (BlockingIOError, InterruptedError):
            self.loop.add_writer(self._socket, self._flush)
            return
        except OSError as error:
            if error.errno in {errno.ETOOMANYREFS, errno.ENOBUFS}:
                self.loop.call_later(0.01, self._flush)
                return
            self._drop_requests()  # it is gone, and `look` notices
        self.loop.remove_writer(self._socket)

    def _drop_requests(self) -> None:
        for _, descriptors in self._out:
            _close(descriptors)
        self._out.clear()

    def look(self) -> None:
        """Take what it has said."""
        try:
            while not self._gone:
                data = self._socket.recv(_READ_BYTES)
                if not data:
                    self.lost("")
                    return
                self._in += data
                self._take()
        except (BlockingIOError, InterruptedError):
            pass
        except OSError:
            self.lost("")

    def _take(self) -> None:
        while len(self._in) >= 4:
            end = 4 + int.from_bytes(self._in[:4], "little")
            if len(self._in) < end:
                return
            kind, *message = marshal.loads(bytes(self._in[4:end]))  # noqa: S302 - a process of ours has written it
            del self._in[:end]
            self._handle(kind, message)

    def _handle(self, kind: str, message: list[Any]) -> None:
        if kind == protocol.STARTED:
            number, pid = message
            leader = self._leaders[number] = GuardedLeader(pid, self.look)
            _settle(self._asked.pop(number), leader)
        elif kind == protocol.FAILED:
            number, code, where = message
            self._asked.pop(number).set_exception(OSError(code, os.strerror(code), where and os.fsdecode(where)))
        elif kind == protocol.ENDED:
            number, code = message
            self._leaders.pop(number).has_ended(code)
        else:
            self.heard(kind, message)

    def heard(self, kind: str, message: list[Any]) -> None:
        """Take what only this kind of starter says."""

    def lost(self, reason: str) -> None:
        """Note that it is gone; `reason` is empty if it was killed."""
        self.shut()

    def shut(self) -> None:
        """Close the socket; what it has started is waited for in another way."""
        if self._gone:
            return
        self._gone = True
        self._drop_requests()
        self.loop.remove_reader(self._socket)
        self.loop.remove_writer(self._socket)
        self._socket.close()
        for asked in self._asked.values():
            if not asked.done():
                asked.set_exception(
                    TaskError(
                        "it is not known whether the process was started, because the process that starts it was killed"
                    )
                )
        for leader in self._leaders.values():
            leader.orphaned()

    def hang_up(self) -> None:
        """Tell it to end."""
        self.ending = True
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_WR)

    def drain(self) -> None:
        """Tell it to end, and block until it has, when the event loop is closed."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_WR)
            self._socket.setblocking(True)
            while self._socket.recv(_READ_BYTES):
                pass
        self._socket.close()

    def close(self) -> None:
        """Close the socket only: it ends what is left by itself."""
        self._drop_requests()
        self._socket.close()


def _settle(asked: asyncio.Future[GuardedLeader], leader: GuardedLeader) -> None:
    if not asked.done():
        asked.set_result(leader)


def _encoded(texts: Collection[str]) -> list[bytes]:
    """Encode texts as the names of files are, all at once: none of them has a NUL character."""
    return os.fsencode("\0".join(texts)).split(b"\0") if texts else []


def _close(descriptors: Iterable[int]) -> None:
    for descriptor in descriptors:
        os.close(descriptor)
