"""Processes as /proc shows them, and how those of a run are found and ended.

The guardian's program loads this module, so it imports nothing of Nika and only what is written in C; see `guardian`.
"""

from __future__ import annotations

import _ctypes
import _signal  # type: ignore[import-not-found]  # `signal` needs `enum`, which takes longer than all of this
import errno
import os
import resource
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Final

RLIMIT_LOCKS: Final = 10  # Linux has not enforced it since 2003; it is inherited, and nothing that daemons do resets it
MARK: Final = "NIKA_PROCESS"  # environment variable: the marks of all runs that a process belongs to

_PR_SET_CHILD_SUBREAPER: Final = 36
_GRACE: Final = 2.0  # seconds between TERM and KILL
_KILL_SECONDS: Final = 10.0  # how long killed processes may take to go
_FREEZES: Final = 20  # how often new processes are looked for while everything is being stopped
_CHASE: Final = 0.1  # seconds for which what is new is killed as fast as it can be seen
_QUIET: Final = 10  # looks in which nothing new is seen, until that is enough
_READ_BYTES: Final = 16_384


def read_status(pid: int) -> tuple[int, int, int, bool, int] | None:
    """Return parent, group, session, whether it has ended, and when it was started; None: there is no such process."""
    text = _read(f"/proc/{pid}/stat")
    # The name in parentheses may hold anything, parentheses too.
    fields = text[text.rfind(b")") + 2 :].split()
    if len(fields) < 20:
        return None
    # A process whose first thread has ended is shown as a zombie, too, as long as it has others.
    ended = fields[0] in {b"Z", b"X"} and int(fields[17]) <= 1
    return int(fields[1]), int(fields[2]), int(fields[3]), ended, int(fields[19])


def read_tag(pid: int) -> int:
    """Return the tag that a process was started with or has inherited: its soft limit of file locks, or 0."""
    text = _read(f"/proc/{pid}/limits")
    begin = text.find(b"Max file locks")
    words = text[begin + 14 : begin + 60].split() if begin >= 0 else []
    return int(words[0]) if words and words[0].isdigit() else 0


def set_tag(tag: int) -> bool:
    """Give this process, and all that it starts from now on, a tag. Return whether the system allows it."""
    try:
        resource.setrlimit(RLIMIT_LOCKS, (tag, resource.getrlimit(RLIMIT_LOCKS)[1]))
    except (OSError, ValueError):
        return False  # somebody has lowered the hard limit: the environment still tells whose a process is
    return True


def read_marks(pid: int) -> list[bytes]:
    """Return the marks in the environment that a process was started with."""
    rest = (b"\0" + _read(f"/proc/{pid}/environ")).partition(b"\0" + MARK.encode() + b"=")[2]
    return rest.partition(b"\0")[0].split()


def all_pids() -> list[int]:
    """Return the numbers of all processes."""
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]  # noqa: PTH208 - pathlib takes too long to load


def processes_below(
    root: int,
    *,
    tag: int = 0,
    mark: bytes = b"",
    without: Iterable[int] = (),
    groups: set[int] | None = None,
    spare: int = 0,
) -> dict[int, int]:
    """Return what is below a process and has not ended: when each was started.

    Args:
        tag, mark: also what has this tag or this mark, wherever it is, and what is below that; 0 and empty: no others.
        without: processes to leave out with all that is below them.
        groups: gets their process groups, except those in the session `spare`, which others share.
    """
    children: dict[int, list[int]] = {}
    started: dict[int, int] = {}
    group_of: dict[int, int] = {}
    waiting = [root]
    for pid in all_pids():
        status = read_status(pid)
        if status is not None:
            children.setdefault(status[0], []).append(pid)
            if not status[3]:
                started[pid] = status[4]
                if status[2] != spare:
                    group_of[pid] = status[1]
                if (tag and read_tag(pid) == tag) or (mark and mark in read_marks(pid)):
                    waiting.append(pid)
    left_out = _with_all_below(without, children)
    below = _with_all_below(waiting, children, left_out)
    below.discard(root)
    if groups is not None:
        groups |= {group_of[pid] for pid in below if pid in group_of}
    return {pid: started[pid] for pid in below if pid in started}


def _with_all_below(roots: Iterable[int], children: dict[int, list[int]], without: Iterable[int] = ()) -> set[int]:
    waiting = list(roots)
    left_out, found = set(without), set[int]()
    while waiting:
        pid = waiting.pop()
        if pid not in found and pid not in left_out:
            found.add(pid)
            waiting += children.get(pid, ())
    return found


def signal_process(pid: int, started: int, number: int) -> None:
    """Signal the process that was started then, and no other one that has its number by now."""
    try:
        descriptor = os.pidfd_open(pid)
    except AttributeError:  # a Python that was built for older systems
        _signal_number(pid, started, number)
        return
    except OSError as error:
        if error.errno == errno.ENOSYS:  # Linux before 5.3
            _signal_number(pid, started, number)
        return
    try:
        status = read_status(pid)
        if status is not None and status[4] == started:
            _signal.pidfd_send_signal(descriptor, number)
    except OSError:
        pass  # it has ended, or is another user's
    finally:
        os.close(descriptor)


