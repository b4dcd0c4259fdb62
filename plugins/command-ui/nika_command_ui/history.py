"""Reads the project's runs: from its history only, so that runs of other processes are there, too."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import nika_core as nika
from nika_core.plugin import Event, EventKind, JsonObject

CHILDREN: Final = ("items", "rounds", "tasks")
_KEPT: Final = 2  # snapshots: two runs are compared
_TIME: Final = len("20261122-103000")  # an id begins with the second
_LIVE: Final = frozenset({"running", "paused", "interrupted"})


_ENDS: Final = frozenset({EventKind.TASK_SUCCEEDED, EventKind.TASK_FAILED, EventKind.TASK_SKIPPED})


class Snapshot:
    """A run as its history had it at one moment.

    Attributes:
        json: what `nika runs show --format json` prints, without outputs of more than 64 KiB.
        nodes: every task, item, round and inner task, by its id.
    """

    def __init__(self, run: nika.RecordedRun, folder: Path) -> None:
        self.json: JsonObject = dict(run.json)
        self.nodes = {node["id"]: node for node in _all(self.json.get("tasks", ()))}
        self._folder = folder

    def events(self) -> tuple[Event, ...]:
        """Read all that has happened, in order. Nothing keeps it: of a large run it is larger than the rest."""
        return nika.runs.events(self.run_id, folder=self._folder, large_outputs=False)

    @cached_property
    def times(self) -> dict[str, tuple[float, float | None]]:
        """When each task first began and last ended, in seconds since the epoch."""
        times: dict[str, tuple[float, float | None]] = {}
        for event in self.events():
            if event.task is None:
                continue
            began, _ = times.get(event.task, (event.at, None))
            if event.kind == EventKind.TASK_STARTED:
                times[event.task] = began, None
            elif event.kind in _ENDS:
                times[event.task] = began, event.at
        return times

    @property
    def run_id(self) -> str:
        """The run's id."""
        return str(self.json["runId"])

    @property
    def is_live(self) -> bool:
        """Whether more can happen."""
        return self.json["status"] in _LIVE


class History:
    """The runs of the project that a folder belongs to. Safe to use from several threads.

    Args:
        folder: where `nika ui` was called.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._path = nika.runs.path(folder=folder)
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
        return tuple(stamp)

    def runs(self) -> list[JsonObject]:
        """Return all runs, the newest first, without their tasks; and those that were submitted from here to a backend.

        Raise JournalError.
        """
        found = [_without_tasks(run.json) for run in nika.runs.list(folder=self._folder)]
        index = nika.backends.index(workspace=nika.Workspace.open(self._folder))
        found += [
            {
                "runId": run.run_id,
                "workflow": run.workflow,
                "status": run.status,
                "startedAt": run.submitted_at,
                "backend": run.url,
            }
            for run in index.runs()
        ]
        return sorted(found, key=lambda run: str(run["runId"])[:_TIME], reverse=True)

    def snapshot(self, run: str) -> Snapshot:
        """Return one run as it is now. Raise JournalError."""
        with self._lock:  # a second page waits for what the first one reads
            stamp = self.stamp()
            kept = self._snapshots.get(run)
            if kept is None or (kept[0] != stamp and kept[1].is_live):
                found = nika.runs.get(run, folder=self._folder, large_outputs=False)
                kept = stamp, Snapshot(found, self._folder)
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
        found = nika.runs.get(run, folder=self._folder)
        return {node["id"]: node for node in _all(found.json.get("tasks", ()))}[task].get("output")

    def payload(self, run: str, task: str) -> JsonObject:
        """Return what a task was given, or why that is not known. Raise JournalError, UsageError."""
        given = nika.runs.payload(run, task, folder=self._folder)
        return {"payload": given.payload, "problem": given.problem}

    def conversations(self, run: str, task: str) -> list[JsonObject]:
        """Return what models were asked and answered for a task and what is inside it. Raise JournalError."""
        return [nika.to_json(found) for found in nika.runs.transcript(run, task, folder=self._folder)]

    def answer(self, run: str, task: str, answer: Any, digest: str) -> None:
        """Answer the question that was shown. Raise JournalError, UsageError."""
        nika.answer(run, task, answer, digest=digest, folder=self._folder)

    def questions(self, run: str | None = None) -> list[JsonObject]:
        """Return the questions that wait for an answer. Raise JournalError."""
        found = nika.questions(run, folder=self._folder)
        return [nika.to_json(asked) for asked in found]


def _all(tasks: Any) -> Iterator[JsonObject]:
    for task in tasks:
        yield task
        for kind in CHILDREN:
            yield from _all(task.get(kind, ()))


def _without_tasks(run: Mapping[str, Any]) -> JsonObject:
    waiting = sum("waitsFor" in node for node in _all(run.get("tasks", ())))
    return {key: value for key, value in run.items() if key != "tasks"} | {"waiting": waiting}
