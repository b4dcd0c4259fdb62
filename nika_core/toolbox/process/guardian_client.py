"""Nika's side of the guardians, see `guardian`: one for each run and event loop, started when it is first needed."""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import errno
import itertools
import marshal
import os
import socket
import sys
from collections import deque
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from nika_core.errors import TaskError
from nika_core.toolbox.process import guardian as protocol
from nika_core.toolbox.process.forker import (
    forget_forker,
    forker_pid,
    lock,
    running_forker,
    start_guardian,
    why_unavailable,
)
from nika_core.toolbox.process.leaders import GuardedLeader
from nika_core.toolbox.process.own_process import Owner, owner_of
from nika_core.toolbox.process.tags import is_of_run, tag_of

_READY_SECONDS: Final = 30.0  # on a machine under heavy load
_STARTS: Final = 16  # unanswered at a time: the descriptors on their way are limited
_READ_BYTES: Final = 65_536

_guardians: dict[str, list[Guardian]] = {}
_notices: dict[str, str] = {}  # run -> why it has no guardian


async def guardian_of(run_id: str) -> Guardian | None:
    """Return the guardian of a run, or None if there cannot be one; `why_unguarded` says why."""
    if not sys.platform.startswith("linux"):
        return None
    loop = asyncio.get_running_loop()
    for first in (True, False):
        with lock:
            if run_id in _notices:
                return None
            _forget_closed_loops()
            known = next((one for one in _guardians.get(run_id, ()) if one.loop is loop), None)
            if known is None:
                owner = owner_of(run_id)
                watches = owner is not None and not owner.claimed
                ours = start_guardian(run_id)
                if ours is None:
                    _notices[run_id] = why_unavailable()
                    return None
                known = Guardian(run_id, ours, loop, owner if watches else None)
                _guardians.setdefault(run_id, []).append(known)
        if await known.ready():
            return known
        if known.pid or not first:
            return None
        with lock:  # what should have forked it may have been killed at this moment
            if known in _guardians.get(run_id, ()):
                _guardians[run_id].remove(known)
                _notices.pop(run_id, None)
                forget_forker()
    return None


def why_unguarded(run_id: str) -> str:
    """Return why a run has no guardian, once; empty: it has, or needs none."""
    return _notices.pop(run_id, "")


def start_forker() -> None:
    """Start what a first process would start, so that only the process itself is seen to come and go."""
    if sys.platform.startswith("linux"):
        with lock:
            running_forker()


def guardian_pids() -> set[int]:
    """Return the processes that are neither a run's nor a plugin's but Nika's own."""
    with lock:
        return {forker_pid()} | {one.pid for guardians in _guardians.values() for one in guardians}


async def end_guardians(run_id: str) -> int | None:
    """End the guardians of a run with all that is below them. Return how many processes were; None: there was none."""
    with lock:
        guardians = _guardians.pop(run_id, [])
    if not guardians:
        return None
    return sum([await one.end_from_anywhere() for one in guardians])


