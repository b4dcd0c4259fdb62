"""Runs on a backend, for `nika runs` and `nika answer`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final, TypeVar

import nika_core as nika
from nika_core import codes
from nika_core.cli.console import format_table, mask_with, plain, print_data, print_json, print_message
from nika_core.cli.options import LAST, Format
from nika_core.cli.progress import duration_text
from nika_core.errors import UsageError
from nika_core.model.ids import node_id_of
from nika_core.model.json import Json
from nika_core.model.question import OpenQuestion, answer_text, open_question_json
from nika_core.model.text import iso_time, time_text
from nika_core.plugin import Backend, BackendRun, RunUpdate

T = TypeVar("T")
_LISTED: Final = 1000  # runs among which a shortened id is looked for


class RemoteRuns:
    """The runs on one backend."""

    def __init__(self, workspace: nika.Workspace, url: str, shared: Path | None = None) -> None:
        mask_with(workspace.masker)
        self._workspace = workspace
        self._url = url
        self._shared = shared

    def list(self, status: list[str] | None, workflow: str | None, format_: Format) -> None:
        """Print the runs, the newest first."""
        wanted = set(status or ())
        found = [
            run
            for run in self._with(lambda backend: backend.runs())
            if (not wanted or run.status in wanted) and workflow in (None, run.workflow)
        ]
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
        print_message(f"to follow it: nika runs attach {run_id} --on {plain(self._url)}")

    def cancel(self, run: str) -> None:
        """Cancel a run."""

        async def cancel(backend: Backend) -> str:
            run_id = await self._full_id(backend, run)
            await backend.cancel(run_id, "cancelled by nika runs cancel")
            return run_id

        print_message(f"{self._with(cancel)} is told to end")

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

    # ---- helpers

    def _print_questions(self, asked: tuple[OpenQuestion, ...]) -> None:
        if not asked:
            print_message("no question is open")
        for each in asked:
            print_data(f"{each.task}  since {time_text(each.since)}")
            print_data(f"  {plain(each.question.message)}")
            print_data(f"  to answer: nika answer --on {plain(self._url)} {each.run_id} {each.task} ...")

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
            hint=f"nika runs list --on {self._url}",
        )


def _json(run: BackendRun) -> dict[str, Any]:
    found = {"runId": run.run_id, "workflow": run.workflow, "status": run.status, "startedAt": iso_time(run.started_at)}
    return found if run.ended_at is None else {**found, "endedAt": iso_time(run.ended_at)}


def _one(run_id: str, task: str | None, asked: tuple[OpenQuestion, ...]) -> OpenQuestion:
    if task is not None:
        try:
            task = node_id_of(task)
        except ValueError as error:
            raise UsageError(str(error)) from None
    found = [each for each in asked if task is None or each.task == task]
    if len(found) == 1:
        return found[0]
    if found:
        raise UsageError(f"which question? open are: {', '.join(each.task for each in found[:10])}")
    what = f"'{task}' of the run {run_id}" if task else f"the run {run_id}"
    raise UsageError(f"{what} asks nothing", code=codes.SIGNAL_REFUSED)
