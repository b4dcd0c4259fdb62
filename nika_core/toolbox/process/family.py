"""Ends a process with all that it started: its group, its descendants, and those that left for a session of their own.

Orphans are found as children of this process (Linux gives them to the nearest "subreaper"), and told apart by a mark in
their environment. A process that wipes its environment and starts a session, and whose parent has ended by itself, is
not found.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Callable
from typing import Final

from nika_core.toolbox.process.table import descendants, process_table

GRACE: Final = 2.0  # seconds between TERM and KILL
_KILL_SECONDS: Final = 5.0  # how long a killed process may take to go
_MAX_SESSIONS: Final = 10_000
_UNCLAIMED_SECONDS: Final = 5.0

_leaders: set[int] = set()  # children of ours that somebody waits for by their pid
_sessions: dict[int, None] = {}  # sessions that were started here, in order; some of their processes may be left
_unclaimed: set[tuple[int, int]] = set()  # zombies of unknown origin at the last look
_last_look = 0.0
_last_reap = 0.0


def leader_started(pid: int) -> None:
    """Note that `pid`, the leader of a session, is waited for from now on."""
    _leaders.add(pid)
    _sessions[pid] = None
    if len(_sessions) > _MAX_SESSIONS:
        _sessions.pop(next(iter(_sessions)))


def leader_ended(pid: int) -> None:
    """Note that `pid` has been waited for."""
    _leaders.discard(pid)


class Family:
    """All that the process `leader`, head of its own group and session, started. `mark` is in its environment."""

    def __init__(self, leader: int, mark: str) -> None:
        self._leader = leader
        self._belongs: Callable[[str], bool] = mark.__eq__
        self._known: dict[int, int] = {}  # outside of the group: pid -> when it was started

    def anyone(self) -> bool:
        """Return whether a process except the leader is left; reap those that have ended."""
        orphans = _orphans()  # looked up once: with a thousand children it is most of what this costs
        _bury(orphans)
        self._search(orphans, deep=False)
        return bool(self._known) or (self._leader not in _leaders and _group_exists(self._leader))

    async def end(self, grace: float = GRACE) -> None:
        """Send TERM, wait `grace` seconds, send KILL. Does not wait for the leader if only that is left."""
        self._search(_orphans(), deep=True)
        self._signal(signal.SIGTERM)
        until = time.monotonic() + grace
        pause = 0.002
        while self._alive() and time.monotonic() < until:
            await asyncio.sleep(pause)
            pause = min(pause * 2, 0.05)
            self._search(_orphans(), deep=False)
        await self.kill()

    async def kill(self) -> None:
        """Send KILL until no process is left."""
        until = time.monotonic() + _KILL_SECONDS
        pause = 0.002
        while self._alive():
            self.kill_now()
            await asyncio.sleep(pause)
            pause = min(pause * 2, 0.05)
            if time.monotonic() > until:  # in an uninterruptible system call: KILL takes effect later, no need to wait
                return

    def kill_now(self) -> None:
        """Send KILL once, at once."""
        self._search(_orphans(), deep=True)
        self._signal(signal.SIGKILL)

    def _alive(self) -> bool:
        return self.anyone() or self._leader in _leaders

    def _search(self, orphans: set[int], *, deep: bool) -> None:
        """Look for processes that left the group. `deep`: also in places that take long to search."""
        processes = process_table()
        for pid, started in list(self._known.items()):
            seen = processes.look(pid)
            if seen is None or seen.started != started or seen.zombie:
                del self._known[pid]
        roots: set[int] = set()
        if processes.adopts:
            roots = {pid for pid in orphans if any(map(self._belongs, processes.marks(pid)))}
        elif deep:
            roots = set(processes.marked(self._belongs))
        below = descendants(processes, roots | set(self._known) | ({self._leader} if deep else set()))
        for pid in (roots | below) - _leaders - set(self._known):
            seen = processes.look(pid)
            if seen and not seen.zombie and seen.session != self._leader:
                self._known[pid] = seen.started
                _sessions[seen.session] = None

    def _signal(self, number: int) -> None:
        # As long as anybody is in the group its number is not given to another one.
        if self._leader in _leaders or _group_exists(self._leader):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._leader, number)
        for pid in self._known:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, number)


def reap_strays(every: float = 0.0) -> None:
    """Reap orphans that ended after this process had adopted them, at most once in `every` seconds.

    Children of other libraries are left to them: only the sessions started here are looked at, and zombies in a
    session of their own that nothing has claimed for five seconds.
    """
    global _last_reap
    now = time.monotonic()
    if now - _last_reap >= every:
        _last_reap = now
        _bury(_orphans())


def _orphans() -> set[int]:
    """Return children of this process that nothing waits for by their pid: orphans that it has adopted."""
    processes = process_table()
    return set(processes.children(os.getpid())) - _leaders if processes.adopts else set()


def _bury(orphans: set[int]) -> None:
    global _last_look, _unclaimed
    processes = process_table()
    now = time.monotonic()
    late = now - _last_look >= _UNCLAIMED_SECONDS
    unclaimed: set[tuple[int, int]] = set()
    own_session = os.getsid(0)
    for pid in orphans:
        seen = processes.look(pid)
        if seen is None or not seen.zombie or seen.session == own_session:
            continue
        if seen.session in _sessions or (late and (pid, seen.started) in _unclaimed):
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)
        else:
            unclaimed.add((pid, seen.started))
    if late:
        _unclaimed, _last_look = unclaimed, now


async def sweep(run_id: str, grace: float = GRACE) -> int:
    """End every process of a run that is still there, at the end of the run. Return how many there were.

    Also for the start of a resumed one: it finds what a killed Nika left behind.
    """
    reap_strays()
    processes = process_table()
    prefix = mark_prefix(run_id)
    ended = 0
    hit: set[tuple[int, int]] = set()
    begun = time.monotonic()
    while time.monotonic() - begun < grace + _KILL_SECONDS:
        marked = await asyncio.to_thread(processes.marked, lambda mark: mark.startswith(prefix))
        roots = set(marked) - {os.getpid()}
        left = [
            seen for pid in roots | descendants(processes, roots) if (seen := processes.look(pid)) and not seen.zombie
        ]
        if not left:
            break
        late = time.monotonic() - begun >= grace
        for seen in left:
            if late or (seen.pid, seen.started) not in hit:
                ended += (seen.pid, seen.started) not in hit
                hit.add((seen.pid, seen.started))
                _sessions[seen.session] = None
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(seen.pid, signal.SIGKILL if late else signal.SIGTERM)
        await asyncio.sleep(0.02)
    reap_strays()
    return ended


def mark_prefix(run_id: str) -> str:
    """Return the prefix of the marks of all processes of a run."""
    return "_".join(run_id.split()).replace("/", "_") + "/"


def _group_exists(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except (ProcessLookupError, PermissionError):  # not permitted: another user's, or (macOS) zombies only
        return False
    return True
