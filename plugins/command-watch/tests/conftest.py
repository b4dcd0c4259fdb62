"""A project with real runs, and the app as a user drives it, without a terminal."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from nika_command_watch.app import WatchApp
from nika_command_watch.rows import RowList
from nika_command_watch.run_screen import RunScreen

import nika_core as nika
from nika_core.plugin import Styled

PATIENCE = 60.0  # seconds


class PlainTerminal:
    """Escapes as the command line's terminal does, and masks nothing."""

    shows_data = True

    def escape(self, text: str) -> str:
        return "".join(letter if letter.isprintable() or letter == "\n" else f"\\x{ord(letter):02x}" for letter in text)

    def mask(self, text: str) -> str:
        return text

    def allow_colors(self, wanted: bool) -> None: ...
    def print_data(self, *parts: str | Styled, verbatim: bool = False) -> None: ...
    def print_json(self, value: Any) -> None: ...
    def print_message(self, *parts: str | Styled) -> None: ...


class Project:
    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def write(self, text: str, name: str = "w.nika.yaml") -> Path:
        path = self.folder / name
        path.write_text(text)
        return path

    async def run(self, text: str) -> Any:
        return await nika.arun(self.write(text))

    def app(self, run: str | None = None, **options: Any) -> WatchApp:
        followed = None if run is None else nika.runs.follow(run, folder=self.folder)
        return WatchApp(self.folder, PlainTerminal(), followed, **options)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NIKA_TRUST", "1")
    return Project(tmp_path)


def rows(app: WatchApp) -> list[str]:
    """The rows in sight, as text."""
    shown = app.screen.query_one(RowList)
    return [
        shown.render_line(y).text.rstrip() for y in range(min(shown.size.height, shown.count - shown.scroll_offset.y))
    ]


def line(app: WatchApp, id_: str) -> str:
    return str(getattr(app.screen.query_one(f"#{id_}"), "shown", "")).rstrip()


async def until(holds: Callable[[], Any]) -> None:
    """Wait for a condition. Fails with what is on the screen after a minute."""
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline, "it did not come true"
        await asyncio.sleep(0.02)


async def opened(app: WatchApp) -> RunScreen:
    """The screen of a run, once everything recorded so far is read."""
    await until(lambda: isinstance(app.screen, RunScreen) and not app.screen._opening and app.screen.rows.count)
    assert isinstance(app.screen, RunScreen)
    return app.screen


def recorded(folder: Path, items: int) -> None:
    """Write the history of a run with a long list, as a run would."""
    from nika_core.journal import Journal
    from nika_core.journal.values import RunInfo
    from nika_core.model.events import Event, EventKind

    with Journal.open(folder) as journal:
        recorder = journal.begin(RunInfo("long", "w.nika.yaml", "", started=1_795_683_600.0))
        run = recorder.run_id
        data: list[tuple[str, str | None, dict[str, Any]]] = [
            (EventKind.RUN_STARTED, None, {}),
            (EventKind.TASK_STARTED, "each", {"group": "each", "items": items, "attempt": 1}),
        ]
        for item in range(items):
            data.append((EventKind.TASK_STARTED, f"each[{item}]", {"attempt": 1, "keyword": "set"}))
            data.append((EventKind.TASK_SUCCEEDED, f"each[{item}]", {"output": f"item {item}", "attempts": 1}))
        recorder.record(
            [Event(n, run, 1_795_683_600.0 + n, kind, task, each) for n, (kind, task, each) in enumerate(data, 1)]
        )
        recorder.flush()
        recorder.release()
