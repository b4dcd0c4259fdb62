"""The runs that were submitted from here to a backend: those that a page shows are followed."""

from __future__ import annotations

import threading
from collections import OrderedDict
from pathlib import Path
from typing import Final

import nika_core as nika
from nika_command_ui.followed_run import FollowedRun
from nika_core.plugin import JsonObject

_MOST: Final = 16  # that are followed at once


class BackendRuns:
    """See the module. Safe to use from several threads.

    Args:
        folder: of the project.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._followed: OrderedDict[str, FollowedRun] = OrderedDict()
        self._news = 0

    @property
    def news(self) -> int:
        """Return how often something new was heard of the runs."""
        return self._news

    def rows(self) -> list[JsonObject]:
        """Return the rows of the runs in the list of all."""
        return [
            {
                "runId": run.run_id,
                "workflow": run.workflow,
                "status": run.status,
                "startedAt": run.submitted_at,
                "backend": run.url,
            }
            for run in self._index().runs()
        ]

    def find(self, run: str) -> FollowedRun | None:
        """Return a run by its id or a unique beginning of it, and follow it from now on; None: there is none here."""
        with self._lock:
            if run in self._followed:
                self._followed.move_to_end(run)
                return self._followed[run]
        found = self._index().find(run)
        if found is None:
            return None
        with self._lock:
            followed = self._followed.get(found.run_id)
            if followed is None:
                followed = self._followed[found.run_id] = FollowedRun(self._folder, found, self._heard)
                followed.begin()
            while len(self._followed) > _MOST:
                self._followed.popitem(last=False)[1].end()
            return followed

    def let_go(self) -> None:
        """Follow no run any more, until one is asked for again."""
        with self._lock:
            followed = list(self._followed.values())
            self._followed.clear()
        for each in followed:
            each.end()
        for each in followed:
            each.wait()
        if followed:
            self._heard()

    def _heard(self) -> None:
        self._news += 1

    def _index(self) -> nika.backends.RunIndex:
        return nika.backends.index(workspace=nika.Workspace.open(self._folder))