def _signal_number(pid: int, started: int, number: int) -> None:
    status = read_status(pid)
    if status is not None and status[4] == started:
        try:  # noqa: SIM105 - contextlib takes too long to load
            os.kill(pid, number)
        except OSError:
            pass  # it has ended, or is another user's


def own_children() -> set[int]:
    """Return the children of this process, orphans that it has adopted and those that have ended included."""
    children: set[int] = set()
    for thread in os.listdir("/proc/self/task"):  # noqa: PTH208 - pathlib takes too long to load
        children |= set(map(int, _read(f"/proc/self/task/{thread}/children").split()))
    return children


def end_all(
    find: Callable[[], dict[int, int] | None],
    kill_new: Callable[[], bool],
    asked: set[tuple[int, int]],
    groups: set[int],
) -> Iterator[int]:
    """End processes: TERM, two seconds, KILL. Yield milliseconds to wait, or fewer, before it goes on.

    Args:
        find: returns what is there, and when each was started; None: it is over. What was found once is still meant
            when its parent has ended.
        kill_new: kills those that may be new, returns whether there were any, and is quick: a process that forks and
            exits all the time is gone before it is found by looking at all processes.
        asked: is filled with what was asked to end.
        groups: their process groups, as far as all that is in them is meant; `find` fills it. A signal to a group
            reaches what is being forked at this moment, too.
    """
    until = time.monotonic() + _GRACE
    pause = 2
    while time.monotonic() < until:
        found = find()
        if found is None and not _left(asked):
            return
        for pid, started in set((found or {}).items()) - asked:
            signal_process(pid, started, _signal.SIGTERM)
            signal_process(pid, started, _signal.SIGCONT)  # a stopped one could not listen
            asked.add((pid, started))
        yield pause
        pause = min(pause * 2, 50)
    until = time.monotonic() + _KILL_SECONDS
    while time.monotonic() < until and (find() is not None or _left(asked)):
        asked |= _freeze(find, _left(asked))
        for pid, started in _left(asked):
            signal_process(pid, started, _signal.SIGKILL)
        for group in tuple(groups):
            if not kill_group(group):
                groups.discard(group)  # its number may be another one's from now on
        _chase(kill_new)
        yield 2


def _chase(kill_new: Callable[[], bool]) -> None:
    quiet = 0
    until = time.monotonic() + _CHASE
    while quiet < _QUIET and time.monotonic() < until:
        quiet = 0 if kill_new() else quiet + 1


def kill_group(group: int) -> bool:
    """Kill a process group, with what is being forked in it at this moment. Return whether anybody was in it."""
    try:
        os.killpg(group, _signal.SIGKILL)
    except OSError:
        return False
    return True


def kill_children(children: Iterable[int]) -> bool:
    """Reap children of this process that have ended, and kill the others. Return whether there were others."""
    killed = False
    for pid in children:
        try:
            if os.waitpid(pid, os.WNOHANG)[0] == 0:
                os.kill(pid, _signal.SIGKILL)  # its number is its own until it is reaped
                killed = True
        except OSError:
            pass  # somebody else has reaped it
    return killed


def _left(asked: set[tuple[int, int]]) -> set[tuple[int, int]]:
    looks = ((pid, started, read_status(pid)) for pid, started in asked)
    return {(pid, started) for pid, started, seen in looks if seen and seen[4] == started and not seen[3]}


def _freeze(find: Callable[[], dict[int, int] | None], known: set[tuple[int, int]]) -> set[tuple[int, int]]:
    """Stop everything, so that nothing can start more of it while it is being killed. Return all that was stopped."""
    stopped: set[tuple[int, int]] = set()
    for _ in range(_FREEZES):
        more = (known | set((find() or {}).items())) - stopped
        if not more:
            break
        for pid, started in more:
            signal_process(pid, started, _signal.SIGSTOP)
        stopped |= more
    return stopped


def become_subreaper() -> bool:
    """Let orphans below this process become its children. Return whether the system allows it."""
    try:
        libc = _ctypes.dlopen(None, 0)  # type: ignore[arg-type]  # its stub does not know that None is the program
        prctl = _ctypes.dlsym(libc, "prctl")
        return bool(_ctypes.call_function(prctl, (_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)) == 0)
    except (OSError, AttributeError):
        return False


def _read(path: str) -> bytes:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return b""
    text = b""
    try:
        while len(more := os.read(descriptor, _READ_BYTES)) == _READ_BYTES:
            text += more
        text += more
    except OSError:
        pass
    finally:
        os.close(descriptor)
    return text
