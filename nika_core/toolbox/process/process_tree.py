"""Ends a process with all that it started: its group, its descendants, and those that left for a session of their own.

Orphans are found as children of the run's guardian, or of this process if there is no guardian: Linux gives them to the
nearest "subreaper". Whose they are is told by a tag that no process resets (see `guardian`) and by a mark in their
environment. Without a guardian there is no tag: a process that wipes its environment and starts a session, and whose
parent has ended by itself, is not found then.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from typing import TYPE_CHECKING, Final

from nika_core.toolbox.process.table import Seen, descendants, process_table

if TYPE_CHECKING:
    from nika_core.toolbox.process.guardian_client import Guardian
    from nika_core.toolbox.process.leaders import Leader

GRACE: Final = 2.0  # seconds between TERM and KILL
KILL_SECONDS: Final = 5.0  # how long a killed process may take to go
_FREEZES: Final = 50  # how often new processes are looked for while the known ones are being stopped
_MAX_SESSIONS: Final = 10_000
_UNCLAIMED_SECONDS: Final = 5.0

_leaders: set[int] = set()  # processes that somebody waits for by their pid
_sessions: dict[int, None] = {}  # sessions that were started here, in order; some of their processes may be left
_unclaimed: set[tuple[int, int]] = set()  # zombies of unknown origin at the last look
_last_look = 0.0
_last_reap = 0.0


def leader_started(pid: int) -> None:
    """Note that `pid`, the leader of a session, is waited for from now on."""
    _leaders.add(pid)
    note_session(pid)


def leader_ended(pid: int) -> None:
    """Note that `pid` has been waited for."""
    _leaders.discard(pid)


def note_session(session: int) -> None:
    """Note that what ends in this session may be reaped here."""
    _sessions[session] = None
    if len(_sessions) > _MAX_SESSIONS:
        _sessions.pop(next(iter(_sessions)))


class Family:
    """All that a process, head of its own group and session, started.

    Args:
        mark: what is in its environment.
        tag: what it was started with, by `guardian`.
    """

    def __init__(self, leader: Leader, mark: str, tag: int, guardian: Guardian | None) -> None:
        self._head = leader
        self._leader = leader.pid
        self._mark = mark
        self._tag = tag
        self._guardian = guardian
        self._known: dict[int, Seen] = {}  # outside of the group

    def anyone(self) -> bool:
        """Return whether a process except the leader is left; reap those that have ended."""
        orphans = self._orphans()  # looked up once: with a thousand children it is most of what this costs
        if self._guardian is None:
            _bury(orphans)
        self._search(orphans, deep=False)
        return bool(self._known) or (self._leader not in _leaders and _group_exists(self._leader))

    async def end(self, grace: float = GRACE) -> None:
        """Send TERM, wait `grace` seconds, send KILL. Does not wait for the leader if only that is left."""
        self._search(self._orphans(), deep=True)
        self._signal(signal.SIGTERM)
        until = time.monotonic() + grace
        pause = 0.002
        while self._alive() and time.monotonic() < until:
            await asyncio.sleep(pause)
            pause = min(pause * 2, 0.05)
            self._search(self._orphans(), deep=False)
        await self.kill()

    async def kill(self) -> None:
        """Send KILL until no process is left."""
        until = time.monotonic() + KILL_SECONDS
        pause = 0.002
        while self._alive():
            self._freeze()
            self.kill_now()
            await asyncio.sleep(pause)
            pause = min(pause * 2, 0.05)
            if time.monotonic() > until:  # in an uninterruptible system call: KILL takes effect later, no need to wait
                return

    def kill_now(self) -> None:
        """Send KILL once, at once."""
        self._search(self._orphans(), deep=True)
        self._signal(signal.SIGKILL)

    def _freeze(self) -> None:
        """Stop all of it first, so that it cannot start processes faster than they are killed."""
        stopped: set[int] = set()
        for _ in range(_FREEZES):
            self._search(self._orphans(), deep=True)
            if stopped >= self._known.keys() and stopped:
                return
            stopped = {self._leader, *self._known}
            self._signal(signal.SIGSTOP)

    def _alive(self) -> bool:
        return self.anyone() or self._leader in _leaders

    def _orphans(self) -> set[int]:
        if self._guardian is not None and not self._guardian.usable:
            self._guardian = None  # what was below it is ours now
        return _orphans(os.getpid() if self._guardian is None else self._guardian.pid)

    def _belongs(self, pid: int) -> bool:
        processes = process_table()
        tag = processes.tag(pid)
        if self._guardian is not None and self._guardian.tagged(tag):
            return tag == self._tag
        marks = processes.marks(pid)
        if marks:
            return self._mark in marks
        # It has neither, so it has taken care to have none. If nobody else can have started it, it is one of these.
        return self._guardian is not None and self._guardian.calls == 1

    def _search(self, orphans: set[int], *, deep: bool) -> None:
        """Look for processes that left the group. `deep`: also in places that take long to search."""
        processes = process_table()
        for pid, known in list(self._known.items()):
            seen = processes.look(pid)
            # A guardian reaps at once, so that a zombie is waited for; here it would have to be reaped first.
            if seen is None or seen.started != known.started or (seen.zombie and self._guardian is None):
                del self._known[pid]
        roots: set[int] = set()
        if processes.adopts:
            roots = {pid for pid in orphans if self._belongs(pid)}
        elif deep:
            roots = set(processes.marked(self._mark.__eq__))
        below = descendants(processes, roots | set(self._known) | ({self._leader} if deep else set()))
        for pid in (roots | below) - _leaders - set(self._known):
            seen = processes.look(pid)
            if seen and not seen.zombie and seen.group != self._leader:
                self._known[pid] = seen
                note_session(seen.session)

    def _signal(self, number: int) -> None:
        self._head.poll()
        # As long as anybody is in the group its number is not given to another one.
        if self._leader in _leaders or _group_exists(self._leader):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._leader, number)
        for seen in self._known.values():
            process_table().signal(seen, number)


def reap_strays(every: float = 0.0) -> None:
    """Reap orphans that ended after this process had adopted them, at most once in `every` seconds.

    Children of other libraries are left to them: only the sessions started here are looked at, and zombies in a
    session of their own that nothing has claimed for five seconds.
    """
    global _last_reap
    now = time.monotonic()
    if now - _last_reap >= every:
        _last_reap = now
        _bury(_orphans(os.getpid()))


def _orphans(adopter: int) -> set[int]:
    """Return children of a process that nothing waits for by their pid: orphans that it has adopted."""
    processes = process_table()
    return set(processes.children(adopter)) - _leaders if processes.adopts else set()


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


def _group_exists(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except (ProcessLookupError, PermissionError):  # not permitted: another user's, or (macOS) zombies only
        return False
    return True
