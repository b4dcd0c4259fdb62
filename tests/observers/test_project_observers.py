"""What an observer of the project is shown, and what it can do to a run: nothing."""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import aclosing
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest

import nika_core as nika
from nika_core.errors import TaskError
from nika_core.plugin import Event, EventKind, ObserverDescription, ObserverSetup, RunUpdate, fields, hookimpl

WORKFLOW = """
tasks:
  - id: first
    shell: {command: 'echo "[$TRACEPARENT]"'}
  - {id: second, set: "got {{first}}"}
"""


class Ended(NamedTuple):
    result: nika.RunResult
    warnings: list[str]


class Notebook:
    """Keeps what it is shown. What it does besides is its setting."""

    all: list[Notebook] = []  # of the test

    def __init__(self, setup: ObserverSetup) -> None:
        self.setup = setup
        self.does = setup.settings["does"]
        self.events: list[Event] = []
        self.threads = {threading.current_thread()}
        self.closed = 0
        Notebook.all.append(self)
        if self.does == "refuse":
            raise TaskError("there is no paper")

    def observe(self, event: Event) -> None:
        self.events.append(event)
        self.threads.add(threading.current_thread())
        if self.does == "fail":
            raise ZeroDivisionError("no ink")
        if self.does == "leave":
            sys.exit(3)
        if self.does == "hang":
            time.sleep(60)

    def close(self) -> None:
        self.closed += 1
        if self.does == "hang at the end":
            time.sleep(60)


def plugin(**described: Any) -> SimpleNamespace:
    settings = fields.Map({"does": fields.field(fields.Str(), "What it does.", default="nothing")})

    @hookimpl
    def nika_observers() -> list[ObserverDescription]:
        return [
            ObserverDescription(
                name="notebook", summary="Notes.", observer=f"{__name__}:Notebook", settings=settings, **described
            )
        ]

    return SimpleNamespace(NIKA_API=1, nika_observers=nika_observers)


@pytest.fixture
def started(tmp_path: Path) -> Iterator[Callable[..., Ended]]:
    """Runs the workflow in a project that uses the observer."""

    def run(does: str = "nothing", described: dict[str, Any] | None = None, **options: Any) -> Ended:
        (tmp_path / "nika.yaml").write_text(f"notebook: {{does: {does}}}\n")
        path = tmp_path / "w.nika.yaml"
        path.write_text(WORKFLOW)
        home = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "NIKA_TRUST": str(tmp_path)}
        environ = {**home, **options.pop("environ", {})}
        prepared = nika.prepare(path, plugins=[plugin(**(described or {}))], environ=environ, **options)
        execution = nika.start(prepared)
        result = asyncio.run(execution.run())
        return Ended(result, [*(problem.message for problem in prepared.warnings), *execution.warnings])

    Notebook.all.clear()
    yield run
    Notebook.all.clear()


def test_it_is_shown_what_is_in_the_history_in_order_and_once_and_then_closed(
    started: Callable[..., Ended], tmp_path: Path
) -> None:
    result = started().result

    [notebook] = Notebook.all
    assert [event.seq for event in notebook.events] == list(range(1, len(notebook.events) + 1))
    assert notebook.events[0].kind == EventKind.RUN_STARTED
    assert EventKind.RUN_FINISHED in [event.kind for event in notebook.events]
    assert {event.run_id for event in notebook.events} == {result.run_id} == {notebook.setup.run_id}
    assert notebook.closed == 1
    assert notebook.setup.folder == tmp_path
    assert len(notebook.threads) == 1
    assert threading.current_thread() not in notebook.threads


@pytest.mark.parametrize(
    ("does", "warning"),
    [
        ("refuse", "there is no paper"),
        ("fail", "fails in `observe`: ZeroDivisionError: no ink"),
        ("leave", "fails in `observe`: SystemExit: 3"),
        ("hang", "was not waited for"),
        ("hang at the end", "was not waited for"),
    ],
)
def test_a_run_is_the_same_with_an_observer_that_is_broken_and_says_so_once(
    started: Callable[..., Ended], does: str, warning: str
) -> None:
    result, warnings = started(does, {"timeout": 0.3})

    assert result.status is nika.RunStatus.SUCCEEDED
    assert result.tasks[1].output == "got []"
    [told] = [each for each in warnings if "observer 'notebook'" in each]
    assert warning in told
    if does in ("fail", "leave"):
        assert len(Notebook.all[0].events) > 3  # the next event is shown nevertheless
        assert Notebook.all[0].closed == 1


