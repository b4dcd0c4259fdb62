"""Results that a run takes from earlier runs of its project, and those that it keeps for later ones (`cache`)."""

from __future__ import annotations

import math
import sqlite3
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, Final

from nika_core.app.own_runs import sealed
from nika_core.app.prepared_run import PreparedRun
from nika_core.engine.core.hashing import digest
from nika_core.engine.core.messages import Outcome
from nika_core.engine.core.ports import CachedResult
from nika_core.errors import NikaError
from nika_core.journal import Journal, ResultStore, StoredResult
from nika_core.journal.encoding import decode, encode
from nika_core.model.events import Event, EventKind
from nika_core.model.files import FileError
from nika_core.model.template import Template
from nika_core.model.workflow import Task
from nika_core.registry import Kind

_NOT_KEPT: Final = ("error", "truncated", "withheld", "lost")
_FOR_EVER: Final = math.inf
_FAULTS: Final = (OSError, FileError, sqlite3.Error)


def result_cache(prepared: PreparedRun, journal: Journal, notice: Callable[[str], None]) -> RunCache:
    """Return the cache of a run."""
    records = prepared.workspace.registry.usable()
    plugins = {record.word: record.origin for record in records if record.kind is Kind.KEYWORD}
    versions = {record.word: record.origin for record in records if record.kind is Kind.PROVIDER}

    known: dict[int, tuple[Task, list[str]]] = {}  # a list asks for each of its items

    def plugins_of(task: Task) -> list[str]:
        if id(task) not in known:
            providers = [versions.get(name, "") for name in providers_of(task, prepared)]
            known[id(task)] = task, [plugins.get(task.keyword, ""), *providers]
        return known[id(task)][1]

    options = prepared.options
    # What is taken makes no steps, and a recording without steps could not be replayed.
    reads = not options.refresh and options.record is None
    return RunCache(journal, plugins_of, prepared.workspace.clock.time, notice, reads=reads)


def providers_of(task: Task, prepared: PreparedRun) -> list[str]:
    """Return the names of the providers that may answer for a task, as far as they are known before it runs."""
    if not prepared.workspace.registry.keyword(task.keyword).needs_provider:
        return []
    own, chain = task.payload.get("model"), task.payload.get("fallback")
    found: set[str] = set()
    for each in prepared.everywhere():  # its model may be that of its own workflow's agent block
        agent = each.agent
        if isinstance(own, Template):
            found |= each.providers.keys()
            continue
        models = [(own if isinstance(own, str) else agent.model, False)]
        named = chain if isinstance(chain, list | tuple) else () if own is not None else agent.fallback
        models += [(name, True) for name in named if isinstance(name, str)]
        for model, fallback in models:
            with suppress(NikaError):  # the task says so when it runs
                if model:
                    found.add(each.directory.choose(agent.provider, model, fallback=fallback)[0].name)
    return sorted(found)


class RunCache:
    """The cache as one run uses it: it is asked on the event loop, and written in a thread of its own.

    What is wrong with the file is told once, and the run goes on without.
    """

    def __init__(
        self,
        journal: Journal,
        plugins_of: Callable[[Task], list[str]],
        now: Callable[[], float],
        notice: Callable[[str], None],
        *,
        reads: bool = True,
    ) -> None:
        """Prepare; nothing is opened yet.

        Args:
            plugins_of: returns the distributions, each with its version, that make a task what it is.
            now: seconds since the epoch.
            notice: tells the user something.
            reads: whether results are taken; else they are only kept.
        """
        self._journal = journal
        self._folder = str(journal.folder.resolve())
        self._plugins_of = plugins_of
        self._now = now
        self._notice = notice
        self._reads = reads
        self._reader: ResultStore = journal.results()
        self._writer: ResultStore = journal.results()
        self._thread: ThreadPoolExecutor | None = None
        self._unwritten: list[StoredResult] = []  # what comes while the thread writes is written together
        self._lock = threading.Lock()
        self._used: set[str] = set()
        self._names: dict[str, str] = {}  # by task, of those that run
        self._fault = ""
        self._told = False

    # ---- what the core asks

    def key(self, task: Task, folder: str, definition: str, given: str) -> str:
        """Return the name of a task's result, as `ResultCache` says."""
        return digest([self._plugins_of(task), folder, definition, given])

    def get(self, key: str, max_age: float) -> CachedResult | None:
        """Return a result of this user's that is young enough."""
        if not self._reads:
            return None
        try:
            stored = self._reader.get(key)
        except _FAULTS as error:
            self._failed(error)
            return None
        now = self._now()
        if stored is None or not (max_age == _FOR_EVER or 0 <= now - stored.at <= max_age):
            return None
        if self._signature(stored) != stored.signature:  # somebody else's, or changed since
            return None
        try:
            value = decode(stored.value)
        except (ValueError, TypeError):
            return None
        self._used.add(key)
        return CachedResult(Outcome(value, attempts=0), stored.run, stored.at)

    # ---- what the run tells

    def record(self, events: Sequence[Event]) -> None:
        """Keep what tasks with `cache` have yielded. The events are masked. Raise nothing."""
        for event in events:
            if event.task is None:
                continue
            if event.kind is EventKind.TASK_STARTED:
                if name := event.data.get("cache"):
                    self._names[event.task] = name
            elif self._names and event.kind is EventKind.TASK_SUCCEEDED:
                name = self._names.pop(event.task, "")
                data = event.data
                if name and "output" in data and not any(word in data for word in _NOT_KEPT):
                    self._keep(name, event, data["output"])

    def _keep(self, name: str, event: Event, output: Any) -> None:
        value = encode(output)
        stored = StoredResult(name, event.run_id, event.at, value, "")
        signature = self._signature(stored)
        if signature is not None:  # else the user has no key, and nobody would believe it
            self._later(stored._replace(signature=signature))

    def _signature(self, stored: StoredResult) -> str | None:
        return sealed(f"cache\n{self._folder}\n{stored.key}\n{stored.run}\n{stored.at!r}\n{stored.value}")

    def _later(self, result: StoredResult) -> None:
        if self._fault:
            return
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, "nika-cache")
        with self._lock:
            self._unwritten.append(result)
            if len(self._unwritten) > 1:  # the thread is about to take them
                return
        self._thread.submit(self._write)

    def _write(self) -> None:
        with self._lock:
            results, self._unwritten = self._unwritten, []
        try:
            self._writer.put(results, self._now())
        except _FAULTS as error:
            self._fault = str(error)

    def _end(self) -> None:
        try:
            self._writer.end(self._used, self._now())
        except _FAULTS as error:
            self._fault = str(error)

    def _failed(self, error: Exception) -> None:
        self._fault = str(error)
        self._tell()

    def _tell(self) -> None:
        if self._fault and not self._told:
            self._told = True
            self._notice(
                f"the cache is not used: {self._fault}. It may be removed, and is made anew then: {self._reader.path}"
            )

    def close(self) -> str:
        """Wait until all is written; return what the user should know, else ""."""
        if self._thread is not None:
            self._thread.shutdown()
        if not self._fault and (self._used or self._thread is not None):
            self._end()
        self._reader.close()
        self._writer.close()
        if self._fault and not self._told:
            return f"results could not be kept in {self._writer.path}: {self._fault}"
        return ""
