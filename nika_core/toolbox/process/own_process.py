"""Nika's own process while it is there for one run alone: whatever is started in it, by any means, ends with the run.

What plugins start with the toolbox is started by a guardian. What they start otherwise (`subprocess`, `os.fork`,
`multiprocessing`, a library that starts helpers) are children of this process, which has a tag and a mark that they
inherit, and adopts their orphans. At the end of the run they are ended here. A guardian is asked for when the first of
them is about to be started, so that a run which starts nothing costs nothing; it ends them if Nika is killed.
"""

from __future__ import annotations

import asyncio
import contextlib
import marshal
import os
import resource
import signal
import socket
import sys
import threading
from typing import Any, Final

from nika_core.toolbox.process.proc import (
    MARK,
    RLIMIT_LOCKS,
    become_subreaper,
    end_all,
    kill_children,
    own_children,
    processes_below,
    set_tag,
)
from nika_core.toolbox.process.tags import is_tag, new_mark, new_tag

_STARTS: Final = frozenset(
    {"subprocess.Popen", "os.posix_spawn", "os.fork", "os.forkpty", "os.system", "os.exec", "os.spawn"}
)
_IMPORTS: Final = frozenset(  # which start processes with a function that tells nobody
    f"multiprocessing.{name}" for name in ("popen_spawn_posix", "popen_forkserver", "forkserver", "resource_tracker")
)
_SYMBOLS: Final = frozenset(
    {"fork", "vfork", "clone", "clone3", "syscall", "system", "popen", "posix_spawn", "posix_spawnp", "daemon"}
    | {"forkpty", "wordexp"}
)
_LOOK_SECONDS: Final = 1.0  # until a start that nobody was told of, by a library in C, is noticed

_ENDING: Final = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}

_owner: Owner | None = None
_blocked: dict[int, set[Any]] = {}  # by thread: the signals that were blocked before a fork
_hooked = False
_first_limit: int | None = None
_outer_marks: str | None = None


def own_process(run_id: str) -> None:
    """Let everything that is started in this process from now on belong to a run. Call it in the run's event loop.

    The process has nothing else to do: what is started after the run has ended is ended when the process ends.
    """
    global _owner, _hooked
    _owner = Owner(run_id)
    if not _hooked:
        sys.addaudithook(_hook)
        _hooked = True
    if not _IMPORTS.isdisjoint(sys.modules):
        _owner.notice()
    asyncio.get_running_loop().call_later(_LOOK_SECONDS, _look, _owner)


def owner_of(run_id: str | None = None) -> Owner | None:
    """Return what this process belongs to, if to that run."""
    return _owner if _owner is not None and run_id in (None, _owner.run_id) else None


