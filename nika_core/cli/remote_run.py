"""A run on a backend: submitted or attached to, and shown like one on this machine."""

from __future__ import annotations

import asyncio
import shlex
import signal
from collections.abc import AsyncIterator, Coroutine
from contextlib import aclosing, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import nika_core as nika
from nika_core.cli.console import mask_with, plain, print_message, style
from nika_core.cli.live_run import EXIT_CODES, Observer, observers_of, print_result, print_warning
from nika_core.cli.prompting import at_a_terminal
from nika_core.errors import NikaError
from nika_core.model.json import Json
from nika_core.model.state import RunResult, RunStatus

if TYPE_CHECKING:
    from nika_core.cli.live_questions import LiveQuestions
    from nika_core.plugin import RunUpdate

_AGAIN: Final = 3.0  # seconds for a second Ctrl-C, which cancels
_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


def submit_run(
    prepared: nika.PreparedRun,
    url: str,
    shared: Path | None,
    format_: str,
    verbose: int,
    earlier: nika.backends.EarlierRun | None = None,
) -> int:
    """Submit a run, follow it to its end, and return the exit code.

    Args:
        earlier: the run that it resumes.
    """
    mask_with(prepared.masker)
    submission = nika.backends.submission(prepared, url=url, shared=shared, earlier=earlier)
    if submission.definition["batchable"] == {}:
        print_warning("--economy changes nothing: no task has a model with batches")
    if prepared.caches:
        print_warning("`cache` changes nothing on a backend: results are kept for the runs of this machine only")
    remote = RemoteRun(prepared, url, shared, submission.run_id)

    async def work() -> RunResult | None:
        await remote.backend.submit(submission)
        remote.is_there()
        remote.note(prepared.workflow.name)
        if format_ == "pretty":
            print_message(f"run {submission.run_id} on {plain(url)}")
        return await remote.follow(observed=True)

    return remote.show(work, format_, verbose)


def attach_run(
    workspace: nika.Workspace, url: str, shared: Path | None, run_id: str, format_: str, verbose: int
) -> int:
    """Follow a run that was submitted before, and return the exit code."""

    async def definition() -> Any:
        backend = nika.backends.connect(url, workspace=workspace, shared=shared)
        try:
            return await backend.definition(run_id)
        finally:
            await backend.close()

    prepared = nika.backends.prepared(nika.run_to_end(definition()), workspace=workspace)
    remote = RemoteRun(prepared, url, shared, run_id, workspace)
    remote.is_there()
    return remote.show(remote.follow, format_, verbose)