def test_text_as_it_comes_is_for_those_that_want_it(started: Callable[..., Ended]) -> None:
    started(described={"live": True})
    started()

    live, plain = ({event.kind for event in notebook.events} for notebook in Notebook.all)
    assert live - plain == {EventKind.CHUNK}


def test_a_task_passes_on_the_span_that_the_observer_works_out(started: Callable[..., Ended]) -> None:
    result = started(described={"traces": True}).result

    trace = Notebook.all[0].setup.trace
    assert result.tasks[0].output == f"[00-{trace.trace_id}-{trace.span_id('first', 1, 1)}-01]"


def test_a_run_that_was_started_in_a_trace_belongs_to_it(started: Callable[..., Ended]) -> None:
    outer = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"
    result = started(described={"traces": True}, environ={"TRACEPARENT": outer}).result

    trace = Notebook.all[0].setup.trace
    assert (trace.trace_id, trace.parent_id) == ("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331")
    assert result.tasks[0].output == f"[00-{trace.trace_id}-{trace.span_id('first', 1, 1)}-00]"


def test_a_resumed_run_shows_only_what_is_new_and_is_the_next_part(
    started: Callable[..., Ended], tmp_path: Path
) -> None:
    first = started().result
    environ = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "NIKA_TRUST": str(tmp_path)}
    nika.resume(first.run_id, folder=tmp_path, rerun_from="second", plugins=[plugin()], environ=environ)

    before, after = Notebook.all
    assert (before.setup.trace.life, after.setup.trace.life) == (1, 2)
    assert after.events[0].seq == before.events[-1].seq + 1
    assert after.setup.trace.root_id != before.setup.trace.root_id
    assert after.setup.trace.trace_id == before.setup.trace.trace_id


def test_a_mocked_run_shows_nothing(started: Callable[..., Ended]) -> None:
    started(mock=True)

    assert not Notebook.all


def test_in_a_folder_that_is_not_trusted_it_is_shown_nothing(
    started: Callable[..., Ended],
) -> None:
    started(environ={"NIKA_TRUST": ""})

    assert not Notebook.all


def observed_elsewhere(folder: Path, does: str, *, left_early: bool = False) -> list[str]:
    """Show an observer a run on a backend, and return what was told of it."""
    (folder / "nika.yaml").write_text(f"notebook: {{does: {does}}}\n")
    (folder / "w.nika.yaml").write_text(WORKFLOW)
    environ = {"PATH": "/usr/bin:/bin", "HOME": str(folder), "NIKA_TRUST": str(folder)}
    prepared = nika.prepare(folder / "w.nika.yaml", plugins=[plugin(live=True)], environ=environ, elsewhere=True)
    told: list[str] = []

    async def updates() -> AsyncIterator[RunUpdate]:
        at = {"at": 5.0, "task": None, "data": {}}
        yield RunUpdate(events=({"seq": 1, "kind": "run.started", **at},))
        yield RunUpdate(live=({"kind": "task.chunk", "at": 6.0, "task": "first", "data": {"text": "a"}},))
        yield RunUpdate(events=({"seq": 2, "kind": "run.finished", **at},), result={})

    async def follow() -> int:
        watched, seen = nika.backends.observed(prepared, "r1", updates(), told.append), 0
        async with aclosing(watched):
            async for _ in watched:
                seen += 1
                if left_early:
                    break
        return seen

    assert asyncio.run(follow()) == (1 if left_early else 3)
    return told


def test_it_is_shown_a_run_on_a_backend_while_a_program_follows_that(tmp_path: Path) -> None:
    Notebook.all.clear()
    assert observed_elsewhere(tmp_path, "nothing") == []

    [notebook] = Notebook.all
    assert [(event.seq, event.kind) for event in notebook.events] == [
        (1, EventKind.RUN_STARTED),
        (0, EventKind.CHUNK),
        (2, EventKind.RUN_FINISHED),
    ]
    assert {event.run_id for event in notebook.events} == {"r1"} == {notebook.setup.run_id}
    assert notebook.closed == 1


def test_it_is_closed_when_a_program_no_longer_follows_a_run_on_a_backend(tmp_path: Path) -> None:
    Notebook.all.clear()
    assert observed_elsewhere(tmp_path, "nothing", left_early=True) == []

    [notebook] = Notebook.all
    assert (len(notebook.events), notebook.closed) == (1, 1)


def test_what_it_does_wrong_with_a_run_on_a_backend_is_told(tmp_path: Path) -> None:
    [warning] = observed_elsewhere(tmp_path, "fail")
    assert "'notebook' has not taken note of everything" in warning
