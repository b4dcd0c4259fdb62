"""Whole workflows through the real kernel, written as text in a test: validate, plan, run."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from textwrap import dedent
from typing import Any, Final

import importlib_metadata

from nika_core.app.admission import check_admission
from nika_core.app.execution import Execution
from nika_core.app.planning import make_plan
from nika_core.app.prepared_run import PreparedRun, prepare_run
from nika_core.app.results import Plan
from nika_core.app.run_options import RunOptions
from nika_core.app.workspace import Workspace
from nika_core.engine.core.messages import Awaited, Signal
from nika_core.errors import Problem
from nika_core.model.clock import Clock
from nika_core.model.events import Event, EventKind
from nika_core.model.ids import NodeId
from nika_core.model.json import Json
from nika_core.model.limits import Limit
from nika_core.model.state import RunResult, TaskResult
from nika_core.registry import Kind, PluginRecord
from nika_core.testing import echo, scripted
from nika_core.testing.scripted import ScriptedModel, script_in_environ
from nika_core.values import dataclass, field, replace

_FILE: Final = "test.nika.yaml"


@dataclass(frozen=True, slots=True)
class RunOutcome:
    """A run that has ended.

    Attributes:
        result: how the run and each of its tasks ended.
        events: everything that an observer was shown, in order.
        warnings: what the user should know about the run's history.
    """

    result: RunResult
    events: tuple[Event, ...]
    warnings: tuple[str, ...] = ()

    @property
    def output(self) -> Json:
        """Return the workflow's output."""
        return self.result.output

    def task(self, id_: str) -> TaskResult:
        """Return how a task ended."""
        return next(task for task in self.result.tasks if task.id == id_)

    @property
    def chunks(self) -> str:
        """Return all text that was shown as it came."""
        return "".join(event.data["text"] for event in self.events if event.kind is EventKind.CHUNK)

    def notices(self) -> list[str]:
        """Return the messages for the user."""
        return [event.data["message"] for event in self.events if event.kind is EventKind.NOTICE]