class Owner:
    """A run that this process belongs to.

    Attributes:
        tag: of this process and all that it starts; 0: it has none. Within another Nika the tag of that one stays, so
            that nothing outlives its run, either.
        mark: what they have in their environment.
        limit: the soft limit of file locks that the process was started with.
        noticed: whether something was started, as far as it is known.
        claimed: whether a guardian watches this process.
    """

    def __init__(self, run_id: str) -> None:
        global _first_limit, _outer_marks
        self.run_id = run_id
        self.mark = new_mark(run_id)
        self.tag = 0
        self.noticed = False
        self.claimed = False
        self._watch: socket.socket | None = None
        self._watch_pid = 0
        self._why_unwatched = ""
        self._linux = sys.platform.startswith("linux") and os.access("/proc/self/stat", os.R_OK)
        if _first_limit is None or _outer_marks is None:
            _first_limit = resource.getrlimit(RLIMIT_LOCKS)[0] if self._linux else 0
            _outer_marks = os.environ.get(MARK, "")
        self.limit = _first_limit
        os.environ[MARK] = f"{_outer_marks} {self.mark}".strip()
        if self._linux:
            tag = new_tag(run_id)
            if not is_tag(self.limit) and is_tag(tag) and set_tag(tag):
                self.tag = tag
            self._adopts = become_subreaper()
        self._earlier = self._children()
        self._ended: set[int] = set()
        self._groups: set[int] = set()

    def claim(self) -> bool:
        """Return whether a guardian that is being started has to watch this process: none does so far."""
        claimed, self.claimed = self.claimed, True
        return not claimed

    def unclaim(self) -> None:
        """Note that no guardian watches this process any more."""
        self.claimed = False

    def notice(self) -> None:
        """Note that a process is about to be started, and have a guardian watch this one."""
        self.noticed = True
        if self._linux and not self.claimed:
            from nika_core.toolbox.process.forker import start_guardian, why_unavailable

            self._watch = start_guardian(self.run_id) or self._watch
            self._why_unwatched = why_unavailable()

    def look(self) -> None:
        """Notice what was started without notice."""
        if not self.claimed and self._new_children():
            self.notice()

    def left_something(self) -> bool:
        """Return whether something that was started in this process may still be there."""
        return bool(self._new_children()) if self._linux else self.noticed

    async def end_processes(self) -> int:
        """End what was started in this process. Return how many processes were asked to end."""
        asked: set[tuple[int, int]] = set()
        if self._linux and self._new_children():
            for pause in end_all(self._find, self._kill_new, asked, self._groups):
                await asyncio.sleep(pause / 1000)
        return len(asked)

    def why_unwatched(self) -> str:
        """Return why no guardian watches this process although one was asked for, once; empty: there is no reason."""
        self._listen()
        why, self._why_unwatched = self._why_unwatched, ""
        return why

    def close(self) -> None:
        """Close the socket to the guardian that was asked for here: when this process ends, it ends what is left."""
        if self._watch is not None:
            self._watch.close()

    def _listen(self) -> None:
        """Take what the guardian has said so far: who it is, or that it cannot work."""
        if self._watch is None:
            return
        with contextlib.suppress(OSError, EOFError, ValueError, TypeError):
            said = self._watch.recv(4096, socket.MSG_DONTWAIT)
            kind, told = marshal.loads(said[4:])  # noqa: S302 - the guardian has written it
            if kind == "hello":
                self._watch_pid = told
            elif kind == "unable":
                self._why_unwatched = told

    def _find(self) -> dict[int, int] | None:
        """Return what is left; None: nothing."""
        without = self._earlier | self.helpers()
        others: dict[str, Any] = {} if self._adopts else {"tag": self.tag, "mark": self.mark.encode()}
        found = processes_below(os.getpid(), without=without, groups=self._groups, spare=os.getsid(0), **others)
        if found:
            return found
        # One that forks and exits all the time is gone before it is found, but leaves children that have ended.
        ended, self._ended = self._ended, self._new_children()
        return {} if self._ended - ended else None

    def _kill_new(self) -> bool:
        return kill_children(self._new_children())

    def _new_children(self) -> set[int]:
        return self._children() - self._earlier - self.helpers()

    def helpers(self) -> set[int]:
        """Return the numbers of Nika's own helpers."""
        self._listen()
        # Another thread may be importing them: what a module does not have yet, it has not started yet.
        guardians = getattr(sys.modules.get("nika_core.toolbox.process.guardian_client"), "guardian_pids", None)
        forker = getattr(sys.modules.get("nika_core.toolbox.process.forker"), "forker_pid", None)
        own: set[int] = guardians() if guardians else {forker()} if forker else set()
        return (own | {self._watch_pid}) - {0}  # of some, the number is not known yet

    def _children(self) -> set[int]:
        if not self._linux:
            return set()
        try:
            os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:
            return set()
        try:
            return own_children() or set(processes_below(os.getpid()))  # some kernels do not list them
        except OSError:
            return set(processes_below(os.getpid()))


def _hook(event: str, args: tuple[Any, ...]) -> None:
    owner = _owner
    if owner is None or not _tells_of_a_start(event, args):
        return
    with contextlib.suppress(Exception):  # what a plugin does must not fail because of this
        owner.notice()


def _tells_of_a_start(event: str, args: tuple[Any, ...]) -> bool:
    if event == "import":
        return bool(args) and args[0] in _IMPORTS
    if event.startswith("ctypes.dlsym"):
        return any(isinstance(name, str) and name in _SYMBOLS for name in args)
    return event in _STARTS


def _look(owner: Owner) -> None:
    if owner is _owner:
        owner.look()
        asyncio.get_running_loop().call_later(_LOOK_SECONDS, _look, owner)


def _before_fork() -> None:
    if _owner is not None:
        _blocked[threading.get_ident()] = signal.pthread_sigmask(signal.SIG_BLOCK, _ENDING)


def _in_parent() -> None:
    blocked = _blocked.pop(threading.get_ident(), None)
    if blocked is not None:
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)


def _in_child() -> None:
    """Neither keep the guardian alive nor ask for one, and let signals be those of the fork.

    The event loop's handlers would tell the loop of the parent of them, since both write to one descriptor.
    """
    global _owner
    if _owner is None:
        return
    _owner.close()
    _owner = None
    with contextlib.suppress(ValueError, OSError):
        signal.set_wakeup_fd(-1)
        for number in _ENDING:
            if callable(signal.getsignal(number)):
                signal.signal(number, signal.SIG_DFL)
    _in_parent()


os.register_at_fork(before=_before_fork, after_in_parent=_in_parent, after_in_child=_in_child)
