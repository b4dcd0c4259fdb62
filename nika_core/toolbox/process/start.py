"""Starts a process with pipes of ours, and says clearly why it cannot be started."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Final

from nika_core.errors import Category, TaskError
from nika_core.model.bounded import shorten
from nika_core.model.files import is_folder
from nika_core.toolbox.process.leaders import ChildLeader, GuardedLeader, Leader
from nika_core.toolbox.process.starters import Starter

_WANTED_DESCRIPTORS: Final = 65_536
_CHANNEL_NUMBER: Final = 3  # of the third output, in a process that a guardian starts
_CANCEL_SECONDS: Final = 5.0


class Pipes:
    """The pipes of a process that is to be started: our ends and its ends.

    Args:
        with_stdin: it has something to read.
        channel: a variable to put the number of one more inherited, writable pipe into.
    """

    def __init__(self, *, with_stdin: bool, merge_stderr: bool, channel: str | None) -> None:
        self._ours: list[int] = []
        self.theirs: list[int] = []
        self._channel = channel
        try:
            self._stdin = self._pipe(child_reads=True) if with_stdin else None
            self._stdout = self._pipe()
            self._stderr = None if merge_stderr else self._pipe()
            self._extra = self._pipe() if channel else None
        except OSError as error:
            self.close()
            raise _why(error, "a process", Path(), {}) from None

    def _pipe(self, *, child_reads: bool = False) -> tuple[int, int]:
        reading, writing = os.pipe()
        self._ours.append(writing if child_reads else reading)
        self.theirs.append(reading if child_reads else writing)
        return self._ours[-1], self.theirs[-1]

    @property
    def ours(self) -> tuple[int | None, int, int | None, int | None]:
        """Return our ends of stdin, stdout, stderr and the channel."""
        extra = self._extra and self._extra[0]
        return self._stdin and self._stdin[0], self._stdout[0], self._stderr and self._stderr[0], extra

    @property
    def variables(self) -> dict[str, str]:
        """Return what tells a process that a guardian starts where its channel is."""
        return {self._channel: str(_CHANNEL_NUMBER)} if self._channel else {}

    def placed(self) -> list[tuple[int, int]]:
        """Return its ends, each with the descriptor that it is to be in the process. They are the caller's now."""
        stdout = self._stdout[1]
        placed = [(self._stdin[1], 0)] if self._stdin else []
        placed += [(stdout, 1), (self._stderr[1] if self._stderr else os.dup(stdout), 2)]
        placed += [(self._extra[1], _CHANNEL_NUMBER)] if self._extra else []
        self.theirs.clear()
        return placed

    def start_here(self, argv: Sequence[str], cwd: Path, env: Mapping[str, str]) -> subprocess.Popen[bytes]:
        """Start the process as a child of this one. Raise OSError."""
        variables = {self._channel: str(self._extra[1])} if self._channel and self._extra else {}
        try:
            return subprocess.Popen(
                list(argv),
                cwd=cwd,
                env={**env, **variables},
                stdin=self._stdin[1] if self._stdin else subprocess.DEVNULL,
                stdout=self._stdout[1],
                stderr=self._stderr[1] if self._stderr else subprocess.STDOUT,
                pass_fds=(self._extra[1],) if self._extra else (),
                start_new_session=True,
            )
        finally:
            _close(self.theirs)

    def close(self) -> None:
        """Close all ends."""
        _close(self._ours)
        _close(self.theirs)


async def start_process(
    starter: Starter | None,
    argv: Sequence[str],
    cwd: Path,
    env: Mapping[str, str],
    pipes: Pipes,
    tag: int,
) -> Leader:
    """Start a process, head of its own session and group. Raise TaskError.

    If the caller is cancelled meanwhile, the process is ended first.
    """
    try:
        if starter is None:
            return ChildLeader(pipes.start_here(argv, cwd, env))
        async with starter.slots:
            asked = starter.start(argv, cwd, {**env, **pipes.variables}, tag, pipes.placed())
            try:
                return await asyncio.shield(asked)
            except asyncio.CancelledError:
                asked.add_done_callback(_kill)
                await asyncio.wait({asked}, timeout=_CANCEL_SECONDS)
                if asked.done() and asked.exception() is None:
                    await asyncio.wait({asked.result().ended}, timeout=_CANCEL_SECONDS)
                raise
    except BaseException as error:
        pipes.close()
        if isinstance(error, OSError):
            raise _why(error, argv[0], cwd, env) from None
        raise


def _kill(asked: asyncio.Future[GuardedLeader]) -> None:
    """End what was started for nobody; what it has started meanwhile ends with the run."""
    if not asked.cancelled() and asked.exception() is None:
        leader = asked.result()
        leader.poll()
        if not leader.ended.done():
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(leader.pid, signal.SIGKILL)


