"""Fork servers: a process of a run that has loaded a program, and forks one process for each call of it."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from nika_core.toolbox.process import forking
from nika_core.toolbox.process import guardian as protocol
from nika_core.toolbox.process.guardian_client import Guardian, guardian_of
from nika_core.toolbox.process.leaders import GuardedLeader
from nika_core.toolbox.process.pipes import Reader
from nika_core.toolbox.process.proc import MARK
from nika_core.toolbox.process.process_tree import GRACE, Family
from nika_core.toolbox.process.start import require_startable
from nika_core.toolbox.process.starters import Starter
from nika_core.toolbox.process.supervised import to_the_end
from nika_core.toolbox.process.table import process_table
from nika_core.toolbox.process.tags import new_tag, with_mark

FORKING: Final = str(Path(forking.__file__))  # for a program, which does not import Nika


class ForkServer(Starter):
    """Nika's end of the socket of one. Pass it to `run`.

    Attributes:
        reason: why it cannot be used, in the program's words; empty: it can, or is gone.
    """

    def __init__(self, ours: socket.socket, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(ours, loop)
        self.reason = ""
        self.up: asyncio.Future[None] = loop.create_future()
        self._watched: list[tuple[str, int, int]] = []

    def heard(self, kind: str, message: list[Any]) -> None:
        """Take what only a fork server says."""
        if kind == protocol.HELLO:
            (self._watched,) = message
            self._come_up()
        else:
            self.lost(message[0])

    def lost(self, reason: str) -> None:
        """Note that it is gone; `reason` is empty if it was killed."""
        self.reason = reason
        self.shut()
        self._come_up()

    def _come_up(self) -> None:
        if not self.up.done():
            self.up.set_result(None)

    def outdated(self) -> bool:
        """Return whether a file that it has loaded has changed since."""
        for path, changed, size in self._watched:
            try:
                found = os.stat(path)  # noqa: PTH116 - dozens of files at each call
            except OSError:
                return True
            if (found.st_mtime_ns, found.st_size) != (changed, size):
                return True
        return False


@asynccontextmanager
async def fork_server(
    argv: Sequence[str], *, run_id: str, cwd: Path, env: Mapping[str, str]
) -> AsyncIterator[ForkServer | None]:
    """Start a program that forks a process for each call, and end it when the context is left.

    The program loads the file `FORKING`, loads whatever its calls have in common, and calls `serve` of that file, which
    returns in each forked process as if the program had just been started there. A forked process is supervised like
    any other: it has its own session, group, environment, outputs and end. The server ends with the run at the latest.

    Args:
        argv: the program and its arguments.
        env: its whole environment. A call may have another one, but what was loaded has seen this one.

    Returns:
        The server; None: there can be none on this machine, which has no guardian (`run` starts each process then).

    Raises:
        TaskError: the program cannot be started.
    """
    require_startable(argv, cwd, env)
    guardian = await guardian_of(run_id) if hasattr(os, "pidfd_open") else None
    if guardian is None:
        yield None
        return
    process_table()
    environment = with_mark(env, run_id)
    tag = new_tag(run_id)
    ours, theirs = socket.socketpair()
    server = ForkServer(ours, guardian.loop)
    # A pipe, as a forked process has, and not /dev/null: Python's own outputs remember whether they can be sought in.
    written, output = os.pipe()
    reader = Reader(written, lambda _: None)
    try:
        try:
            leader = await _start(guardian, argv, cwd, environment, tag, theirs, output)
        except OSError:  # `run` says why, if it cannot start the program either
            yield None
            return
        family = Family(leader, environment[MARK].split()[-1], tag, guardian)
        try:
            await server.up
            yield server
        finally:
            await to_the_end(_end(server, leader, family), family.kill_now)
            leader.close()
    finally:
        server.shut()
        reader.close()


async def _start(
    guardian: Guardian,
    argv: Sequence[str],
    cwd: Path,
    env: Mapping[str, str],
    tag: int,
    control: socket.socket,
    output: int,
) -> GuardedLeader:
    # With its lowest descriptors taken, none that comes later has the number that it gets in a forked process.
    nothing = [(os.open(os.devnull, os.O_RDWR), number) for number in (0, forking.CONTROL - 1)]
    descriptors = [*nothing, (output, 1), (os.dup(output), 2), (control.detach(), forking.CONTROL)]
    async with guardian.slots:
        return await asyncio.shield(guardian.start(argv, cwd, env, tag, descriptors))


async def _end(server: ForkServer, leader: GuardedLeader, family: Family) -> None:
    server.hang_up()
    if not leader.ended.done():
        await asyncio.wait({leader.ended}, timeout=GRACE)
    if not leader.ended.done() or family.anyone():
        await family.end(0.0)