@dataclass(frozen=True, slots=True, kw_only=True)
class Workbench:
    """Where and with what a text is looked at or run.

    Attributes:
        folder: the workflow's folder; None: a temporary one that is gone afterwards.
        environ: the whole environment of the run; None: PATH and HOME of this process, NIKA_TRUST=1 (the project files
            of tests are their author's), and nothing else.
        inputs, provider, model, mock: as on the command line. `model` may be a `ScriptedModel`, which then answers.
        journal: keep a history in the folder's `.nika`.
        limits: bounds that hold beside those of the installed policies.
        clock: time, e.g. a `ManualClock`.
        signals: what a task is given when it waits (returns a `WaitFor`), by the task's id; as if somebody had called
            `nika signal` at once.
        answers: to the questions of tasks, by the task's id; `approve[*]` and `review@*` match all items and rounds.
            With answers or `mock`, a question without an answer fails its task.
    """

    folder: Path | None = None
    environ: Mapping[str, str] | None = None
    inputs: Mapping[str, Any] = field(default_factory=dict)
    provider: str | None = None
    model: str | ScriptedModel | None = None
    mock: bool = False
    journal: bool = False
    limits: Iterable[Limit] = ()
    clock: Clock | None = None
    signals: Mapping[str, Json] = field(default_factory=dict)
    answers: Mapping[str, Json] | None = None

    @contextmanager
    def opened(self, text: str) -> Iterator[tuple[Workspace, Path, RunOptions]]:
        """Write the text to a file in a project with every installed plugin, `echo` and `scripted`."""
        with _folder(self.folder) as folder, self.environment() as environ:
            path = folder / _FILE
            path.write_text(dedent(text), encoding="utf-8")
            workspace = Workspace.open(path, environ=environ, clock=self.clock, records=_own_records())
            options = RunOptions(
                inputs=self.inputs,
                provider=self.provider if isinstance(self.model, str | None) else scripted.WORD,
                model=self.model if isinstance(self.model, str | None) else scripted.WORD,
                mock=self.mock,
                answers=self.answers,
            )
            yield workspace, path, options

    @contextmanager
    def environment(self) -> Iterator[dict[str, str]]:
        """Return the variables of the run, inside the block."""
        environ = dict({**base_environ(), "NIKA_TRUST": "1"} if self.environ is None else self.environ)
        if not isinstance(self.model, ScriptedModel):
            yield environ
            return
        with script_in_environ(self.model) as variables:
            yield environ | variables

    def validate(self, text: str) -> tuple[Problem, ...]:
        """Return all errors and warnings, as `nika validate` finds them."""
        with self.opened(text) as (workspace, path, options):
            return tuple(workspace.load(path, model=options.model).problems)

    def plan(self, text: str) -> Plan:
        """Return what `nika plan` shows. Raise ProblemsError."""
        with self.opened(text) as (workspace, path, options):
            return make_plan(prepare_workflow(workspace, path, options, self.limits))

    async def start(self, text: str, started: Callable[[Execution, Event], None] | None = None) -> RunOutcome:
        """Run the workflow to its end. Raise ProblemsError if it is invalid.

        Args:
            started: called with every event as it is shown, in a thread of its own; may ask for `execution.cancel`.
        """
        with self.opened(text) as (workspace, path, options):
            prepared = prepare_workflow(workspace, path, options, self.limits)
            check_admission(prepared)
            events: list[Event] = []

            def show(event: Event) -> None:
                events.append(event)
                if started is not None:
                    started(execution, event)

            journal = workspace.journal(path) if self.journal else None
            execution = Execution(prepared, journal, [show], signals=self._signals if self.signals else None)
            result = await execution.run()
            return RunOutcome(result, tuple(events), tuple(execution.warnings))

    def _signals(self, waiting: Mapping[NodeId, Awaited]) -> list[Signal]:
        return [
            Signal(node, awaited.key, self.signals[node]) for node, awaited in waiting.items() if node in self.signals
        ]

    def run(self, text: str) -> RunOutcome:
        """Run the workflow to its end, where no event loop is running."""
        return asyncio.run(self.start(text))


def base_environ() -> dict[str, str]:
    """Return what a run sees of this process's environment unless a test says otherwise."""
    return {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}


def validate_workflow(text: str, **bench: Any) -> tuple[Problem, ...]:
    """Return every problem of a workflow. `bench`: see `Workbench`."""
    return Workbench(**bench).validate(text)


def plan_workflow(text: str, **bench: Any) -> Plan:
    """Return what a run would do, touch and cost. Raise ProblemsError. `bench`: see `Workbench`."""
    return Workbench(**bench).plan(text)


def run_workflow(text: str, **bench: Any) -> RunOutcome:
    """Run a workflow to its end. Raise ProblemsError if it is invalid. `bench`: see `Workbench`."""
    return Workbench(**bench).run(text)


async def start_workflow(text: str, **bench: Any) -> RunOutcome:
    """Run a workflow from inside an event loop; otherwise like `run_workflow`."""
    return await Workbench(**bench).start(text)


def prepare_workflow(
    workspace: Workspace, path: Path, options: RunOptions, limits: Iterable[Limit] = ()
) -> PreparedRun:
    """Return what is decided before a run. Raise ProblemsError."""
    prepared = prepare_run(workspace, workspace.load(path, model=options.model), options)
    return replace(prepared, limits=prepared.limits.narrowed(limits))


def _own_records() -> tuple[PluginRecord, ...]:
    version = importlib_metadata.version("nika-core")
    return (
        PluginRecord(Kind.KEYWORD, echo.WORD, echo.__name__, "nika-core", version),
        PluginRecord(Kind.PROVIDER, scripted.WORD, scripted.__name__, "nika-core", version),
    )


@contextmanager
def _folder(folder: Path | None) -> Iterator[Path]:
    if folder is not None:
        yield folder
        return
    with tempfile.TemporaryDirectory(prefix="nika-test-") as temporary:
        yield Path(temporary).resolve()