class Guardian:
    """Nika's end of the socket of one guardian.

    Attributes:
        pid: of the guardian, which adopts orphans; 0 as long as it is not known.
        calls: how many processes are being looked after, with those that are being started.
    """

    def __init__(
        self, run_id: str, ours: socket.socket, loop: asyncio.AbstractEventLoop, owner: Owner | None = None
    ) -> None:
        self.loop = loop
        self._owner = owner  # whom it also watches
        self.pid = 0
        self.calls = 0
        self.slots = asyncio.Semaphore(_STARTS)
        self._run_id = run_id
        self._tag = tag_of(run_id)
        self._socket = ours
        self._in = bytearray()
        self._out: deque[tuple[memoryview, list[int]]] = deque()
        self._numbers = itertools.count(1)
        self._asked: dict[int, asyncio.Future[GuardedLeader]] = {}
        self._leaders: dict[int, GuardedLeader] = {}
        self._ready: asyncio.Future[bool] = loop.create_future()
        self._gone: asyncio.Future[int] = loop.create_future()
        self._ending = False
        ours.setblocking(False)
        loop.add_reader(ours, self.look)

    @property
    def usable(self) -> bool:
        """Whether it can still start processes."""
        return not (self._ending or self._gone.done())

    def tagged(self, tag: int) -> bool:
        """Return whether a tag is one of this run's."""
        return is_of_run(tag, self._tag)

    async def ready(self) -> bool:
        """Wait until it has come up. Return whether it has."""
        if self._ready.done():
            self.look()  # whether it is still there
        else:
            await asyncio.wait({self._ready}, timeout=_READY_SECONDS)
            if not self._ready.done():
                self._lost(f"its guardian process has not come up within {_READY_SECONDS:g} s")
        return self._ready.result() and self.usable

    def start(
        self,
        argv: Sequence[str],
        cwd: Path,
        env: Mapping[str, str],
        tag: int,
        descriptors: Sequence[tuple[int, int]],
    ) -> asyncio.Future[GuardedLeader]:
        """Ask for a process. The result is an OSError if the system refuses, a TaskError if the guardian is killed.

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
        """Take what the guardian has said."""
        try:
            while not self._gone.done():
                data = self._socket.recv(_READ_BYTES)
                if not data:
                    self._lost("its guardian process was killed")
                    return
                self._in += data
                self._take()
        except (BlockingIOError, InterruptedError):
            pass
        except OSError:
            self._lost("its guardian process was killed")

    def _take(self) -> None:
        while len(self._in) >= 4:
            end = 4 + int.from_bytes(self._in[:4], "little")
            if len(self._in) < end:
                return
            kind, *message = marshal.loads(bytes(self._in[4:end]))  # noqa: S302 - the guardian has written it
            del self._in[:end]
            self._handle(kind, message)

    def _handle(self, kind: str, message: list[Any]) -> None:
        if kind == protocol.HELLO:
            (self.pid,) = message
            if not self._ready.done():
                self._ready.set_result(True)
        elif kind == protocol.STARTED:
            number, pid = message
            leader = self._leaders[number] = GuardedLeader(pid, self.look)
            _settle(self._asked.pop(number), leader)
        elif kind == protocol.FAILED:
            number, code, where = message
            self._asked.pop(number).set_exception(OSError(code, os.strerror(code), where and os.fsdecode(where)))
        elif kind == protocol.ENDED:
            number, code = message
            self._leaders.pop(number).has_ended(code)
        elif kind == protocol.GONE:
            self._shut(message[0])
        else:
            self._lost(message[0])

    def _lost(self, reason: str) -> None:
        if not self._ending:
            _notices[self._run_id] = reason
        self._shut(0)

    def _shut(self, ended: int) -> None:
        if self._gone.done():
            return
        self._gone.set_result(ended)
        if self._owner is not None:
            self._owner.unclaim()
        if not self._ready.done():
            self._ready.set_result(False)
        self._drop_requests()
        self.loop.remove_reader(self._socket)
        self.loop.remove_writer(self._socket)
        self._socket.close()
        for asked in self._asked.values():
            asked.set_exception(
                TaskError("it is not known whether the process was started, because the guardian of the run was killed")
            )
        for leader in self._leaders.values():
            leader.orphaned()

    async def end_from_anywhere(self) -> int:
        """End it as `end` does, from any event loop."""
        if self.loop is asyncio.get_running_loop():
            return await self.end()
        if self.loop.is_closed():
            return await asyncio.to_thread(self.abandon)
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(self.end(), self.loop))

    async def end(self) -> int:
        """Let it end everything below it, then itself. Return how many processes there were."""
        self._ending = True
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_WR)
        return await asyncio.shield(self._gone)

    def abandon(self) -> int:
        """Do the same when the event loop is closed; blocks until it is over."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_WR)
            self._socket.setblocking(True)
            while self._socket.recv(_READ_BYTES):
                pass
        self._socket.close()
        return 0

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


def _forget_closed_loops() -> None:
    for run_id, guardians in list(_guardians.items()):
        for one in guardians:
            if one.loop.is_closed():
                one.close()
        _guardians[run_id] = [one for one in guardians if not one.loop.is_closed()]
        if not _guardians[run_id]:
            del _guardians[run_id]


def _let_go() -> None:
    """Close all sockets: at the end of the process, and in a fork of it, which must not keep the guardians alive."""
    for guardians in _guardians.values():
        for one in guardians:
            one.close()
    _guardians.clear()
    forget_forker()


atexit.register(_let_go)
os.register_at_fork(after_in_child=_let_go)
