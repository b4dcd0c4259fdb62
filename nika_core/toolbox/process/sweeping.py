"""Ends everything that a run left behind, also what a killed Nika left."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Mapping
from typing import Final

from nika_core.toolbox.process.guardian_client import end_guardians, why_unguarded
from nika_core.toolbox.process.own_process import owner_of
from nika_core.toolbox.process.process_tree import GRACE, KILL_SECONDS, note_session, reap_strays
from nika_core.toolbox.process.table import Seen, Table, descendants, process_table
from nika_core.toolbox.process.tags import is_of_run, mark_prefix, tag_of, with_mark

__all__ = ["marked", "sweep", "why_unguarded"]

_GUARDIAN_SECONDS: Final = 15.0  # how long the guardian of a killed Nika may take to end what is below it

_unguarded_runs: set[str] = set()  # with processes that no guardian has started


def marked(env: Mapping[str, str], run_id: str) -> dict[str, str]:
    """Return `env` with a new mark of the run, for a process that the toolbox does not start.

    At the end of the run it and everything that it started are ended, see `sweep`. With `open_process` or `run`, this
    also holds for processes with another environment, and if Nika is killed.
    """
    _unguarded_runs.add(run_id)
    return with_mark(env, run_id)


def note_unguarded(run_id: str) -> None:
    """Note that some of a run's processes have to be searched for at its end."""
    _unguarded_runs.add(run_id)


async def sweep(run_id: str, grace: float = GRACE) -> int:
    """End every process of a run that is still there, at the end of the run. Return how many there were.

    Also for the start of a resumed one: it finds what a killed Nika left behind, and waits for its guardian.
    """
    reap_strays()
    owner = owner_of(run_id)
    ended = 0
    if owner is not None:  # first: as long as the guardian is there, it ends them if Nika is killed at this moment
        ended = await owner.end_processes()
        if owner.noticed and not process_table().adopts:
            note_unguarded(run_id)
    guarded = await end_guardians(run_id)
    if run_id not in _unguarded_runs and (guarded is not None or owner is not None):
        return ended + (guarded or 0)
    helpers = owner.helpers() if owner else set()
    _unguarded_runs.discard(run_id)
    hit: set[tuple[int, int]] = set()
    begun = time.monotonic()
    while True:
        left, guardians = await asyncio.to_thread(_left_of, run_id, process_table(), helpers)
        elapsed = time.monotonic() - begun
        if not (left or guardians) or elapsed > (_GUARDIAN_SECONDS if guardians else grace + KILL_SECONDS):
            break
        for seen in left:
            if elapsed >= grace or (seen.pid, seen.started) not in hit:
                ended += (seen.pid, seen.started) not in hit
                hit.add((seen.pid, seen.started))
                note_session(seen.session)
                process_table().signal(seen, signal.SIGKILL if elapsed >= grace else signal.SIGTERM)
        await asyncio.sleep(0.02)
    reap_strays()
    return ended + (guarded or 0)


def _left_of(run_id: str, processes: Table, helpers: set[int]) -> tuple[list[Seen], bool]:
    """Return the processes of a run, and whether a guardian of it, except our own, is still at work."""
    run_tag = tag_of(run_id)
    roots: set[int] = set()
    guardians: set[int] = set()
    for pid in processes.pids():
        tag = processes.tag(pid)
        if pid != os.getpid() and is_of_run(tag, run_tag) and (seen := processes.look(pid)) and not seen.zombie:
            (guardians if tag == run_tag else roots).add(pid)
    prefix = mark_prefix(run_id)
    roots |= set(processes.marked(lambda mark: mark.startswith(prefix))) - {os.getpid()} - guardians
    looks = map(processes.look, (roots | descendants(processes, roots | guardians)) - guardians)
    return [seen for seen in looks if seen and not seen.zombie], bool(guardians - helpers)
