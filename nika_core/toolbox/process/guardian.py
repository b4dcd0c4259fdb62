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

import _ctypes
import _signal  # type: ignore[import-not-found]  # `signal` needs `enum`, which takes longer than all of this
import _socket
import errno
import marshal
import os
import resource
import select
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any, Final, NoReturn

RLIMIT_LOCKS: Final = 10  # Linux has not enforced it since 2003; it is inherited, and nothing that daemons do resets it
CALL_BITS: Final = 23  # of a tag; the bits above are the run's
HELLO: Final = "hello"
STARTED: Final = "started"
FAILED: Final = "failed"
ENDED: Final = "ended"
GONE: Final = "gone"
UNABLE: Final = "unable"

_PR_SET_CHILD_SUBREAPER: Final = 36
_GRACE: Final = 2.0  # seconds between TERM and KILL
_KILL_SECONDS: Final = 10.0  # how long killed processes may take to go
_FREEZES: Final = 100  # how often new processes are looked for while everything is being stopped
_READ_BYTES: Final = 65_536
_MAX_DESCRIPTORS: Final = 64
_DESCRIPTOR_BYTES: Final = 4
_DEFAULTS: Final = (_signal.SIGPIPE, _signal.SIGXFSZ)  # which Python ignores, and a program must not
_BLOCKED: Final = (
    *(_signal.SIGHUP, _signal.SIGINT, _signal.SIGQUIT, _signal.SIGTERM, _signal.SIGUSR1, _signal.SIGUSR2),
    *(_signal.SIGTSTP, _signal.SIGTTIN, _signal.SIGTTOU),
)

# ---- what /proc says


def read_status(pid: int) -> tuple[int, int, int, bool, int] | None:
    """Return parent, group, session, whether it has ended, and when it was started; None: there is no such process."""
    text = _read(f"/proc/{pid}/stat")
    # The name in parentheses may hold anything, parentheses too.
    fields = text[text.rfind(b")") + 2 :].split()
    if len(fields) < 20:
        return None
    return int(fields[1]), int(fields[2]), int(fields[3]), fields[0] in {b"Z", b"X"}, int(fields[19])


def read_tag(pid: int) -> int:
    """Return the tag that a process was started with or has inherited: its soft limit of file locks, or 0."""
    text = _read(f"/proc/{pid}/limits")
    begin = text.find(b"Max file locks")
    words = text[begin + 14 : begin + 60].split() if begin >= 0 else []
    return int(words[0]) if words and words[0].isdigit() else 0


def all_pids() -> list[int]:
    """Return the numbers of all processes."""
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]  # noqa: PTH208 - pathlib takes too long to load


def processes_below(root: int) -> dict[int, int]:
    """Return what is below a process and has not ended: when each was started."""
    children: dict[int, list[int]] = {}
    started: dict[int, int] = {}
    for pid in all_pids():
        status = read_status(pid)
        if status is not None:
            children.setdefault(status[0], []).append(pid)
            if not status[3]:
                started[pid] = status[4]
    below: dict[int, int] = {}
    waiting = [root]
    seen = {root}
    while waiting:
        for pid in children.get(waiting.pop(), ()):
            if pid not in seen:
                seen.add(pid)
                waiting.append(pid)
                if pid in started:
                    below[pid] = started[pid]
    return below


def signal_process(pid: int, started: int, number: int) -> None:
    """Signal the process that was started then, and no other one that has its number by now."""
    try:
        descriptor = os.pidfd_open(pid)
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


def freeze(root: int) -> None:
    """Stop everything below a process, so that nothing can start more of it while it is being killed."""
    stopped: set[tuple[int, int]] = set()
    for _ in range(_FREEZES):
        more = set(processes_below(root).items()) - stopped
        if not more:
            return
        for pid, started in more:
            signal_process(pid, started, _signal.SIGSTOP)
        stopped |= more


def _read(path: str) -> bytes:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return b""
    try:
        return os.read(descriptor, 8192)
    except OSError:
        return b""
    finally:
        os.close(descriptor)


# ---- the process that forks guardians


