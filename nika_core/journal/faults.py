"""What can be wrong with a journal, as errors that say what to do."""

from __future__ import annotations

import errno
import shlex
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from nika_core import codes
from nika_core.errors import JournalError
from nika_core.model.files import FileError

_NO_JOURNAL: Final = "`nika run --no-journal` does without a history."


def corrupt(path: Path, reason: str) -> JournalError:
    """Return the error for a file that is damaged, or belongs to something else."""
    return JournalError(
        codes.JOURNAL_CORRUPT,
        f"The journal {path} cannot be read: {reason}.",
        hint=f"Move {path} (and the files next to it with its name) away; a new one is created. {_NO_JOURNAL}",
    )


def newer(path: Path, found: int, known: int) -> JournalError:
    """Return the error for a file that a newer Nika has written."""
    return JournalError(
        codes.JOURNAL_NEWER,
        f"The journal {path} was written by a newer Nika (its version is {found}, this one knows {known}).",
        hint=f"Upgrade Nika, or move the file away. {_NO_JOURNAL}",
    )


def unknown_run(run: str, matches: list[str] | None = None) -> JournalError:
    """Return the error for an ID that no run has, or with which several begin."""
    if matches:
        shown = ", ".join(matches[:5]) + (", ..." if len(matches) > 5 else "")
        return JournalError(
            codes.UNKNOWN_RUN, f"Several runs begin with '{run}': {shown}.", hint="Write more of the id."
        )
    return JournalError(
        codes.UNKNOWN_RUN, f"There is no run '{run}' here.", hint="'nika runs list' shows the runs of this project."
    )


def no_runs(folder: Path, run: str) -> JournalError:
    """Return the error for an empty history; `run` was named, or "" for the last one."""
    named = f"There is no run '{run}': there" if run else "There"
    return JournalError(
        codes.UNKNOWN_RUN,
        f"{named} are no runs yet in {folder}.",
        hint="Start one: nika run. For the runs of another project, name its folder: -C DIR.",
    )


def live_run(run: str, owner: str) -> JournalError:
    """Another process works on it."""
    return JournalError(
        codes.RUN_IS_LIVE,
        f"The run '{run}' is being worked on{f' by {owner}' if owner else ''}.",
        hint="Wait until it has ended, or interrupt it first.",
    )


@contextmanager
def damage_told(path: Path, run: object) -> Iterator[None]:
    """Turn what reading a run's rows raises into a JournalError: SQLite does not see what is wrong inside a text."""
    try:
        yield
    except (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RecursionError) as error:
        name = str(run)[:80]
        raise JournalError(
            codes.JOURNAL_CORRUPT,
            f"The history of the run {name!r} in {path} is damaged.",
            hint=f"Other runs are not affected. To remove this one: nika runs rm {shlex.quote(name)}",
        ) from error


@contextmanager
def explained(path: Path, doing: str) -> Iterator[None]:
    """Turn what SQLite and the system say into a JournalError. `doing` ends 'The journal ... cannot be'."""
    try:
        yield
    except sqlite3.Error as error:
        raise of(error, path, doing) from error
    except UnicodeDecodeError as error:  # of SQLite's own message, which quotes what is damaged
        raise corrupt(path, "its tables are damaged") from error
    except (OSError, FileError) as error:
        raise of(error, path, doing) from error


def of(error: Exception, path: Path, doing: str) -> JournalError:
    """Return the error for one failure of SQLite or of the system."""
    if isinstance(error, JournalError):
        return error
    if isinstance(error, FileError):
        reason, hint = error.message, _sentence(error.hint or "check it")
    elif isinstance(error, sqlite3.Error):
        name = getattr(error, "sqlite_errorname", "")
        if name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
            return corrupt(path, str(error))
        reason, hint = _REASONS.get(name.split("_", 2)[1] if "_" in name else "", (str(error), ""))
    else:
        number = error.errno if isinstance(error, OSError) else None
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
        hint = _REASONS[_NUMBERS[number]][1] if number in _NUMBERS else ""
    return JournalError(
        codes.JOURNAL_UNAVAILABLE,
        f"The journal {path} cannot be {doing}: {reason}.",
        hint=f"{hint} {_NO_JOURNAL}".strip(),
    )


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


_REASONS: Final = {
    "FULL": ("the disk is full", "Make room on the disk."),
    "READONLY": ("it is read-only", "Make the folder writable."),
    "CANTOPEN": ("it cannot be opened", "Check that you may read and write it and its folder."),
    "BUSY": ("another process has held it for too long", "Try again."),
    "LOCKED": ("another process has held it for too long", "Try again."),
    "PERM": ("access is denied", "Check who owns the folder, and what its owner may do."),
    "IOERR": ("the disk reports an error, or is full", "Check the disk."),
}

_NUMBERS: Final = {errno.ENOSPC: "FULL", errno.EDQUOT: "FULL", errno.EACCES: "PERM", errno.EPERM: "PERM"}
