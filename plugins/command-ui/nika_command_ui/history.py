"""Reads the project's runs: from its history, so that runs of other processes are there, too, and from backends."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final

import nika_core as nika
from nika_command_ui.backend_runs import BackendRuns
from nika_command_ui.followed_run import NOT_KEPT, FollowedRun
from nika_command_ui.snapshot import Snapshot, all_nodes
from nika_core.plugin import Event, JsonObject

_KEPT: Final = 2  # snapshots: two runs are compared
_TIME: Final = len("20261122-103000")  # an id begins with the second


class History:
    """The runs of the project that a folder belongs to. Safe to use from several threads.

    Args:
        folder: where `nika ui` was called.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._path = nika.runs.path(folder=folder)
        self._backends = BackendRuns(folder)
        self._lock = threading.Lock()
        self._snapshots: OrderedDict[str, tuple[object, Snapshot]] = OrderedDict()

    @property
    def folder(self) -> Path:
        """The folder of the project."""
        return self._folder

    @property
    def project(self) -> str:
        """The folder whose runs these are."""
        return str(self._folder.resolve())

    def stamp(self) -> object:
        """Return a value that is another one as soon as anything has been written to the history."""
        stamp: list[tuple[int, int] | None] = []
        for path in (self._path, self._path.with_name(self._path.name + "-wal")):
            try:
                status = path.stat()
            except OSError:
                stamp.append(None)
            else:
                stamp.append((status.st_mtime_ns, status.st_size))
        return (*stamp, self._backends.news)

    def let_go(self) -> None:
        """Follow no run on a backend any more: nobody looks."""
        self._backends.let_go()

    def runs(self) -> list[JsonObject]:
        """Return all runs, the newest first, without their tasks; and those that were submitted from here to a backend.

        Raise JournalError.
        """
        found = [_without_tasks(run.json) for run in nika.runs.list(folder=self._folder)]
        found += self._backends.rows()
        return sorted(found, key=lambda run: str(run["runId"])[:_TIME], reverse=True)

    def snapshot(self, run: str) -> Snapshot:
        """Return one run as it is now, as far as it is known. Raise JournalError."""
        followed = self._followed(run)
        if followed is not None:
            return followed.snapshot()
        with self._lock:  # a second page waits for what the first one reads
            stamp = self.stamp()
            kept = self._snapshots.get(run)
            if kept is None or (kept[0] != stamp and kept[1].is_live):
                found = nika.runs.get(run, folder=self._folder, large_outputs=False)
                kept = stamp, Snapshot(dict(found.json), partial(_events, found.run_id, self._folder))
                self._snapshots[run] = kept
            elif kept[0] != stamp:
                nika.runs.find(run, folder=self._folder)  # it may have been removed
                kept = self._snapshots[run] = stamp, kept[1]
            self._snapshots.move_to_end(run)
            while len(self._snapshots) > _KEPT:
                self._snapshots.popitem(last=False)
            return kept[1]

    def output(self, run: str, task: str) -> Any:
        """Return the whole output of a task, however large it is. Raise JournalError, KeyError."""
        followed = self._followed(run)
        if followed is not None:
            return followed.output(task)
        found = nika.runs.get(run, folder=self._folder)
        return {node["id"]: node for node in all_nodes(found.json.get("tasks", ()))}[task].get("output")

    def payload(self, run: str, task: str) -> JsonObject:
        """Return what a task was given, or why that is not known. Raise JournalError, UsageError."""
        if self._followed(run) is not None:
            return {"payload": None, "problem": NOT_KEPT}
        given = nika.runs.payload(run, task, folder=self._folder)
        return {"payload": given.payload, "problem": given.problem}

    def conversations(self, run: str, task: str) -> JsonObject:
        """Return what models were asked and answered for a task and what is inside it, or why that is not known.

        Raise JournalError.
        """
        if self._followed(run) is not None:
            return {"conversations": [], "problem": NOT_KEPT}
        found = nika.runs.transcript(run, task, folder=self._folder)
        return {"conversations": [nika.to_json(each) for each in found], "problem": ""}

    def answer(self, run: str, task: str, answer: Any, digest: str) -> None:
        """Answer the question that was shown. Raise NikaError."""
        followed = self._followed(run)
        if followed is not None:
            followed.answer(task, answer, digest)
        else:
            nika.answer(run, task, answer, digest=digest, folder=self._folder)

    def questions(self, run: str | None = None) -> list[JsonObject]:
        """Return the questions that wait for an answer; those of a run on a backend only if it is named.

        Raise JournalError.
        """
        followed = None if run is None else self._followed(run)
        if followed is not None:
            return followed.questions()
        return [nika.to_json(asked) for asked in nika.questions(run, folder=self._folder)]

    def _followed(self, run: str) -> FollowedRun | None:
        """Return a run on a backend; None: it is one of this machine, or there is none."""
        try:
            nika.runs.find(run, folder=self._folder)
        except nika.JournalError:
            return self._backends.find(run)
        return None


def _events(run: str, folder: Path) -> Iterator[Event]:
    """Yield what has happened in a run, some thousand events at a time. Raise JournalError."""
    followed, more = nika.runs.follow(run, folder=folder), True
    while more:
        part = followed.poll()
        yield from part.events
        more = part.more


def _without_tasks(run: Mapping[str, Any]) -> JsonObject:
    waiting = sum("waitsFor" in node for node in all_nodes(run.get("tasks", ())))
    return {key: value for key, value in run.items() if key != "tasks"} | {"waiting": waiting}
