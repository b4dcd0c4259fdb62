"""A keyword with which a test says what each task does, and runs of small workflows with it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

import nika_core as nika
from nika_core.errors import TaskError
from nika_core.model.json import Json, JsonObject
from nika_core.plugin import Keyword, StepContext, fields, hookimpl


class Act:
    """Returns, fails or never ends, as its task says; the tasks of one run meet at `Acts.begun`."""

    async def run(self, payload: JsonObject, context: StepContext) -> Json:
        acts = Acts.current
        acts.ran.append(context.task_id)
        acts.begun.setdefault(context.task_id, asyncio.Event()).set()
        if begun := payload.get("onceBegun"):
            await acts.begun.setdefault(begun, asyncio.Event()).wait()
        if payload.get("forever"):
            await asyncio.Event().wait()
        if payload.get("fails") or payload.get("failsIf") is True:
            raise TaskError("it was told to fail", output=payload.get("gives"), retriable=False)
        return payload.get("gives")


class Acts:
    """The plugin, and what its tasks did."""

    current: Acts

    def __init__(self) -> None:
        self.ran: list[str] = []
        self.begun: dict[str, asyncio.Event] = {}
        Acts.current = self

    @hookimpl
    def nika_task_keywords(self) -> Iterable[Keyword]:
        """Offer the keyword `act`."""
        return [
            Keyword(
                name="act",
                summary="Does what its task says.",
                primary="gives",
                payload=fields.Map(
                    {
                        fields.Optional("gives"): fields.field(fields.Anything(), "What it returns."),
                        fields.Optional("reads"): fields.field(fields.Anything(), "Templates, for their sake."),
                        fields.Optional("fails"): fields.field(fields.Bool(), "Whether it fails."),
                        fields.Optional("failsIf"): fields.field(fields.Anything(), "A template that says so."),
                        fields.Optional("forever"): fields.field(fields.Bool(), "Whether it never ends by itself."),
                        fields.Optional("onceBegun"): fields.field(fields.Str(), "A task that it waits to have begun."),
                    }
                ),
                json_fields=("gives", "reads", "failsIf"),
                step=f"{__name__}:Act",
                facets="nika_core.plugin:Facets",
            )
        ]


class Table:
    """Runs a workflow's tasks and flows, and returns how the run and each task ended."""

    def __init__(self) -> None:
        self.result: nika.RunResult

    def run(self, text: str, **options: Any) -> tuple[str, dict[str, str]]:
        """Return the run's status, and each task's state with the reason of a skip or the category of a failure."""
        self.acts = Acts()
        self.result = nika.run(text, plugins=[self.acts], **options)
        return self._ends()

    async def cancel_once_begun(self, text: str, task: str) -> tuple[str, dict[str, str]]:
        """Return the same of a run that is cancelled as soon as a task has begun."""
        self.acts = Acts()
        begun = self.acts.begun.setdefault(task, asyncio.Event())
        execution = nika.start(nika.prepare(text, plugins=[self.acts]), journal=False)
        run = asyncio.create_task(execution.run())
        await begun.wait()
        execution.cancel("no longer wanted")
        self.result = await run
        return self._ends()

    def all_ends(self) -> dict[str, str]:
        """Return how each node of the last run ended, those inside lists, loops and workflows included."""
        ends: dict[str, str] = {}
        todo = list(self.result.tasks)
        while todo:
            task = todo.pop()
            ends[task.id] = _ended(task)
            todo += task.children
        return ends

    def _ends(self) -> tuple[str, dict[str, str]]:
        return self.result.status.value, {task.id: _ended(task) for task in self.result.tasks}


def _ended(task: nika.TaskResult) -> str:
    if task.skip_reason is not None:
        return f"{task.state} {task.skip_reason.value}"
    if task.failure is not None and task.state == "failed":
        return f"{task.state} {task.failure.category.value}"
    return str(task.state)


@pytest.fixture
def table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Table:
    """A way to run small workflows, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return Table()
