"""The runs that clients have started. They go on if a client goes away; all end with the server."""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import Callable, Coroutine, Iterable
from pathlib import Path
from typing import Any, Final

import nika_core as nika
from nika_core import Event, EventKind, JournalError, NikaError, OpenQuestion, RecordedRun, RunResult, UsageError

_KEPT: Final = 1000  # ended runs that are remembered; history has all
_ENDS: Final = frozenset(
    {EventKind.TASK_SUCCEEDED, EventKind.TASK_FAILED, EventKind.TASK_SKIPPED, EventKind.TASK_REUSED}
)
_START_SECONDS: Final = 30.0  # for a run to say its id


class ServedRun:
    """One run.

    Attributes:
        path: the workflow's file, whose project keeps the history.
        run_id: its id, as history has it; "" until it has begun.
        done, total: how many of the workflow's own tasks have ended, and how many there are.
        result, error: how it has ended; None and None: it goes on.
        changed: set at the next change, and then replaced: take it before looking, so that no change is missed.
    """

    def __init__(self, path: Path, total: int = 0, mask: Callable[[Any], Any] = lambda value: value) -> None:
        self.path = path
        self.run_id = ""
        self.total = total
        self.result: RunResult | None = None
        self.error: NikaError | None = None
        self.mask = mask
        self.changed = asyncio.Event()
        self.work: asyncio.Task[None] | None = None
        self.cancel: Callable[[], object] = lambda: None
        self._ended_tasks: set[str] = set()
        self._loop = asyncio.get_running_loop()

    @property
    def has_ended(self) -> bool:
        return self.result is not None or self.error is not None

    @property
    def done(self) -> int:
        return len(self._ended_tasks)

    def on_event(self, event: Event) -> None:
        """Take an event, in any thread."""
        self._loop.call_soon_threadsafe(self._take, event.run_id, event.kind, event.task)

    def tell(self) -> None:
        """Wake all that wait for a change."""
        self.changed.set()
        self.changed = asyncio.Event()

    def _take(self, run_id: str, kind: str, task: str | None) -> None:
        self.run_id = self.run_id or run_id
        if kind in _ENDS and task is not None and not set(task) & set("[/@"):
            self._ended_tasks.add(task)
        self.tell()


class ServedRuns:
    """All runs of one server.

    Args:
        paths: the workflows that are served. Of runs of others, clients learn nothing.
        most: how many runs may be under way at once.
    """

    def __init__(self, paths: Iterable[Path], most: int) -> None:
        self._paths = {os.path.realpath(path): path for path in paths}
        self._most = most
        self._runs: list[ServedRun] = []
        self._starting = 0

    async def start(self, path: Path, inputs: dict[str, Any]) -> ServedRun:
        """Start a run, and return it once it has an id. Raise NikaError."""
        self._refuse_too_many()
        self._starting += 1
        try:
            key = f"mcp-{secrets.token_hex(8)}"  # with a key, history keeps the result
            prepared = await asyncio.to_thread(nika.prepare, path, inputs=inputs, key=key)
            assert prepared.workflow is not None
            run = ServedRun(path, len(prepared.workflow.tasks), prepared.masker.json)
            execution = nika.start(prepared, on_event=[run.on_event])
            run.cancel = lambda: execution.cancel("cancelled by the client")
            self._begin(run, execution.run())
        finally:
            self._starting -= 1
        await _has_id(run)
        if run.error is not None:
            raise run.error
        return run

    def resume(self, run_id: str, path: Path) -> ServedRun:
        """Go on with a run that has been given an answer; one that is under way takes it by itself. Raise NikaError."""
        before = self.find(run_id)
        if before is not None and not before.has_ended:
            return before
        self._refuse_too_many()
        run = ServedRun(path) if before is None else ServedRun(path, before.total, before.mask)
        run.run_id = run_id
        self._begin(run, nika.aresume(run_id, folder=path.parent, on_event=run.on_event))
        assert run.work is not None
        run.cancel = run.work.cancel
        return run

    def find(self, run_id: str) -> ServedRun | None:
        """Return a run of this server: as it is since it was last resumed."""
        return next((run for run in reversed(self._runs) if run.run_id == run_id), None)

    def recorded(self, run_id: str) -> tuple[RecordedRun, Path]:
        """Return a run of a served workflow as history has it, and the workflow's file.

        Only a whole id is taken: a client names what it has started, and finds nothing by guessing.

        Raise UsageError.
        """
        for folder in {path.parent: None for path in self._paths.values()}:
            try:
                recorded = nika.runs.get(run_id, folder=folder, large_outputs=False)
            except JournalError:
                continue  # another project may have it
            path = self._paths.get(os.path.realpath(recorded.path))
            if path is not None and recorded.run_id == run_id:
                return recorded, path
        raise UsageError(f"There is no run '{run_id}' of a workflow that is served here", hint="give the whole runId")

    async def close(self) -> None:
        """Cancel what is under way, and wait for its end; it can be resumed."""
        runs = [run for run in self._runs if not run.has_ended]
        for run in runs:
            run.cancel()
        await asyncio.gather(*(run.work for run in runs if run.work is not None), return_exceptions=True)

    def _refuse_too_many(self) -> None:
        under_way = self._starting + sum(not run.has_ended for run in self._runs)
        if under_way >= self._most:
            raise UsageError(
                f"{under_way} runs are under way, as many as this server allows",
                hint="wait for one of them (nika_result), or cancel one (nika_cancel)",
            )

    def _begin(self, run: ServedRun, work: Coroutine[Any, Any, RunResult]) -> None:
        """Start a run. It is known from now on, so that it counts and can be cancelled if its call is given up."""
        run.work = asyncio.create_task(_carried_out(run, work))
        self._runs.append(run)
        for old in [each for each in self._runs if each.has_ended][: max(0, len(self._runs) - _KEPT)]:
            self._runs.remove(old)


async def _carried_out(run: ServedRun, work: Coroutine[Any, Any, RunResult]) -> None:
    try:
        run.result = await work
        run.run_id = run.run_id or run.result.run_id
    except NikaError as error:
        run.error = error
    except asyncio.CancelledError:  # a run that was resumed: how it has ended is in history
        run.result = await asyncio.to_thread(nika.runs.kept_result, run.run_id, folder=run.path.parent)
    except Exception as error:  # whatever it is, the run has ended, and must not count as under way
        run.error = UsageError(f"the run ended unexpectedly: {type(error).__name__}: {error}")
    finally:
        if not run.has_ended:
            run.error = UsageError("the run was cancelled", hint=f"nika runs show {run.run_id}")
        run.tell()


async def _has_id(run: ServedRun) -> None:
    try:
        async with asyncio.timeout(_START_SECONDS):
            while not run.run_id and not run.has_ended:
                await run.changed.wait()
    except TimeoutError:
        run.cancel()
        raise UsageError(f"the run has not begun after {_START_SECONDS:g} s, and is cancelled") from None


def unanswered(run_id: str, path: Path) -> tuple[OpenQuestion, ...]:
    """Return the questions of a run that nobody has answered yet."""
    return tuple(each for each in nika.questions(run_id, folder=path.parent) if not each.answered_by)
