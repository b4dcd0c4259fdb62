"""Starts a process with pipes of ours, and says clearly why it cannot be started."""

from __future__ import annotations

import contextlib
import errno
import os
import subprocess
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Final

from nika_core.errors import Category, TaskError
from nika_core.model.bounded import shorten
from nika_core.model.files import is_folder
from nika_core.values import dataclass

_WANTED_DESCRIPTORS: Final = 65_536


@dataclass(frozen=True, slots=True)
class Started:
    """A running process, head of its own session and group, and our ends of its pipes."""

    popen: subprocess.Popen[bytes]
    stdin: int | None
    stdout: int
    stderr: int | None
    channel: int | None


def start_process(
    argv: Sequence[str],
    cwd: Path,
    env: Mapping[str, str],
    with_stdin: bool,
    merge_stderr: bool,
    channel: str | None,
) -> Started:
    """Start a process. Raise TaskError.

    Args:
        channel: a variable to put the number of one more inherited, writable pipe into.
    """
    _check(argv, cwd, env)
    raise_descriptor_limit()
    ours: list[int] = []
    theirs: list[int] = []
    try:
        stdin = _pipe(ours, theirs, child_reads=True) if with_stdin else None
        stdout = _pipe(ours, theirs)
        stderr = None if merge_stderr else _pipe(ours, theirs)
        extra = _pipe(ours, theirs) if channel else None
        popen = subprocess.Popen(
            list(argv),
            cwd=cwd,
            env=dict(env) | ({channel: str(extra[1])} if channel and extra else {}),
            stdin=stdin[1] if stdin else subprocess.DEVNULL,
            stdout=stdout[1],
            stderr=stderr[1] if stderr else subprocess.STDOUT,
            pass_fds=(extra[1],) if extra else (),
            start_new_session=True,
        )
    except BaseException as error:
        _close(ours)
        if isinstance(error, OSError):
            raise _why(error, argv[0], cwd, env) from None
        raise
    finally:
        _close(theirs)
    return Started(popen, stdin and stdin[0], stdout[0], stderr and stderr[0], extra and extra[0])


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


def _pipe(ours: list[int], theirs: list[int], *, child_reads: bool = False) -> tuple[int, int]:
    reading, writing = os.pipe()
    ours.append(writing if child_reads else reading)
    theirs.append(reading if child_reads else writing)
    return ours[-1], theirs[-1]


def _close(descriptors: list[int]) -> None:
    for descriptor in descriptors:
        with contextlib.suppress(OSError):
            os.close(descriptor)


def _check(argv: Sequence[str], cwd: Path, env: Mapping[str, str]) -> None:
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
            f"{program!r} is no program that this machine can run",
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
