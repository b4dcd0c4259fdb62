"""The rules for backends, without pytest: whole workflows are run on the backend and on this machine, and compared."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final, TypeVar

import nika_core as nika
from nika_core.errors import UsageError
from nika_core.model.state import RunResult
from nika_core.plugin import Backend, JsonObject, RunUpdate
from nika_core.testing.errors import NotConformant

T = TypeVar("T")
SECONDS: Final = 60.0  # for one run
_TIMES: Final = ("runId", "durationMs")

EVERYTHING: Final = """
name: everything
inputs: {who: {type: string, default: Ada}}
outputs: {greeting: "{{greet}}", sum: "{{sizes}}"}
tasks:
  - id: known
    set: {greeting: "Hello ${input.who}"}
  - id: greet
    shell: "echo '{{known.greeting}}'"
  - id: sizes
    forEach: [1, 2, 3]
    shell: "echo number ${each.number} of ${each.item}"
  - id: not
    when: "{{greet}} == 'nobody'"
    shell: echo never
  - id: rounds
    repeat: {until: "{{rounds}} == 2", max: 3}
    shell: {argv: [sh, -c, 'expr "$ROUND" + 1'], env: {ROUND: "${last.output ?? 0}"}}
"""
FAILING: Final = """
name: failing
tasks:
  - id: before
    shell: echo fine
  - id: broken
    shell: "echo gone wrong >&2; exit 3"
  - id: after
    shell: echo never
flows:
  - {source: before, target: broken}
  - {source: broken, target: after}
"""
ASKING: Final = """
name: asking
tasks:
  - id: approve
    ask: Shall we?
  - id: go
    set: "the answer is {{approve}}"
"""
LONG: Final = """
name: long
tasks:
  - id: long
    shell: sleep 600
    timeout: 20m
"""


class BackendRuns:
    """Runs workflows on one backend.

    Args:
        url: the backend's address.
        folder: for workflows.
        shared: a folder that all machines share; None: there is none.
    """

    def __init__(self, url: str, folder: Path, shared: Path | None = None) -> None:
        self._url = url
        self._folder = folder
        self._shared = shared

    def workspace(self) -> nika.Workspace:
        """Return the project of the workflows."""
        return nika.Workspace.open(self._folder)

    def prepared(self, text: str, **options: Any) -> nika.PreparedRun:
        """Return a workflow, prepared for the backend."""
        path = self._folder / "workflow.nika.yaml"
        path.write_text(text, encoding="utf-8")
        return nika.prepare(path, elsewhere=True, **options)

    @asynccontextmanager
    async def connected(self) -> AsyncIterator[Backend]:
        """Yield the backend."""
        backend = nika.backends.connect(self._url, workspace=self.workspace(), shared=self._shared)
        try:
            yield backend
        finally:
            await backend.close()

    def run(self, text: str, meanwhile: Callable[[Backend, str, RunUpdate], Awaitable[Any]] | None = None) -> RunResult:
        """Run a workflow on the backend, and return how it ended.

        Args:
            meanwhile: called with each news of the run.
        """
        result, _ = self.run_with_events(text, meanwhile)
        return result

    def run_with_events(
        self, text: str, meanwhile: Callable[[Backend, str, RunUpdate], Awaitable[Any]] | None = None
    ) -> tuple[RunResult, list[JsonObject]]:
        """Run a workflow on the backend, and return how it ended, and its events."""
        return self.run_prepared(self.prepared(text), meanwhile)

    def run_prepared(
        self,
        prepared: nika.PreparedRun,
        meanwhile: Callable[[Backend, str, RunUpdate], Awaitable[Any]] | None = None,
        seconds: float = SECONDS,
    ) -> tuple[RunResult, list[JsonObject]]:
        """Run on the backend what was prepared for it, and return how it ended, and its events.

        Args:
            seconds: how long it may take.
        """
        submission = nika.backends.submission(prepared, shared=self._shared)
        events: list[JsonObject] = []

        async def work() -> RunResult:
            async with self.connected() as backend, asyncio.timeout(seconds):
                await backend.submit(submission)
                async for update in backend.events(submission.run_id):
                    events.extend(update.events)
                    if meanwhile is not None and update.result is None:
                        await meanwhile(backend, submission.run_id, update)
                    if update.result is not None:
                        return nika.backends.result(update.result)
            raise NotConformant("`events` ends with the result", "it ended without one")

        return nika.run_to_end(work()), events

    def here(self, text: str) -> RunResult:
        """Run a workflow on this machine."""
        path = self._folder / "workflow.nika.yaml"
        path.write_text(text, encoding="utf-8")
        return nika.run(path)


def comparable(result: RunResult) -> Any:
    """Return a result as JSON without what differs from run to run: its id and times."""
    return without_times(nika.to_json(result))


def without_times(value: Any) -> Any:
    """Return a result in JSON without the run's id and all durations."""
    if isinstance(value, dict):
        return {key: without_times(item) for key, item in value.items() if key not in _TIMES}
    return [without_times(item) for item in value] if isinstance(value, list) else value


