"""The guardian of a run on Linux: a small process that starts what the run starts, and ends it if Nika is killed.

It is a "subreaper": whatever its children start stays below it, with any environment and in any session. When Nika's
end of their socket closes, for whatever reason, it ends everything below it: TERM, a grace period, KILL. The page on
decisions says why it is made like this.

Nika starts one process of this module, on its first use, which forks a guardian for each run: a fork of a small process
takes less than a millisecond, and a new interpreter takes 15. It imports nothing of Nika, and of the standard library
only what is written in C: `signal`, `socket` and `subprocess` would triple the time until the first task starts.

Messages are tuples in the format of `marshal` after their length; see `guardian_client` for the other side.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # `signal` needs `enum`, which takes longer than all of this
import _socket
import errno
import marshal
import os
import select
import time

TYPE_CHECKING = False
if TYPE_CHECKING or __package__:
    from nika_core.toolbox.process.proc import (
        all_pids,
        become_subreaper,
        end_all,
        kill_children,
        kill_group,
        own_children,
        processes_below,
        read_status,
        read_tag,
        set_tag,
        signal_process,
    )
else:  # as the program of the process that forks guardians, which loads nothing else of Nika
    from proc import (
        all_pids,
        become_subreaper,
        end_all,
        kill_children,
        kill_group,
        own_children,
        processes_below,
        read_status,
        read_tag,
        set_tag,
        signal_process,
    )
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any, Final, NoReturn

HELLO: Final = "hello"
STARTED: Final = "started"
FAILED: Final = "failed"
ENDED: Final = "ended"
GONE: Final = "gone"
UNABLE: Final = "unable"

_SOON: Final = 1.0  # seconds within which a killed Nika is gone when its sockets are
_EXIT_SECONDS: Final = 10.0  # how long Nika may take to exit after it has closed its end of the socket
_LOOKS: Final = 20  # for processes that fork and exit all the time, until there are none
_READ_BYTES: Final = 65_536
_MAX_REQUEST: Final = 4096  # bytes
_MAX_DESCRIPTORS: Final = 64
_DESCRIPTOR_BYTES: Final = 4
_DEFAULTS: Final = (_signal.SIGPIPE, _signal.SIGXFSZ)  # which Python ignores, and a program must not
_BLOCKED: Final = (
    *(_signal.SIGHUP, _signal.SIGINT, _signal.SIGQUIT, _signal.SIGTERM, _signal.SIGUSR1, _signal.SIGUSR2),
    *(_signal.SIGTSTP, _signal.SIGTTIN, _signal.SIGTTOU),
)

# ---- the process that forks guardians


def main(control: int, limit: int) -> NoReturn:
    """Fork a guardian for each socket that comes through the socket `control`, until its other end is closed.

    Args:
        limit: the soft limit of file locks that Nika was started with: Nika's own tag is for what Nika runs.
    """
    set_tag(limit)
    inherited = _signal.pthread_sigmask(_signal.SIG_BLOCK, _BLOCKED)
    _signal.signal(_signal.SIGCHLD, _signal.SIG_IGN)  # nobody asks how a guardian ended
    os.closerange(control + 1, os.sysconf("SC_OPEN_MAX"))  # what Nika itself had inherited
    os.chdir("/")
    sockets = _socket.socket(fileno=control)
    while True:
        request, descriptors = _receive(sockets, _MAX_REQUEST)
        if not request:
            os._exit(0)
        if os.fork() == 0:
            sockets.close()
            _Guardian(descriptors, inherited, *marshal.loads(request)).serve()  # noqa: S302 - Nika has written it
        for descriptor in descriptors:
            os.close(descriptor)


def _why_unable() -> str:
    if not os.access("/proc/self/stat", os.R_OK):
        return "there is no /proc"
    return "" if become_subreaper() else "the system does not allow prctl(PR_SET_CHILD_SUBREAPER)"


def _receive(sock: _socket.socket, size: int) -> tuple[bytes, list[int]]:
    """Return what a socket has, and the descriptors that came with it, which nothing inherits."""
    room = _socket.CMSG_SPACE(_MAX_DESCRIPTORS * _DESCRIPTOR_BYTES)
    data, ancillary, _, _ = sock.recvmsg(size, room, getattr(_socket, "MSG_CMSG_CLOEXEC", 0))
    descriptors = [
        int.from_bytes(content[at : at + _DESCRIPTOR_BYTES], "little")
        for level, kind, content in ancillary
        if (level, kind) == (_socket.SOL_SOCKET, _socket.SCM_RIGHTS)
        for at in range(0, len(content) - len(content) % _DESCRIPTOR_BYTES, _DESCRIPTOR_BYTES)
    ]
    return data, descriptors


# ---- a guardian


class _Guardian:
    """The guardian of a run.

    Args:
        descriptors: the socket to Nika, and what becomes readable when Nika has ended, if the system has such a thing.
        mask: the signals that are blocked in the processes that it starts.
        run_tag: its own tag.
        tag, mark: of what Nika itself starts, if that belongs to the run; see `own_process`.
        nika, started, session: Nika's number, when it was started, and its session.
    """

    def __init__(
        self,
        descriptors: list[int],
        mask: Iterable[int],
        run_tag: int,
        tag: int,
        mark: bytes,
        nika: int,
        started: int,
        session: int,
    ) -> None:
        self._socket = _socket.socket(fileno=descriptors[0])
        self._socket.setblocking(False)
        self._exit = descriptors[1:]
        self._blocked = tuple(mask)
        self._own_tag, self._mark = tag, mark
        self._nika = nika, started
        self._session = session
        self._groups: set[int] = set()
        self._others: set[int] = set()
        self._leaders: dict[int, int] = {}  # pid -> number of the request that started it
        self._descriptors: list[int] = []  # that have come, in order, for requests that are not complete
        self._in = bytearray()
        self._out = bytearray()
        self._closed = False
        wakes, self._wake = os.pipe()
        os.set_blocking(wakes, False)
        os.set_blocking(self._wake, False)
        self._wakes = wakes
        _signal.signal(_signal.SIGCHLD, lambda *_: None)
        _signal.set_wakeup_fd(self._wake, warn_on_full_buffer=False)
        self._run_tag = run_tag
        set_tag(run_tag)

    def serve(self) -> NoReturn:
        """Start processes and tell how they end, until the other side closes; then end all that is left."""
        code = 1
        try:
            reason = _why_unable()
            if reason:
                self._send(UNABLE, reason)
                self._flush()
                os._exit(1)
            self._send(HELLO, os.getpid())
            self._listen()
            if self._is_left():
                self._await_exit(_SOON)
            ended = self._end()
            if self._is_left():  # perhaps only now
                self._await_exit(_EXIT_SECONDS)
                ended += self._end()
            self._send(GONE, ended)
            self._socket.setblocking(True)
            self._flush()
            code = 0
        finally:
            os._exit(code)

    def _listen(self) -> None:
        poll = select.poll()
        for descriptor in (self._wakes, *self._exit):
            poll.register(descriptor, select.POLLIN)
        while not self._closed:
            poll.register(self._socket, select.POLLIN | (select.POLLOUT if self._out else 0))
            for descriptor, _ in poll.poll():
                if descriptor == self._wakes:
                    self._reap()
                elif descriptor in self._exit:  # a copy of Nika's end may be open in what it has forked
                    self._closed = True
                else:
                    self._read()
            self._flush()

    def _read(self) -> None:
        try:
            data, descriptors = _receive(self._socket, _READ_BYTES)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            data, descriptors = b"", []
        self._descriptors += descriptors
        if not data:
            self._closed = True
            return
        self._in += data
        while len(self._in) >= 4:
            end = 4 + int.from_bytes(self._in[:4], "little")
            if len(self._in) < end:
                return
            message = marshal.loads(bytes(self._in[4:end]))  # noqa: S302 - Nika has written it
            del self._in[:end]
            self._start(*message)

    def _start(
        self, number: int, tag: int, argv: list[bytes], cwd: bytes, env: dict[bytes, bytes], targets: list[int]
    ) -> None:
        """Start a process in a session of its own. `targets`: as which descriptors it has those that came with it."""
        given, self._descriptors = self._descriptors[: len(targets)], self._descriptors[len(targets) :]
        where: bytes | None = cwd
        try:
            os.chdir(cwd)
            where = None
            set_tag(tag)
            actions = [(os.POSIX_SPAWN_DUP2, mine, theirs) for mine, theirs in zip(given, targets, strict=True)]
            pid = self._spawn(argv, env, actions)
        except OSError as error:
            self._send(FAILED, number, error.errno, where)
        else:
            self._leaders[pid] = number
            self._send(STARTED, number, pid)
        finally:
            set_tag(self._run_tag)
            os.chdir("/")
            for descriptor in given:
                os.close(descriptor)

    def _spawn(self, argv: list[bytes], env: dict[bytes, bytes], actions: list[Any]) -> int:
        """Return the pid. The program is searched for as `subprocess` does it: on the PATH of `env`."""
        programs = [argv[0]]
        if b"/" not in argv[0]:
            folders = env.get(b"PATH", os.fsencode(os.defpath)).split(b":")
            programs = [os.path.join(folder, argv[0]) for folder in folders]  # noqa: PTH118 - takes too long to load
        refused: OSError | None = None
        for program in programs:
            try:
                return os.posix_spawn(
                    program, argv, env, file_actions=actions, setsid=True, setsigmask=self._blocked, setsigdef=_DEFAULTS
                )
            except OSError as error:
                if error.errno not in {errno.ENOENT, errno.ENOTDIR} and refused is None:
                    refused = error
        raise refused or OSError(errno.ENOENT, "")

    def _reap(self) -> None:
        try:  # noqa: SIM105 - contextlib takes too long to load
            os.read(self._wakes, _READ_BYTES)
        except OSError:
            pass
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            number = self._leaders.pop(pid, None)
            if number is not None:
                self._send(ENDED, number, os.waitstatus_to_exitcode(status))

    def _send(self, *message: Any) -> None:
        data = marshal.dumps(message)
        self._out += len(data).to_bytes(4, "little") + data

    def _flush(self) -> None:
        try:
            while self._out:
                del self._out[: self._socket.send(self._out, getattr(_socket, "MSG_NOSIGNAL", 0))]
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            self._out.clear()

    def _find(self) -> dict[int, int] | None:
        """Return what is there of the run; None: nothing."""
        self._reap()
        if self._mark and self._is_gone():
            found = processes_below(
                os.getpid(), tag=self._own_tag, mark=self._mark, groups=self._groups, spare=self._session
            )
            if not found and any(self._kill_tagged() for _ in range(_LOOKS)):
                return {}  # not over: one that forks and exits all the time is gone before it is found
        elif self._anyone():
            found = processes_below(os.getpid(), groups=self._groups, spare=self._session)
        else:
            return None
        return found if found or self._anyone() else None

    def _end(self) -> int:
        """End what there is. Return how many processes were asked to end."""
        asked: set[tuple[int, int]] = set()
        poll = select.poll()
        poll.register(self._wakes, select.POLLIN)
        for pause in end_all(self._find, self._kill_new, asked, self._groups):
            poll.poll(pause)
        return len(asked)

    def _kill_new(self) -> bool:
        self._reap()
        killed = kill_children(own_children() - self._leaders.keys())
        return self._kill_tagged() or killed

    def _kill_tagged(self) -> bool:
        """Kill what Nika has started and is not below this process, as far as it is new. Return whether it was."""
        if not (self._own_tag and self._is_gone()):
            return False
        pids = set(all_pids())
        killed = False
        for pid in pids - self._others:
            status = read_status(pid)
            if status is not None and read_tag(pid) == self._own_tag:
                killed = True
                pids.discard(pid)
                signal_process(pid, status[4], _signal.SIGKILL)
                if status[2] != self._session:
                    kill_group(status[1])
        self._others = pids  # what is not the run's is looked at once
        return killed

    def _anyone(self) -> bool:
        """Return whether there is a child; orphans of children become children."""
        try:
            os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:
            return False
        return True

    def _is_left(self) -> bool:
        """Return whether Nika has closed its end although what it has started itself is the run's."""
        if not self._mark:
            return False
        poll = select.poll()
        poll.register(self._socket, 0)
        return self._is_gone() or any(event & select.POLLHUP for _, event in poll.poll(0))

    def _is_gone(self) -> bool:
        pid, started = self._nika
        status = read_status(pid)
        return status is None or status[3] or status[4] != started

    def _await_exit(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        poll = select.poll()
        for descriptor in self._exit:
            poll.register(descriptor, select.POLLIN)
        while not self._is_gone() and time.monotonic() < until:
            poll.poll(10)
