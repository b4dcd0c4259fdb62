"""The processes that plugins start for a run: none of them outlives it, nor a Nika that was killed."""

from __future__ import annotations

import importlib
import sqlite3
import sys
from typing import Final

from nika_core import codes
from nika_core.app.own_runs import is_own
from nika_core.engine.local.event_loop import run_to_end
from nika_core.errors import JournalError
from nika_core.journal import Journal
from nika_core.model.files import FileError

_PROCESSES: Final = "nika_core.toolbox.process.sweeping"
_OWN: Final = "nika_core.toolbox.process.own_process"

_UNGUARDED: Final = (
    "what this run starts is ended by its process groups and environment alone, so that a process which leaves both "
    "may outlive it"
)


def give_process_to(run_id: str) -> None:
    """Let whatever is started in this process from now on belong to a run, by whatever means a plugin starts it."""
    importlib.import_module(_OWN).own_process(run_id)


async def end_processes(run_id: str, *, of_a_killed_nika: bool = False) -> str:
    """End whatever the run's processes left behind; costs nothing where no plugin started one. Return what the user
    should know about it, or nothing.

    Args:
        of_a_killed_nika: another process may have started some.
    """
    own = sys.modules.get(_OWN)
    owner = own.owner_of(run_id) if own else None
    if not (of_a_killed_nika or _PROCESSES in sys.modules or (owner and owner.left_something())):
        return ""
    processes = importlib.import_module(_PROCESSES)  # a thread may still be importing it: this waits for that
    await processes.sweep(run_id)
    reason = processes.why_unguarded(run_id) or (owner.why_unwatched() if owner else "")
    return f"{_UNGUARDED}: {reason}" if reason else ""


def remove_run(journal: Journal, run: str, *, trusted: bool = False) -> str:
    """Remove a run that no process works on, with the results that other runs could take from it, and end what a killed
    Nika left running of it: nobody could find that any more. Return the run's whole id. Raise JournalError.

    Args:
        trusted: whether the user trusts the history. Without that, a run that the user has not recorded here ends no
            processes: it may have the id of another one.
    """
    try:
        recorded = journal.load(run)
        trusted = trusted or is_own(recorded.info, journal, recorded.run.id)
    except JournalError as error:
        if error.code != codes.JOURNAL_CORRUPT:
            raise
    run_id = journal.remove(run)
    if trusted:
        run_to_end(end_processes(run_id, of_a_killed_nika=True))  # no other process can begin to work on it any more
    _remove_results(journal, run_id)
    return run_id


def _remove_results(journal: Journal, run_id: str) -> None:
    store = journal.results()
    try:
        store.remove(run_id)
    except sqlite3.OperationalError as error:
        raise JournalError(
            codes.JOURNAL_UNAVAILABLE,
            f"The run {run_id} is removed, but not what {store.path} keeps of it: {error}.",
            hint="Remove that file; it is made anew.",
        ) from error
    except (OSError, FileError, sqlite3.Error):
        pass  # it is not a cache of this user's, and no run takes anything from it
    finally:
        store.close()
