"""The program's side of a fork server, see `fork_server`: a process that has loaded a program forks one for each call.

A program loads this file by its path, prepares what its calls have in common, and calls `serve`, which returns in each
forked process as if that had just been started: with its own folder, environment, descriptors, session and tag. It
imports nothing of Nika, and only modules that are written in C, so that the program finds its own modules.

Messages are those of `guardian`: tuples in the format of `marshal` after their length.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # as in `guardian`
import _socket
import errno
import gc
import marshal
import os
import resource
import select
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Final, NoReturn

CONTROL: Final = 4  # the descriptor of the socket in the program; 3 is the channel of a call
_RLIMIT_LOCKS: Final = 10  # as in `guardian`, and so are the messages
_MAX_DESCRIPTORS: Final = 64
_DESCRIPTOR_BYTES: Final = 4
_READ_BYTES: Final = 65_536


def refuse(reason: str) -> NoReturn:
    """Say why this program cannot be a fork server, and end."""
    _Server().say("unable", reason)
    os._exit(1)


def serve(watched: list[tuple[str, int, int]]) -> None:
    """Fork a process for each request; return in each of them, and never in the server.

    Args:
        watched: files that have been loaded, with the time of their last change in nanoseconds, and their size.
    """
    server = _Server()
    server.say("hello", watched)
    sys.stdout.flush()
    sys.stderr.flush()
    gc.collect()
    gc.freeze()  # the collector of a forked process would write to all pages that it shares with this one
    server.serve()


def started_threads() -> bool:
    """Return whether Python threads run: a forked process would not have them, but perhaps their locks."""
    import _thread

    return _thread._count() > 0


class _Server:
    def __init__(self) -> None:
        self._socket = _socket.socket(fileno=CONTROL)
        os.set_inheritable(CONTROL, False)
        self._poll = select.poll()
        self._poll.register(CONTROL, select.POLLIN)
        self._children: dict[int, tuple[int, int]] = {}  # descriptor -> number of the request, pid
        self._descriptors: list[int] = []
        self._in = bytearray()
        self._locks = resource.getrlimit(_RLIMIT_LOCKS)[1]

    def say(self, *message: Any) -> None:
        data = marshal.dumps(message)
        try:
            self._socket.sendall(len(data).to_bytes(4, "little") + data)
        except OSError:
            os._exit(0)  # Nika is gone

    def serve(self) -> None:
        """Return in a forked process."""
        while True:
            for descriptor, _ in self._poll.poll():
                if descriptor != CONTROL:
                    self._reap(descriptor)
                elif self._requested():
                    return

    def _requested(self) -> bool:
        """Read requests. Return whether this is a forked process."""
        room = _socket.CMSG_SPACE(_MAX_DESCRIPTORS * _DESCRIPTOR_BYTES)
        try:
            data, ancillary, _, _ = self._socket.recvmsg(_READ_BYTES, room, _socket.MSG_CMSG_CLOEXEC)
        except OSError:
            data, ancillary = b"", []
        if not data:
            os._exit(0)
        self._descriptors += [
            int.from_bytes(content[at : at + _DESCRIPTOR_BYTES], "little")
            for level, kind, content in ancillary
            if (level, kind) == (_socket.SOL_SOCKET, _socket.SCM_RIGHTS)
            for at in range(0, len(content) - len(content) % _DESCRIPTOR_BYTES, _DESCRIPTOR_BYTES)
        ]
        self._in += data
        while len(self._in) >= 4:
            end = 4 + int.from_bytes(self._in[:4], "little")
            if len(self._in) < end:
                return False
            message = marshal.loads(bytes(self._in[4:end]))  # noqa: S302 - Nika has written it
            del self._in[:end]
            if self._start(*message):
                return True
        return False

    def _start(
        self, number: int, tag: int, argv: list[bytes], cwd: bytes, env: dict[bytes, bytes], targets: list[int]
    ) -> bool:
        """Fork a process, the head of a session. Return True in it."""
        given, self._descriptors = self._descriptors[: len(targets)], self._descriptors[len(targets) :]
        where: bytes | None = cwd
        try:
            os.chdir(cwd)
            where = None
            child = self._fork(tag, env, given, targets)
        except OSError as error:
            self.say("failed", number, error.errno or errno.EIO, where)
        else:
            if child is None:
                return True
            watch, pid = child
            self._children[watch] = number, pid
            self._poll.register(watch, select.POLLIN)
            self.say("started", number, pid)
        finally:
            for descriptor in given:
                os.close(descriptor)
        return False

    def _fork(self, tag: int, env: dict[bytes, bytes], given: list[int], targets: list[int]) -> tuple[int, int] | None:
        """Return a descriptor and the number of the forked process; None in that process itself."""
        ready, told = os.pipe()
        pid = -1
        try:
            pid = os.fork()
            if pid == 0:
                self._become(tag, env, given, targets)
                return None
            os.close(told)
            told = -1
            os.read(ready, 1)  # its session is there, so that it can be signalled, or it has already ended
            return os.pidfd_open(pid), pid
        except OSError:
            if pid > 0:
                os.kill(pid, _signal.SIGKILL)
                os.waitpid(pid, 0)
            elif pid == 0:
                os._exit(1)
            raise
        finally:
            os.close(ready)
            if told >= 0:
                os.close(told)

    def _become(self, tag: int, env: dict[bytes, bytes], given: list[int], targets: list[int]) -> None:
        """Turn the forked process into what was asked for."""
        os.setsid()
        try:  # noqa: SIM105 - contextlib takes long to load
            resource.setrlimit(_RLIMIT_LOCKS, (tag, self._locks))
        except (OSError, ValueError):
            pass  # as in `guardian`
        for watch in self._children:
            os.close(watch)
        for mine, theirs in zip(given, targets, strict=True):
            os.dup2(mine, theirs)
        self._socket.close()
        current = os.environb
        for name in [name for name in current if name not in env]:
            del current[name]
        for name, value in env.items():
            if current.get(name) != value:
                current[name] = value

    def _reap(self, descriptor: int) -> None:
        number, pid = self._children.pop(descriptor)
        self._poll.unregister(descriptor)
        os.close(descriptor)
        self.say("ended", number, os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
