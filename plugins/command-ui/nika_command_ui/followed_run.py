"""A run on a backend that is followed in a thread of its own: a backend that does not answer holds up no page."""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, Final

import nika_core as nika
from nika_command_ui.snapshot import Snapshot, all_nodes
from nika_core.plugin import Event, JsonObject, UsageError

NOT_KEPT: Final = "the run is on a backend, which keeps neither payloads nor conversations"
AGAIN: Final = 5.0  # seconds until a backend is asked again that could not be reached
_ANSWER: Final = 15.0  # seconds that a backend has to take an answer
_END: Final = 2.0  # seconds that a connection has to end; then it ends with the process


class FollowedRun:
    """See the module. `begin` begins to follow it; all else may be called from any thread.

    Args:
        folder: of the project.
        run: as the index has it.
        heard: called when there is news.
    """

    def __init__(self, folder: Path, run: nika.backends.SubmittedRun, heard: Callable[[], None]) -> None:
        self._folder = folder
        self._run = run
        self._heard = heard
        self._lock = threading.Lock()  # of what follows
        self._definition: JsonObject | None = None
        self._events: list[JsonObject] = []
        self._waiting: tuple[JsonObject, ...] = ()
        self._result: JsonObject | None = None
        self._notice = f"waiting for an answer of {run.url}"
        self._snapshot: Snapshot | None = None
        self._backend: Any = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._following: asyncio.Task[Any] | None = None
        self._is_over = False
        self._thread = threading.Thread(target=self._work, name=f"follow {run.run_id}", daemon=True)

    def begin(self) -> None:
        """Begin to follow the run."""
        self._thread.start()

    def end(self) -> None:
        """Begin to follow it no longer."""
        with self._lock:
            self._is_over = True
            loop, following = self._loop, self._following
        if loop is not None and following is not None:
            with suppress(RuntimeError):  # it has ended by itself
                loop.call_soon_threadsafe(following.cancel)

    def wait(self) -> None:
        """Wait until its connection has ended, but not for long."""
        self._thread.join(_END)

    # ---- what pages show

    def snapshot(self) -> Snapshot:
        """Return the run as far as it is known. Its JSON has `backend`, and `notice` for what is not known, and why."""
        with self._lock:
            if self._snapshot is None:
                json = {**self._json(large_outputs=False), "backend": self._run.url, "notice": self._notice_now()}
                self._snapshot = Snapshot(json, partial(self._typed, tuple(self._events)))
            return self._snapshot

    def output(self, task: str) -> Any:
        """Return the whole output of a task. Raise KeyError."""
        with self._lock:
            found = self._json(large_outputs=True)
        return {node["id"]: node for node in all_nodes(found["tasks"])}[task].get("output")

    def questions(self) -> list[JsonObject]:
        """Return the questions that wait for an answer."""
        return [{**nika.to_json(asked), "backend": self._run.url} for asked in self._questions()]

    def answer(self, task: str, answer: Any, digest: str) -> None:
        """Answer the question that was shown. Raise NikaError."""
        asked = next((each for each in self._questions() if each.task == task), None)
        if asked is None:
            raise UsageError(f"'{task}' asks nothing now")
        if asked.digest != digest:
            raise UsageError(f"the answer is for another question than '{task}' asks now")
        signal = nika.backends.answer_to(asked, answer, workspace=nika.Workspace.open(self._folder))
        with self._lock:
            backend, loop = self._backend, self._loop
        if backend is None or loop is None:
            raise UsageError(f"{self._run.url} cannot be reached", hint="the question is still open: try again later")
        sent = asyncio.run_coroutine_threadsafe(backend.signal(self._run.run_id, signal), loop)
        try:
            sent.result(_ANSWER)
        except (TimeoutError, concurrent.futures.CancelledError):
            sent.cancel()
            raise UsageError(
                f"{self._run.url} does not say whether it has the answer", hint="if the question stays, answer it again"
            ) from None

    def _questions(self) -> tuple[Any, ...]:
        with self._lock:
            return nika.backends.questions_in(self._run.run_id, self._run.workflow, self._waiting)

    def _typed(self, events: tuple[JsonObject, ...]) -> tuple[Event, ...]:
        return tuple(nika.backends.event(self._run.run_id, event) for event in events)

    def _json(self, *, large_outputs: bool) -> JsonObject:
        if self._definition is None:
            about = {"runId": self._run.run_id, "workflow": self._run.workflow, "status": self._run.status}
            return {**about, "startedAt": self._run.submitted_at, "tasks": []}
        found = nika.backends.as_recorded(self._definition, self._events, self._result, large_outputs=large_outputs)
        return {**found.json, "startedAt": self._run.submitted_at} if not self._events else dict(found.json)

    def _notice_now(self) -> str:
        """Return what is not known of the run, and why."""
        numbers = [event["seq"] for event in self._events]
        missing = numbers[-1] - len(numbers) if numbers else 0
        lost = f"the backend no longer has {missing:,} of its events, so some tasks are missing here" if missing else ""
        return "; ".join(filter(None, (self._notice, lost)))

    # ---- the thread

    def _work(self) -> None:
        with suppress(asyncio.CancelledError):
            nika.run_to_end(self._follow())

    async def _follow(self) -> None:
        with self._lock:
            self._loop, self._following = asyncio.get_running_loop(), asyncio.current_task()
            if self._is_over:
                return
        while True:
            try:
                await self._connected()
            except nika.NikaError as error:
                hint = f" ({error.hint})" if getattr(error, "hint", None) else ""
                self._tell(f"{error}{hint}")
            if self._result is not None:
                return
            await asyncio.sleep(AGAIN)

    async def _connected(self) -> None:
        """Take all news until the run has ended. Raise NikaError."""
        shared = None if self._run.shared is None else Path(self._run.shared)
        workspace = nika.Workspace.open(self._folder)
        backend = nika.backends.connect(self._run.url, workspace=workspace, shared=shared)
        try:
            definition = self._definition or await backend.definition(self._run.run_id)
            with self._lock:
                self._backend, self._definition = backend, definition
            since = self._events[-1]["seq"] if self._events else 0
            first = True
            async for update in backend.events(self._run.run_id, since):
                self._take(update, first=first)
                first = False
            if self._result is not None:
                with suppress(OSError):
                    status = str(nika.backends.result(self._result).status)
                    nika.backends.index(workspace=workspace).note_status(self._run.run_id, status)
        finally:
            with self._lock:
                self._backend = None
            await backend.close()

    def _take(self, update: Any, *, first: bool) -> None:
        with self._lock:
            ended = update.result is not None
            if not (first or update.events or ended or update.held_up or update.waiting != self._waiting):
                return
            self._events += update.events
            self._waiting, self._result = () if ended else update.waiting, update.result
            if first or update.events or update.waiting or ended:
                self._notice = ""
            self._notice = update.held_up or self._notice
            self._snapshot = None
        self._heard()

    def _tell(self, notice: str) -> None:
        with self._lock:
            if notice == self._notice:
                return
            self._notice, self._snapshot = notice, None
        self._heard()
