"""Waits for processes that were started here or by a guardian: the heads of sessions, by their pid."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import threading
import time
from collections.abc import Callable
from typing import Final

from nika_core.errors import TaskError
from nika_core.toolbox.process.process_tree import leader_ended, leader_started

_CLAIM_SECONDS: Final = 2.0  # how long it may take until the children of a killed guardian are ours
_LOOK_SECONDS: Final = 0.02


class Leader:
    """A process that is waited for. `ended` is done when it has ended: its exit code, negative for a signal."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.ended: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        leader_started(pid)

    def poll(self) -> None:
        """Note at once if it has ended: its number may soon be another process's."""

    def close(self) -> None:
        """Wait for it no longer."""

    def has_ended(self, code: int) -> None:
        """Note that it has ended."""
        leader_ended(self.pid)
        if not self.ended.done():
            self.ended.set_result(code)


class ChildLeader(Leader):
    """A child of this process."""

    def __init__(self, popen: subprocess.Popen[bytes]) -> None:
        super().__init__(popen.pid)
        self._popen = popen
        self._watched: int | None = None
        loop = asyncio.get_running_loop()
        try:
            self._watched = os.pidfd_open(popen.pid)
        except (AttributeError, OSError):  # not Linux, or an old kernel, or no descriptor left: a thread waits

            def wait() -> None:
                popen.wait()
                with contextlib.suppress(RuntimeError):  # the loop is closed
                    loop.call_soon_threadsafe(self.poll)

            threading.Thread(target=wait, name=f"wait-{popen.pid}", daemon=True).start()
        else:
            loop.add_reader(self._watched, self.poll)

    def poll(self) -> None:
        """Note at once if it has ended."""
        code = self._popen.poll()
        if code is not None:
            self._unwatch()
            self.has_ended(code)

    def close(self) -> None:
        """Wait for it no longer."""
        self.poll()
        self._unwatch()

    def _unwatch(self) -> None:
        if self._watched is not None:
            asyncio.get_running_loop().remove_reader(self._watched)
            os.close(self._watched)
            self._watched = None


class GuardedLeader(Leader):
    """A child of a guardian or a fork server, which says when it has ended.

    If the guardian is killed, it becomes a child of ours. If a fork server is, nobody can say how it ended.

    Args:
        listen: takes what the guardian has said.
    """

    def __init__(self, pid: int, listen: Callable[[], None]) -> None:
        super().__init__(pid)
        self._listen = listen

    def poll(self) -> None:
        """Note at once if it has ended."""
        self._listen()

    def orphaned(self) -> None:
        """Wait for it here from now on, since the guardian is gone."""
        if not self.ended.done():
            loop = asyncio.get_running_loop()
            threading.Thread(target=self._wait, args=(loop,), name=f"wait-{self.pid}", daemon=True).start()

    def _wait(self, loop: asyncio.AbstractEventLoop) -> None:
        until = time.monotonic() + _CLAIM_SECONDS
        code: int | None = None
        while code is None:
            try:
                pid, status = os.waitpid(self.pid, os.WNOHANG)
            except ChildProcessError:
                if time.monotonic() > until:
                    break
            else:
                until = time.monotonic() + _CLAIM_SECONDS
                code = os.waitstatus_to_exitcode(status) if pid else None
            if code is None:
                time.sleep(_LOOK_SECONDS)
        with contextlib.suppress(RuntimeError):  # the loop is closed
            loop.call_soon_threadsafe(self._claimed, code)

    def _claimed(self, code: int | None) -> None:
        if code is not None:
            self.has_ended(code)
            return
        leader_ended(self.pid)
        if not self.ended.done():
            self.ended.set_exception(
                TaskError("it is not known how the process ended, because the process that started it was killed")
            )