@cache
def raise_descriptor_limit() -> None:
    """Allow as many open files as the machine does, within reason: a process needs three or four of them."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _WANTED_DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, _WANTED_DESCRIPTORS)
    for limit in (wanted, 10_240):  # macOS refuses more than its own maximum even if "hard" is unlimited
        if soft == resource.RLIM_INFINITY or soft >= limit:
            return
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
            return


def _close(descriptors: list[int]) -> None:
    for descriptor in descriptors:
        with contextlib.suppress(OSError):
            os.close(descriptor)
    descriptors.clear()


def require_startable(argv: Sequence[str], cwd: Path, env: Mapping[str, str]) -> None:
    """Raise TaskError for what no process can be started with."""
    if not argv or not argv[0]:
        raise TaskError("there is no command to run", category=Category.CONFIG, hint="name a program")
    if not _is_plain(argv, env):
        _refuse(argv, env)
    if not is_folder(cwd):
        what = "is not a folder" if os.path.lexists(cwd) else "does not exist"
        raise TaskError(f"the working directory {shorten(str(cwd), 300)} {what}", category=Category.CONFIG)


def _is_plain(argv: Sequence[str], env: Mapping[str, str]) -> bool:
    """Return whether all texts can be passed to a process; checked at once, since they nearly always can."""
    if "" in env or any("=" in name for name in env):
        return False
    everything = "".join((*argv, *env, *env.values()))
    try:
        return "\0" not in everything and bool(os.fsencode(everything))
    except UnicodeEncodeError:
        return False


def _refuse(argv: Sequence[str], env: Mapping[str, str]) -> None:
    """Raise TaskError for the first text that cannot be passed."""
    where: str | None = None
    hint = "give such data on stdin"
    try:
        for index, word in enumerate(argv):
            where = f"argument {index}" if index else "the command"
            if b"\0" in os.fsencode(word):
                where += " holds a NUL byte, which no argument can"
                break
        else:
            for name, value in env.items():
                where = f"the environment variable {name!r}"
                if not name or "=" in name or b"\0" in os.fsencode(name):
                    where = f"{name!r} cannot be the name of an environment variable"
                    break
                if b"\0" in os.fsencode(value):
                    where += " holds a NUL byte, which no variable can"
                    break
            else:
                where = None
    except UnicodeEncodeError as error:
        character = error.object[error.start]
        if "\ud800" <= character <= "\udfff":
            where = f"{where} has a character that is not text (a lone surrogate)"
        else:
            where = f"{where} has {character!a}, which the locale's encoding ({error.encoding}) does not have"
            hint = "run with LC_ALL=C.UTF-8, and without PYTHONUTF8=0"
    if where is not None:
        raise TaskError(where, category=Category.VALIDATION, hint=hint)


def _why(error: OSError, program: str, cwd: Path, env: Mapping[str, str]) -> TaskError:
    """Return what a user should know if a process cannot be started."""
    number = error.errno
    if number == errno.ENOENT and error.filename not in (None, program, os.fsencode(program)):
        return TaskError(f"cannot run {program!r}: {error.filename} does not exist", category=Category.CONFIG)
    if number in {errno.ENOENT, errno.ENOTDIR}:
        where = "" if "/" in program else f" (PATH is {env.get('PATH', 'not set')})"
        hint = "install it, or correct its name"
        if "/" in program and (cwd / program).exists():
            hint = "the file is there, but the interpreter in its first line is not"
        return TaskError(f"command not found: {program!r}{where}", category=Category.CONFIG, hint=hint)
    if number in {errno.EACCES, errno.EPERM}:
        return TaskError(
            f"{program!r} may not be executed",
            category=Category.CONFIG,
            hint=f"chmod +x {program}, or run it with its interpreter",
        )
    if number == errno.ENOEXEC:
        return TaskError(
            f"{program!r} is not a program that this machine can run",
            category=Category.CONFIG,
            hint="a script needs a first line such as #!/bin/sh",
        )
    if number == errno.E2BIG:
        return TaskError(
            f"the arguments and environment of {program!r} are too large for this machine",
            category=Category.VALIDATION,
            hint="give large data on stdin",
        )
    if number in {errno.EMFILE, errno.ENFILE}:
        return TaskError(
            f"too many open files to start {program!r}",
            hint="raise `ulimit -n`, or lower NIKA_MAX_CONCURRENT",
        )
    if number in {errno.EAGAIN, errno.ENOMEM}:
        return TaskError(
            f"the machine cannot start another process ({os.strerror(number)})",
            hint="lower NIKA_MAX_CONCURRENT",
        )
    return TaskError(f"cannot run {program!r}: {error.strerror or error}")
