"""Starts and keeps the process that forks guardians, see `guardian`: one for this process, on first use."""

from __future__ import annotations

import contextlib
import marshal
import os
import resource
import socket
import sys
import threading
from pathlib import Path
from typing import Any, Final

from nika_core.toolbox.process.own_process import Owner, owner_of
from nika_core.toolbox.process.proc import RLIMIT_LOCKS, read_status
from nika_core.toolbox.process.tags import tag_of

_CONTROL: Final = 3  # the descriptor of the forker
_CODE: Final = "import sys; sys.path.append(sys.argv[1]); import guardian; guardian.main(*map(int, sys.argv[2:]))"

# Reentrant: starting the forker may be noticed as a start for which a guardian is wanted.
lock = threading.RLock()
_control: socket.socket | None = None
_forker = 0
_unavailable = ""


def forker_pid() -> int:
    """Return the number of the process that forks guardians; 0: there is none."""
    return _forker


def why_unavailable() -> str:
    """Return why there can be no guardian; empty: there can."""
    return _unavailable


def start_guardian(run_id: str) -> socket.socket | None:
    """Return a socket to a new guardian of a run, which comes up by itself; None: there can be none.

    If this process belongs to the run, and no guardian watches it yet, this one does.
    """
    owner = owner_of(run_id)
    if owner is not None and not owner.claim():
        owner = None
    with lock:
        ours = _ask(_request(run_id, owner))
    if ours is None and owner is not None:
        owner.unclaim()
    return ours


def _request(run_id: str, owner: Owner | None) -> bytes:
    tag, mark = (owner.tag, owner.mark) if owner else (0, "")
    status = read_status(os.getpid())
    started = status[-1] if status else 0
    return marshal.dumps((tag_of(run_id), tag, mark.encode(), os.getpid(), started, os.getsid(0)))


def _ask(request: bytes) -> socket.socket | None:
    for _ in range(2):  # the process that forks guardians may have been killed since
        control = running_forker()
        if control is None:
            return None
        ours, theirs = socket.socketpair()
        descriptors = [theirs.fileno()]
        with contextlib.suppress(AttributeError, OSError):  # neither an old system nor an old Python has it
            descriptors.append(os.pidfd_open(os.getpid()))
        try:
            socket.send_fds(control, [request], descriptors)
        except OSError:
            ours.close()
            forget_forker()
        else:
            return ours
        finally:
            theirs.close()
            for descriptor in descriptors[1:]:
                os.close(descriptor)
    return None


def running_forker() -> socket.socket | None:
    """Return the socket to the forker, which is started if there is none."""
    global _control, _forker, _unavailable
    folder = Path(__file__).parent
    with lock:
        if _control is None and not _unavailable:
            if not sys.executable or not (folder / "guardian.py").is_file():
                _unavailable = "there is no Python interpreter, or no file, to start its guardian process with"
                return None
            _control, theirs = socket.socketpair()
            try:
                _forker = _start(folder, theirs.fileno())
            except OSError as error:
                forget_forker()
                _unavailable = f"its guardian process cannot be started: {error.strerror or error}"
            finally:
                theirs.close()
        return _control


def _start(folder: Path, control: int) -> int:
    """Start it outside of our session, so that no Ctrl-C reaches it, and without our environment."""
    argv = [sys.executable, "-I", "-S", *(["-B"] if sys.dont_write_bytecode else [])]
    environment = {name: os.environ[name] for name in ("LD_LIBRARY_PATH",) if name in os.environ}
    owner = owner_of()
    limit = resource.getrlimit(RLIMIT_LOCKS)[0] if owner is None else owner.limit
    spare = os.dup(control) if control == _CONTROL else control
    actions: list[tuple[Any, ...]] = [(os.POSIX_SPAWN_DUP2, spare, _CONTROL)]
    actions += [(os.POSIX_SPAWN_OPEN, number, os.devnull, os.O_RDWR, 0) for number in range(_CONTROL)]
    try:
        return os.posix_spawn(
            sys.executable,
            [*argv, "-c", _CODE, str(folder), str(_CONTROL), str(limit)],
            environment,
            file_actions=actions,
            setsid=True,
        )
    finally:
        if spare != control:
            os.close(spare)


def forget_forker() -> None:
    """Close the socket to the forker, which then ends."""
    global _control, _forker
    if _control is not None:
        _control.close()
        _control = None
    if _forker:
        with contextlib.suppress(ChildProcessError):
            os.waitpid(_forker, os.WNOHANG)
        _forker = 0