def main(control: int) -> NoReturn:
    """Fork a guardian for each socket that comes through the socket `control`, until its other end is closed.

    Each comes with the tag of the run.
    """
    inherited = _signal.pthread_sigmask(_signal.SIG_BLOCK, _BLOCKED)
    _signal.signal(_signal.SIGCHLD, _signal.SIG_IGN)  # nobody asks how a guardian ended
    os.closerange(control + 1, os.sysconf("SC_OPEN_MAX"))  # what Nika itself had inherited
    os.chdir("/")
    sockets = _socket.socket(fileno=control)
    while True:
        tag, descriptors = _receive(sockets, 8)
        if not tag:
            os._exit(0)
        for descriptor in descriptors:
            if os.fork() == 0:
                sockets.close()
                _Guardian(descriptor, int.from_bytes(tag, "little"), inherited).serve()
            os.close(descriptor)


def become_subreaper() -> bool:
    """Let orphans below this process become its children. Return whether the system allows it."""
    try:
        libc = _ctypes.dlopen(None, 0)  # type: ignore[arg-type]  # its stub does not know that None is the program
        prctl = _ctypes.dlsym(libc, "prctl")
        return bool(_ctypes.call_function(prctl, (_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)) == 0)
    except (OSError, AttributeError):
        return False


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
    def __init__(self, descriptor: int, run_tag: int, inherited: Iterable[int]) -> None:
        self._socket = _socket.socket(fileno=descriptor)
        self._socket.setblocking(False)
        self._mask = tuple(inherited)
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
        self._locks = resource.getrlimit(RLIMIT_LOCKS)[1]
        self._run_tag = run_tag
        self._tag(run_tag)

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
            self._send(GONE, self._end())
            self._socket.setblocking(True)
            self._flush()
            code = 0
        finally:
            os._exit(code)

    def _listen(self) -> None:
        poll = select.poll()
        poll.register(self._wakes, select.POLLIN)
        while not self._closed:
            poll.register(self._socket, select.POLLIN | (select.POLLOUT if self._out else 0))
            for descriptor, _ in poll.poll():
                if descriptor == self._wakes:
                    self._reap()
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
            self._tag(tag)
            actions = [(os.POSIX_SPAWN_DUP2, mine, theirs) for mine, theirs in zip(given, targets, strict=True)]
            pid = self._spawn(argv, env, actions)
        except OSError as error:
            self._send(FAILED, number, error.errno, where)
        else:
            self._leaders[pid] = number
            self._send(STARTED, number, pid)
        finally:
            self._tag(self._run_tag)
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
                    program, argv, env, file_actions=actions, setsid=True, setsigmask=self._mask, setsigdef=_DEFAULTS
                )
            except OSError as error:
                if error.errno not in {errno.ENOENT, errno.ENOTDIR} and refused is None:
                    refused = error
        raise refused or OSError(errno.ENOENT, "")

    def _tag(self, tag: int) -> None:
        try:  # noqa: SIM105 - contextlib takes too long to load
            resource.setrlimit(RLIMIT_LOCKS, (tag, self._locks))
        except (OSError, ValueError):
            pass  # somebody has lowered the hard limit: the environment still tells whose a process is

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

    def _end(self) -> int:
        """End everything below this process. Return how many were asked to."""
        me = os.getpid()
        asked: set[tuple[int, int]] = set()
        poll = select.poll()
        poll.register(self._wakes, select.POLLIN)
        until = time.monotonic() + _GRACE
        pause = 2
        while self._anyone() and time.monotonic() < until:
            more = set(processes_below(me).items()) - asked
            for pid, started in more:
                signal_process(pid, started, _signal.SIGTERM)
                signal_process(pid, started, _signal.SIGCONT)  # a stopped one could not listen
            asked |= more
            poll.poll(pause)
            pause = min(pause * 2, 50)
        until = time.monotonic() + _KILL_SECONDS
        while self._anyone() and time.monotonic() < until:
            freeze(me)
            for pid, started in processes_below(me).items():
                asked.add((pid, started))
                signal_process(pid, started, _signal.SIGKILL)
            poll.poll(2)
        return len(asked)

    def _anyone(self) -> bool:
        """Return whether there is a child; orphans of children become children."""
        self._reap()
        try:
            os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:
            return False
        return True