def check_same(runs: BackendRuns, text: str) -> None:
    """Raise NotConformant unless a workflow ends as it does on this machine."""
    there, here = comparable(runs.run(text)), comparable(runs.here(text))
    if there != here:
        raise NotConformant("a run ends on a backend as on one machine", f"{there}, and here {here}")


def check_events(runs: BackendRuns) -> None:
    """Raise NotConformant unless the events are numbered from 1 without a gap, and the last is the run's end."""
    _, events = runs.run_with_events(EVERYTHING)
    numbers = [event["seq"] for event in events]
    if numbers != list(range(1, len(events) + 1)):
        raise NotConformant("events come once and in order", f"their numbers are {numbers}")
    if not events or events[-1]["kind"] != "run.finished":
        raise NotConformant("the last event is the run's end", f"it is {events[-1:]}")


def check_question(runs: BackendRuns) -> None:
    """Raise NotConformant unless a run waits for the answer to a question, and takes it."""
    answered: list[str] = []

    async def answer(backend: Backend, run_id: str, update: RunUpdate) -> None:
        asked = nika.backends.questions_in(run_id, "", update.waiting)
        if asked and update.idle and not answered:
            answered.append(asked[0].task)
            await backend.signal(run_id, nika.backends.answer_to(asked[0], True, workspace=runs.workspace()))

    result = runs.run(ASKING, answer)
    if answered != ["approve"] or result.task("go").output != "the answer is true":
        raise NotConformant("a signal answers a question", f"{comparable(result)} after the answers to {answered}")


def check_cancelled_run(runs: BackendRuns) -> None:
    """Raise NotConformant unless a run that is cancelled ends soon, with its tasks."""
    told: list[str] = []

    async def cancel(backend: Backend, run_id: str, update: RunUpdate) -> None:
        if not told and any(event["kind"] == "task.started" for event in update.events):
            told.append(run_id)
            await backend.cancel(run_id, "enough")

    result = runs.run(LONG, cancel)
    failure = result.task("long").failure
    if result.status != "cancelled" or failure is None or "enough" not in failure.message:
        raise NotConformant("a cancelled run ends cancelled, and says why", str(comparable(result)))


def check_unknown_run(runs: BackendRuns) -> None:
    """Raise NotConformant unless a run that is not there is an error for the user."""

    async def ask() -> None:
        async with runs.connected() as backend:
            await backend.result("20200101-000000-nobody")

    try:
        nika.run_to_end(ask())
    except UsageError:
        return
    raise NotConformant("`result` of a run that is not there raises UsageError", "it raised nothing")


def check_once(runs: BackendRuns) -> None:
    """Raise NotConformant unless a run that is submitted twice is refused the second time."""
    submission = nika.backends.submission(runs.prepared(ASKING))

    async def twice() -> None:
        async with runs.connected() as backend:
            await backend.submit(submission)
            try:
                await backend.submit(submission)
            except UsageError:
                return
            finally:
                await backend.cancel(submission.run_id, "done")
            raise NotConformant("no two runs have one id", "the second submission was taken")

    nika.run_to_end(twice())
