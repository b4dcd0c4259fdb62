"""Notices of one run in this process: many at once, a notifier that hangs, and somebody who does not wait for it."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import nika_core as nika
from nika_core.model.state import RunStatus
from nika_core.plugin import NotifierDescription, QuestionNotice, hookimpl


class Told:
    """What the notifier below was told, and what it does then."""

    def __init__(self) -> None:
        self.notices: list[QuestionNotice] = []
        self.at_once = 0
        self.most_at_once = 0
        self.does: Callable[[], Any] = lambda: asyncio.sleep(0)
        self.threads: set[str] = set()


TOLD = Told()


class Telling:
    def __init__(self, setup: Any) -> None:
        pass

    async def notify(self, notice: QuestionNotice) -> None:
        TOLD.at_once += 1
        TOLD.most_at_once = max(TOLD.most_at_once, TOLD.at_once)
        TOLD.threads.add(threading.current_thread().name)
        try:
            await TOLD.does()
            TOLD.notices.append(notice)
        finally:
            TOLD.at_once -= 1


class Plugin:
    @hookimpl
    def nika_notifiers(self) -> list[NotifierDescription]:
        return [
            NotifierDescription(
                name="telling",
                summary="Tells.",
                notifier=f"{__name__}:Telling",
                timeout=0.3,
            )
        ]


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Told:
    import sys

    monkeypatch.setitem(sys.modules, __name__, sys.modules.get(__name__) or __import__(__name__))
    TOLD.__init__()  # type: ignore[misc]  # as new for each test
    return TOLD


def prepare(folder: Path, tasks: str) -> Any:
    (folder / "nika.yaml").write_text("telling: {}\n")
    (folder / "w.nika.yaml").write_text(f"tasks:\n{tasks}")
    environ = {**os.environ, "NIKA_TRUST": str(folder)}
    workspace = nika.Workspace.open(folder, environ=environ, plugins=[Plugin()])
    loaded = nika.load(folder / "w.nika.yaml", workspace=workspace)
    return nika.prepare(loaded, workspace=workspace)


MANY = "- {id: all, forEach: {items: '{{list}}', max: 500}, ask: '${each.item}?'}\n- {id: list, set: [%s]}\n"


def test_each_of_many_questions_is_told_a_few_at_a_time_in_one_thread(told: Told, tmp_path: Path) -> None:
    prepared = prepare(tmp_path, MANY % ", ".join(map(str, range(200))))
    result = nika.run_to_end(nika.start(prepared).run())
    assert result.status is RunStatus.PAUSED
    assert len({notice.key for notice in told.notices}) == len(told.notices) == 200
    assert 1 < told.most_at_once <= 8
    assert told.threads == {"nika-notifier-telling"}


def test_a_notifier_that_hangs_holds_a_run_of_many_questions_no_longer_than_of_one(told: Told, tmp_path: Path) -> None:
    told.does = lambda: asyncio.sleep(600)
    prepared = prepare(tmp_path, MANY % ", ".join(map(str, range(200))))
    begun = time.monotonic()
    events: list[Any] = []
    result = nika.run_to_end(nika.start(prepared, on_event=[events.append]).run())
    assert result.status is RunStatus.PAUSED
    assert time.monotonic() - begun < 50  # one after the other they would take 60 s
    notices = [event.data["message"] for event in events if event.kind == "notice"]
    assert any("was not waited for: it may not have told of" in notice for notice in notices)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("nika-notifier")]


def test_who_interrupts_twice_does_not_wait_for_a_notifier(told: Told, tmp_path: Path) -> None:
    entered = threading.Event()

    def hang() -> Any:
        entered.set()
        return asyncio.sleep(60)

    told.does = hang
    execution = nika.start(prepare(tmp_path, "- {id: ask, ask: 'Go on?'}\n"))

    async def run() -> Any:
        running = asyncio.ensure_future(execution.run())
        await asyncio.to_thread(entered.wait)
        execution.cancel("interrupted")
        execution.cancel("interrupted twice")
        return await running

    assert nika.run_to_end(run()).status is RunStatus.PAUSED
    assert told.notices == []


def test_a_notice_says_that_a_person_is_asked_at_the_terminal_too(told: Told, tmp_path: Path) -> None:
    execution = nika.start(prepare(tmp_path, "- {id: ask, ask: 'Go on?'}\n"), attended=True)
    told.does = lambda: asyncio.to_thread(execution.answer, "ask", True)
    assert nika.run_to_end(execution.run()).status is RunStatus.SUCCEEDED
    (notice,) = told.notices
    assert notice.attended


def test_nobody_is_told_of_a_run_without_history(told: Told, tmp_path: Path) -> None:
    execution = nika.start(prepare(tmp_path, "- {id: ask, ask: 'Go on?'}\n"), journal=False)
    assert nika.run_to_end(execution.run()).status is RunStatus.FAILED
    assert told.notices == []
