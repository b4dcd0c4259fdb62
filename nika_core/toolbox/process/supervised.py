"""A process of a run, supervised from its start until everything that it started is gone."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from nika_core.toolbox.process.guardian_client import Guardian, guardian_of
from nika_core.toolbox.process.leaders import Leader
from nika_core.toolbox.process.proc import MARK
from nika_core.toolbox.process.process_tree import Family, reap_strays
from nika_core.toolbox.process.start import Pipes, raise_descriptor_limit, require_startable, start_process
from nika_core.toolbox.process.starters import Starter
from nika_core.toolbox.process.sweeping import note_unguarded
from nika_core.toolbox.process.table import process_table
from nika_core.toolbox.process.tags import new_tag, with_mark

_REAP_SECONDS: Final = 1.0


class Supervised:
    """A process and everything that it starts. Call `close` when it is over.

    Attributes:
        leader: the process.
        family: the others.
        pipes: to it; our ends are the caller's, who closes them.
    """

    def __init__(self, leader: Leader, family: Family, pipes: Pipes, guardian: Guardian | None) -> None:
        self.leader = leader
        self.family = family
        self.pipes = pipes
        self._guardian = guardian

    @classmethod
    async def start(
        cls,
        argv: Sequence[str],
        run_id: str,
        cwd: Path,
        env: Mapping[str, str],
        *,
        with_stdin: bool,
        merge_stderr: bool = False,
        channel: str | None = None,
        server: Starter | None = None,
    ) -> Supervised:
        """Start it, by `server` if that is usable. Raise TaskError."""
        require_startable(argv, cwd, env)
        raise_descriptor_limit()
        process_table()  # from now on, what loses its guardian becomes a child of ours
        guardian = await guardian_of(run_id)
        if guardian is None:
            note_unguarded(run_id)
        else:
            guardian.calls += 1
        starter: Starter | None = guardian
        if server is not None:
            server.look()  # whether it is still there
            starter = server if server.usable else guardian
        environment = with_mark(env, run_id)
        tag = new_tag(run_id)
        try:
            pipes = Pipes(with_stdin=with_stdin, merge_stderr=merge_stderr, channel=channel)
            leader = await start_process(starter, argv, cwd, environment, pipes, tag)
        except BaseException:
            if guardian is not None:
                guardian.calls -= 1
            raise
        return cls(leader, Family(leader, environment[MARK].split()[-1], tag, guardian), pipes, guardian)

    async def end_of_leader(self) -> None:
        """Return when the process itself has ended. Raise TaskError if nobody can say how it did."""
        while not self.leader.ended.done():
            await asyncio.wait({self.leader.ended}, timeout=_REAP_SECONDS)
            reap_strays(_REAP_SECONDS)
        self.leader.ended.result()

    async def end_for_sure(self, grace: float) -> None:
        """End all of it although this task is cancelled; if it is cancelled again, kill."""
        await to_the_end(self.family.end(grace), self.family.kill_now)

    def close(self) -> None:
        """Look after it no longer."""
        self.leader.close()
        if self._guardian is not None:
            self._guardian.calls -= 1
            self._guardian = None


async def to_the_end(work: Awaitable[None], hurry: Callable[[], None]) -> None:
    """Wait for `work` although this task is cancelled; if it is cancelled again, call `hurry`."""
    task = asyncio.ensure_future(work)
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            hurry()
        except Exception:  # the gentle way has failed; what made us end is what is raised
            hurry()
