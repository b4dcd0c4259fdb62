"""Runs on a backend, for `nika runs` and `nika answer`."""

from __future__ import annotations

import shlex
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final, TypeVar

import nika_core as nika
from nika_core import codes
from nika_core.cli.console import format_table, mask_with, plain, print_data, print_json, print_message
from nika_core.cli.options import LAST, Format
from nika_core.cli.progress import duration_text
from nika_core.cli.waiting import needs_signal
from nika_core.errors import UsageError
from nika_core.model.ids import node_id_of
from nika_core.model.json import Json, JsonObject
from nika_core.model.question import OpenQuestion, answer_text, open_question_json
from nika_core.model.text import iso_time, time_text
from nika_core.plugin import Backend, BackendRun, RunUpdate

T = TypeVar("T")
_LISTED: Final = 1000  # runs among which some are looked for
_SHOWN: Final = 100  # runs in a list without --last


class RemoteRuns:
    """The runs on one backend."""

    def __init__(self, workspace: nika.Workspace, url: str, shared: Path | None = None) -> None:
        mask_with(workspace.masker)
        self._workspace = workspace
        self._url = url
        self._on = plain(shlex.quote(url))  # as people paste it into a shell
        self._shared = shared

    def list(self, wanted: Callable[[BackendRun], bool] | None, last: int | None, format_: Format) -> None:
        """Print the runs, the newest first.

        Args:
            wanted: which of them; None: all.
            last: at most this many.
        """
        most = _SHOWN if last is None else last
        looked_at = self._with(lambda backend: backend.runs(_LISTED if wanted is not None else most))
        found = [run for run in looked_at if wanted is None or wanted(run)][:most]
        if format_ is Format.JSON:
            print_json({"runs": [_json(run) for run in found]})
        elif not found:
            print_message(f"no run at {plain(self._url)}")
        else:
            rows = [
                (
                    run.run_id,
                    run.workflow,
                    run.status,
                    time_text(run.started_at),
                    "" if run.ended_at is None else duration_text(run.ended_at - run.started_at),
                )
                for run in found
            ]
            print_data(format_table(("RUN", "WORKFLOW", "STATUS", "STARTED", "TOOK"), rows))

    def show(self, run: str, format_: Format) -> None:
        """Print how a run stands, or how it ended."""
        run_id, update = self._with(lambda backend: self._update(backend, run))
        if update.result is not None:
            from nika_core.cli.live_run import print_result

            result = nika.backends.result(update.result)
            if format_ is Format.JSON:
                print_json(nika.to_json(result))
            else:
                prepared = nika.backends.prepared(
                    self._with(lambda backend: backend.definition(run_id)), workspace=self._workspace
                )
                print_result(result, "pretty", prepared)
            return
        asked = nika.backends.questions_in(run_id, "", update.waiting)
        if format_ is Format.JSON:
            waiting = [{"task": wait["task"], "key": wait["key"]} for wait in update.waiting]
            questions = [open_question_json(each) for each in asked]
            print_json({"runId": run_id, "status": "running", "waiting": waiting, "questions": questions})
            return
        print_data(f"{run_id}  running{', and does nothing but wait' if update.idle else ''}")
        if update.held_up:
            print_message(plain(update.held_up))
        self._print_questions(asked)
        print_message(f"to follow it: nika runs attach {run_id} --on {self._on}")

    def cancel(self, run: str) -> str:
        """Cancel a run; return its whole id."""

        async def cancel(backend: Backend) -> str:
            run_id = await self._full_id(backend, run)
            await backend.cancel(run_id, "cancelled by nika runs cancel")
            return run_id

        return self._with(cancel)

    def ended(self, run: str) -> tuple[JsonObject, Sequence[JsonObject]]:
        """Return the definition and the events of a run that has ended. Raise UsageError if it has not."""

        async def read(backend: Backend) -> tuple[JsonObject, Sequence[JsonObject]]:
            run_id = await self._full_id(backend, run)
            if await backend.result(run_id) is None:
                raise UsageError(
                    f"the run {run_id} has not ended: it goes on by itself",
                    code=codes.NOT_RESUMABLE,
                    hint=f"follow it: nika runs attach {run_id}; to answer it: nika answer; or end it first: "
                    f"nika runs cancel {run_id} (each with --on {self._on})",
                )
            news = [update.events async for update in backend.events(run_id)]
            return await backend.definition(run_id), tuple(event for each in news for event in each)

        return self._with(read)

    def full_id(self, run: str) -> str:
        """Return the whole id of a run. Raise UsageError."""
        return self._with(lambda backend: self._full_id(backend, run))

    def answer(self, run: str, task: str | None, answer: Json, digest: str | None, format_: Format) -> None:
        """Answer a question of a run; without an answer, print the questions."""

        async def send(backend: Backend) -> OpenQuestion | tuple[OpenQuestion, ...]:
            run_id, update = await self._update(backend, run)
            asked = nika.backends.questions_in(run_id, "", update.waiting)
            if answer is None:
                return asked
            one = _one(run_id, task, asked)
            if digest is not None and not (len(digest) >= 8 and one.digest.startswith(digest)):
                raise UsageError(
                    f"the answer is for another question than '{one.task}' asks now", code=codes.SIGNAL_REFUSED
                )
            await backend.signal(run_id, nika.backends.answer_to(one, answer, workspace=self._workspace))
            return one

        found = self._with(send)
        if isinstance(found, tuple):
            if format_ is Format.JSON:
                print_json({"questions": [open_question_json(each) for each in found]})
            else:
                self._print_questions(found)
        elif format_ is Format.JSON:
            print_json({"runId": found.run_id, "task": found.task, "runStatus": "running", "repeated": False})
        else:
            print_message(f"'{plain(found.task)}' is answered: {plain(answer_text(answer))}; the run takes it at once")

    def signal(self, run: str, task: str, payload: Json, format_: Format) -> None:
        """Give a task of a run what it waits for, now or next."""
        node = _node(task)

        async def send(backend: Backend) -> str:
            run_id, update = await self._update(backend, run)
            if update.result is not None:
                raise UsageError(f"the run {run_id} has ended: nothing in it waits", code=codes.SIGNAL_REFUSED)
            waits = (wait for wait in update.waiting if wait["task"] == node and needs_signal(wait["about"]))
            wait = next(waits, None)
            definition = await backend.definition(run_id)
            signal = nika.backends.signal_to(node, payload, definition, wait, workspace=self._workspace)
            await backend.signal(run_id, signal)
            return run_id

        run_id = self._with(send)
        if format_ is Format.JSON:
            print_json({"runId": run_id, "task": node, "runStatus": "running", "repeated": False})
        else:
            print_message(f"'{plain(node)}' was given the signal; the run takes it at once")

    # ---- helpers

    def _print_questions(self, asked: tuple[OpenQuestion, ...]) -> None:
        if not asked:
            print_message("no question is open")
        for each in asked:
            print_data(f"{each.task}  since {time_text(each.since)}")
            print_data(f"  {plain(each.question.message)}")
            print_data(f"  to answer: nika answer --on {self._on} {each.run_id} {each.task} ...")

    def _with(self, do: Callable[[Backend], Awaitable[T]]) -> T:
        async def work() -> T:
            async with self._backend() as backend:
                return await do(backend)

        return nika.run_to_end(work())

    @asynccontextmanager
    async def _backend(self) -> AsyncIterator[Any]:
        backend = nika.backends.connect(self._url, workspace=self._workspace, shared=self._shared)
        try:
            yield backend
        finally:
            await backend.close()

    async def _update(self, backend: Backend, run: str) -> tuple[str, RunUpdate]:
        run_id = await self._full_id(backend, run)
        async for update in backend.events(run_id, 2**53):
            return run_id, update
        raise UsageError(f"nothing is known of {run_id}")

    async def _full_id(self, backend: Backend, run: str) -> str:
        runs = await backend.runs(_LISTED)
        if run == LAST and runs:
            return runs[0].run_id
        found = [each.run_id for each in runs if each.run_id.startswith(run)]
        if len(found) == 1 or run in found:
            return run if run in found else found[0]
        if found:
            raise UsageError(f"{len(found)} runs begin with '{run}': {', '.join(found[:3])}", hint="write more of it")
        raise UsageError(
            f"no run at {self._url} begins with '{run}'",
            code=codes.UNKNOWN_RUN,
            hint=f"nika runs list --on {self._on}",
        )


def _json(run: BackendRun) -> dict[str, Any]:
    found = {"runId": run.run_id, "workflow": run.workflow, "status": run.status, "startedAt": iso_time(run.started_at)}
    return found if run.ended_at is None else {**found, "endedAt": iso_time(run.ended_at)}


def _one(run_id: str, task: str | None, asked: tuple[OpenQuestion, ...]) -> OpenQuestion:
    task = None if task is None else _node(task)
    found = [each for each in asked if task is None or each.task == task]
    if len(found) == 1:
        return found[0]
    if found:
        raise UsageError(f"which question? open are: {', '.join(each.task for each in found[:10])}")
    what = f"'{task}' of the run {run_id}" if task else f"the run {run_id}"
    raise UsageError(f"{what} asks nothing", code=codes.SIGNAL_REFUSED)


def _node(task: str) -> str:
    try:
        return node_id_of(task)
    except ValueError as error:
        raise UsageError(str(error)) from None
