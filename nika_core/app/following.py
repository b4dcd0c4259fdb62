"""Follows a run by its history, whichever process works on it."""

from __future__ import annotations

from typing import Final

from nika_core import codes
from nika_core.app.results import FollowedPart
from nika_core.errors import JournalError
from nika_core.journal import Journal
from nika_core.journal.pieces import RunPieces

_ROWS: Final = 32  # of up to 128 events each


class FollowedRun:
    """A run that is followed; it is only read. Any thread, one at a time.

    Attributes:
        run_id, workflow, path, started_at: which run it is.
        status: as of the last look: `running`, `interrupted`, or how it has ended.
        is_removed: whether the last look found that somebody has removed it.
    """

    def __init__(self, journal: Journal, run: str) -> None:
        self.run_id = journal.find(run)
        self._journal = journal
        self._pieces = RunPieces(journal, self.run_id)
        first = self._pieces.after(0, 0).run
        self.workflow, self.path, self.started_at, self.status = first.workflow, first.path, first.started, first.status
        self.is_removed = False
        self._position = 0

    def poll(self) -> FollowedPart:
        """Return what is new since the last look: at first the events from the beginning on, some thousands at a time.

        Raise JournalError if the history cannot be read, or the run is no longer there. The next look goes on where
        this one began.
        """
        try:
            piece = self._pieces.after(self._position, _ROWS)
        except JournalError as error:
            self.is_removed = error.code == codes.UNKNOWN_RUN
            raise
        self._position, self.status = piece.position, piece.run.status
        return FollowedPart(piece.events, piece.run.status, piece.more)