class RemoteRun:
    """One run on a backend, from its submission or from `attach` on."""

    def __init__(
        self,
        prepared: nika.PreparedRun,
        url: str,
        shared: Path | None,
        run_id: str,
        workspace: nika.Workspace | None = None,
    ) -> None:
        self._prepared = prepared
        self._workspace = workspace or prepared.workspace
        self._url = url
        self._shared = shared
        self._run_id = run_id
        self.backend = nika.backends.connect(url, workspace=self._workspace, shared=shared, notice=print_warning)
        self._index = nika.backends.index(workspace=self._workspace, workflow=prepared.workflow.path)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._observers: list[Observer] = []
        self._questions: LiveQuestions | None = None
        self._open: dict[str, Any] = {}
        self._left_open = False
        self._interrupts = 0
        self._begun: set[asyncio.Task[None]] = set()
        self._following: asyncio.Task[RunResult | None] | None = None
        self._there = asyncio.Event()

    def is_there(self) -> None:
        """Note that the backend has the run."""
        self._there.set()

    def note(self, workflow: str) -> None:
        """Note that the run is on this backend, so that other commands find it."""
        shared = None if self._shared is None else str(self._shared.absolute())
        at = self._workspace.clock.time()
        try:
            self._index.note(run_id=self._run_id, url=self._url, workflow=workflow, submitted_at=at, shared=shared)
        except OSError as error:
            print_warning(f"where the run is could not be noted, and other commands need --on: {error}")

    # ---- what questions at the terminal need of it

    def answer(self, task: str, answer: Json) -> None:
        """Answer a question, from another thread. Raise NikaError."""
        signal_ = nika.backends.answer_to(self._open[task], answer, workspace=self._workspace)
        assert self._loop is not None
        asyncio.run_coroutine_threadsafe(self.backend.signal(self._run_id, signal_), self._loop).result()

    def leave_open(self) -> None:
        """Do not stay for the person who was asked."""
        self._left_open = True

    # ---- following

    def show(self, work: Any, format_: str, verbose: int) -> int:
        """Do it, with what shows it, and return the exit code."""
        observers, view, close = observers_of(self._prepared, format_, verbose)
        self._observers = observers
        if view is not None and format_ == "pretty" and at_a_terminal():
            from nika_core.cli.live_questions import LiveQuestions

            self._questions = LiveQuestions(view)
            self._observers.append(self._questions)
            self._questions.attach(self)
        try:
            result = nika.run_to_end(self._with_signals(work()))
        finally:
            if self._questions is not None:
                self._questions.close()
            close()
        if result is None:
            self._say_what_was_left()
            return EXIT_CODES[RunStatus.CANCELLED]
        with suppress(OSError):
            self._index.note_status(self._run_id, str(result.status))
        print_result(result, format_, self._prepared, told=() if view is None else view.told)
        if format_ == "pretty" and result.status is RunStatus.PAUSED:
            on = plain(shlex.quote(self._url))
            if result.questions:
                print_message(f"it goes on when that comes: nika answer --on {on} {self._run_id}")
            else:
                print_message(f"the run goes on by itself; to attach again: nika runs attach {self._run_id} --on {on}")
        return EXIT_CODES[result.status]

    async def follow(self, *, observed: bool = False) -> RunResult | None:
        """Show what happens until the run has ended, or does nothing but wait.

        Args:
            observed: show it to the project's observers, too. Only one program may, and that is who submits the run.
        """
        updates = self.backend.events(self._run_id)
        if not observed:
            return await self._follow(updates)
        watched = nika.backends.observed(self._prepared, self._run_id, updates, print_warning)
        async with aclosing(watched):
            return await self._follow(watched)

    async def _follow(self, updates: AsyncIterator[RunUpdate]) -> RunResult | None:
        workflow = self._prepared.workflow.name
        idle = 0
        async for update in updates:
            if update.held_up:
                print_warning(update.held_up)
            asked = nika.backends.questions_in(self._run_id, workflow, update.waiting)
            self._open = {each.task: each for each in asked}
            for data in (*update.events, *({"seq": 0, **each} for each in update.live)):
                event = nika.backends.event(self._run_id, data)
                for observer in self._observers:
                    observer(event)
            if update.result is not None:
                return nika.backends.result(update.result)
            idle = idle + 1 if update.idle and not update.events else 0
            stays = self._questions is not None and asked and not self._left_open
            if idle > 1 and not stays:
                return nika.backends.paused(self._run_id, workflow, update.waiting)
        return None

    # ---- signals of the system

    async def _with_signals(self, work: Coroutine[Any, Any, RunResult | None]) -> RunResult | None:
        self._loop = asyncio.get_running_loop()
        self._following = self._loop.create_task(work)
        for number in _SIGNALS:
            try:
                self._loop.add_signal_handler(number, self._interrupt)
            except NotImplementedError:  # Windows: only KeyboardInterrupt works
                break
        try:
            return await self._following
        except asyncio.CancelledError:
            if not self._interrupts:
                raise
            return None
        finally:
            await self.backend.close()

    def _interrupt(self) -> None:
        if self._questions is not None and self._questions.leave():
            return
        assert self._loop is not None
        assert self._following is not None
        self._interrupts += 1
        if self._interrupts == 1:
            print_message(style(f"detaching; within {_AGAIN:g} s again: cancel the run", "yellow"))
            self._loop.call_later(_AGAIN, lambda: self._begin(self._detach()))
        elif self._interrupts == 2:
            print_message(style("cancelling the run; again: do not wait for its end", "yellow"))
            self._begin(self._cancel())
        else:
            self._following.cancel()

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        assert self._loop is not None
        task = self._loop.create_task(work)
        self._begun.add(task)
        task.add_done_callback(self._begun.discard)

    async def _detach(self) -> None:
        await self._there.wait()  # what is on its way to the backend cannot be called back
        if self._interrupts == 1 and self._following is not None:
            self._following.cancel()

    async def _cancel(self) -> None:
        await self._there.wait()
        try:
            await self.backend.cancel(self._run_id, "interrupted")
        except NikaError as error:
            print_warning(f"the run was not cancelled: {error.message}")

    def _say_what_was_left(self) -> None:
        on = f"--on {shlex.quote(self._url)}"
        if not self._there.is_set():
            print_message(f"it is not known whether the run was submitted: {plain(f'nika runs list {on}')}")
        elif self._interrupts > 1:
            show = f"nika runs show {self._run_id} {on}"
            print_message(f"the run is told to end; to see how it ended: {plain(show)}")
        else:
            again = f"nika runs attach {self._run_id} {on}"
            print_message(f"the run goes on without this terminal; to attach again: {plain(again)}")
