"""A run's history piece by piece: what is new in it since the last look, and single entries of its memo."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache, partial
from typing import Any, Final

from nika_core.journal import faults
from nika_core.journal.encoding import LOST, events_of, joined
from nika_core.journal.journal import _ONE_RUN, Journal
from nika_core.journal.run_rows import range_of
from nika_core.journal.store import RUN_SHIFT
from nika_core.journal.texts import Name
from nika_core.journal.values import RunSummary
from nika_core.model.events import Event
from nika_core.values import dataclass

_KEPT: Final = (
    "SELECT value, blob FROM memo WHERE run = (SELECT number FROM runs WHERE id = ?) AND key = ? AND call = ?"
)
_NUMBER: Final = 7  # the column of a run's number


@dataclass(frozen=True, slots=True)
class Piece:
    """What has been recorded after a position. `position` is that of its last event; `more`: there is more by now."""

    run: RunSummary
    events: tuple[Event, ...]
    position: int
    more: bool


class RunPieces:
    """Reads one run of a journal, by its whole id. Every method raises JournalError."""

    def __init__(self, journal: Journal, run_id: str) -> None:
        self._journal = journal
        self._run_id = run_id

    def after(self, position: int, rows: int) -> Piece:
        """Return the events after a position, of at most so many rows. Large outputs are not read."""
        journal, run_id = self._journal, self._run_id
        if not journal.exists:  # somebody has removed the whole history
            raise faults.unknown_run(run_id)
        with faults.explained(journal.path, "read"), journal.damage_told(run_id), journal._connect() as connection:
            row = connection.execute(_ONE_RUN, (run_id,)).fetchone()
            if row is None:
                raise faults.unknown_run(run_id)
            first, last = range_of(row[_NUMBER])
            found = connection.execute(
                "SELECT id, events, blob FROM events WHERE id > ? AND id <= ? ORDER BY id LIMIT ?",
                (first + position, last, rows),
            ).fetchall()
            read = cache(partial(joined, None, blobs=journal._blobs))
            events = [each for _, text, blob in found for each in events_of(text, blob, run_id, read, None)]
            reached = found[-1][0] - (row[_NUMBER] << RUN_SHIFT) if found else position
            return Piece(journal._summary(row), tuple(events), reached, len(found) == rows)

    def kept(self, names: Iterable[Name]) -> dict[Name, Any]:
        """Return the entries of the memo that have these names, without those that are lost."""
        journal, found = self._journal, dict[Name, Any]()
        with faults.explained(journal.path, "read"), journal.damage_told(self._run_id), journal._connect() as one:
            for name in dict.fromkeys(names):
                for value, blob in one.execute(_KEPT, (self._run_id, *name)):
                    found[name] = joined(value, blob, journal._blobs)
        return {name: value for name, value in found.items() if not (isinstance(value, dict) and LOST in value)}
