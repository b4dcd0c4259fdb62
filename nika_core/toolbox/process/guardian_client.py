"""Nika's side of the guardians, see `guardian`: one for each run and event loop, started when it is first needed."""

from __future__ import annotations

import asyncio
import atexit
import os
import socket
import sys
from typing import Any, Final

from nika_core.toolbox.process import guardian as protocol
from nika_core.toolbox.process.forker import (
    forget_forker,
    forker_pid,
    lock,
    running_forker,
    start_guardian,
    why_unavailable,
)
from nika_core.toolbox.process.own_process import Owner, owner_of
from nika_core.toolbox.process.starters import Starter
from nika_core.toolbox.process.tags import is_of_run, tag_of

_READY_SECONDS: Final = 30.0  # on a machine under heavy load

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


class Guardian(Starter):
    """Nika's end of the socket of one guardian.

    Attributes:
        pid: of the guardian, which adopts orphans; 0 as long as it is not known.
        calls: how many processes are being looked after, with those that are being started.
    """

    def __init__(
        self, run_id: str, ours: socket.socket, loop: asyncio.AbstractEventLoop, owner: Owner | None = None
    ) -> None:
        super().__init__(ours, loop)
        self._owner = owner  # whom it also watches
        self.pid = 0
        self.calls = 0
        self._run_id = run_id
        self._tag = tag_of(run_id)
        self._ready: asyncio.Future[bool] = loop.create_future()
        self._ended: asyncio.Future[int] = loop.create_future()

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
                self.lost(f"its guardian process has not come up within {_READY_SECONDS:g} s")
        return self._ready.result() and self.usable

    def heard(self, kind: str, message: list[Any]) -> None:
        """Take what only a guardian says."""
        if kind == protocol.HELLO:
            (self.pid,) = message
            if not self._ready.done():
                self._ready.set_result(True)
        elif kind == protocol.GONE:
            self._ended.set_result(message[0])
            self.shut()
        else:
            self.lost(message[0])

    def lost(self, reason: str) -> None:
        """Note that it is gone, and why."""
        if not self.ending:
            _notices[self._run_id] = reason or "its guardian process was killed"
        self.shut()

    def shut(self) -> None:
        """Close the socket."""
        super().shut()
        if self._owner is not None:
            self._owner.unclaim()
        if not self._ready.done():
            self._ready.set_result(False)
        if not self._ended.done():
            self._ended.set_result(0)

    async def end_from_anywhere(self) -> int:
        """End it as `end` does, from any event loop."""
        if self.loop is asyncio.get_running_loop():
            return await self.end()
        if self.loop.is_closed():
            return await asyncio.to_thread(self.abandon)
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(self.end(), self.loop))

    async def end(self) -> int:
        """Let it end everything below it, then itself. Return how many processes there were."""
        self.hang_up()
        return await asyncio.shield(self._ended)

    def abandon(self) -> int:
        """Do the same when the event loop is closed; blocks until it is over."""
        self.drain()
        return 0


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
