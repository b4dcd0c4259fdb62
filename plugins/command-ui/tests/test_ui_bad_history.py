"""Histories that are old, damaged or read by many at once: a clear answer, and no harm to what is beside them."""

from __future__ import annotations

import asyncio
import json
import shutil
import sqlite3
import threading
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from nika_command_ui.access import Access
from nika_command_ui.history import History
from nika_command_ui.server import make_app

import nika_core as nika

if TYPE_CHECKING:
    from .conftest import Served

WORKFLOW = "name: small\ntasks:\n  - {id: one, set: {x: 1}}\n"
VERSION_2 = Path(__file__).parents[3] / "tests" / "journal" / "version_2"
VIEWS = ("", "/timeline", "/spending", "/graph", "/task?id=one", "/output?id=one", "/conversations?id=one")


def told(served: Served, path: str) -> tuple[int, Any]:
    status, _, body = served.ask(path)
    return status, json.loads(body)


def change(folder: Path, script: str) -> None:
    with closing(sqlite3.connect(folder / ".nika" / "journal.db")) as database:
        database.executescript(script)


@pytest.fixture(scope="module")
def two_runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a project with two runs."""
    folder = tmp_path_factory.mktemp("two")
    (folder / "small.nika.yaml").write_text(WORKFLOW)
    for _ in range(2):
        assert nika.run(folder / "small.nika.yaml").status == "succeeded"
    return folder


def test_a_history_of_an_older_version_is_shown_and_not_changed(serve: Any, tmp_path: Path) -> None:
    (tmp_path / ".nika").mkdir(mode=0o700)
    change(tmp_path, (VERSION_2 / "journal.sql").read_text())
    served = serve(tmp_path)
    runs = told(served, "/api/runs")[1]["runs"]
    assert sorted(run["status"] for run in runs) == ["failed", "succeeded"]
    for run in runs:
        assert {told(served, f"/api/runs/{run['runId']}{view}")[0] for view in VIEWS} == {200}
    with closing(sqlite3.connect(tmp_path / ".nika" / "journal.db")) as database:
        assert database.execute("PRAGMA user_version").fetchone() == (2,)


def test_input_that_came_from_a_provider_s_cache_is_shown_as_that(serve: Any, tmp_path: Path) -> None:
    (tmp_path / ".nika").mkdir(mode=0o700)
    dump = (VERSION_2 / "journal.sql").read_text()
    assert '"cachedTokens":0' in dump
    change(tmp_path, dump.replace('"cachedTokens":0', '"cachedTokens":5'))
    served = serve(tmp_path)
    (run,) = (run["runId"] for run in told(served, "/api/runs")[1]["runs"] if run["status"] == "failed")
    (model,) = told(served, f"/api/runs/{run}/spending")[1]["models"]
    (call,) = told(served, f"/api/runs/{run}/task?id=asked")[1]["modelCalls"]
    assert (model["cachedTokens"], call["cachedTokens"]) == (5, 5)


def test_a_history_of_a_newer_version_is_said_with_what_to_do(serve: Any, two_runs: Path, tmp_path: Path) -> None:
    shutil.copytree(two_runs, tmp_path / "copy")
    change(tmp_path / "copy", "PRAGMA user_version=99")
    status, found = told(serve(tmp_path / "copy"), "/api/runs")
    assert (status, "newer Nika" in found["problem"]) == (422, True)
    assert "Upgrade" in found["hint"]


@pytest.mark.parametrize("script", ["UPDATE runs SET info = 'x'", "UPDATE runs SET status = x'ff'"])
def test_a_damaged_row_is_said_and_the_other_run_is_shown(
    serve: Any, two_runs: Path, tmp_path: Path, script: str
) -> None:
    shutil.copytree(two_runs, tmp_path / "copy")
    change(tmp_path / "copy", f"{script} WHERE number = 2")
    served = serve(tmp_path / "copy")
    damaged, whole = told(served, "/api/runs")[1]["runs"]
    assert (damaged["status"], whole["status"]) == ("damaged", "succeeded")
    for view in VIEWS:
        assert told(served, f"/api/runs/{whole['runId']}{view}")[0] == 200
        status, found = told(served, f"/api/runs/{damaged['runId']}{view}")
        assert (status, "nika runs rm" in found["hint"]) == (422, True), found


def test_damaged_events_are_no_fault_of_the_server(serve: Any, two_runs: Path, tmp_path: Path) -> None:
    shutil.copytree(two_runs, tmp_path / "copy")
    change(tmp_path / "copy", "UPDATE events SET events = '[[1' WHERE id >> 32 = 2")
    served = serve(tmp_path / "copy")
    run = told(served, "/api/runs")[1]["runs"][0]["runId"]
    for view in VIEWS:
        status, found = told(served, f"/api/runs/{run}{view}")
        assert status == 200 or found["problem"], view
    assert told(served, f"/api/compare?before={run}&after={run}")[0] != 500


class Counted(History):
    """A history that says how many read it at once. A reader waits for a second one, which must not come."""

    most = 0

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._now = 0
        self._second = threading.Event()

    def runs(self) -> Any:
        """Count who is reading."""
        self._now += 1
        self.most = max(self.most, self._now)
        if self._now > 1:
            self._second.set()
        self._second.wait(0.05)
        self._now -= 1
        return []


def test_pages_that_ask_at_once_are_read_for_one_after_the_other(tmp_path: Path) -> None:
    history = Counted(tmp_path)
    app = make_app(history, Access(token="t" * 32, port=1))
    sent: list[int] = []

    async def ask() -> None:
        async def receive() -> Any:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: Any) -> None:
            sent.extend([message["status"]] if message["type"] == "http.response.start" else [])

        headers = [(b"host", b"127.0.0.1:1"), (b"authorization", b"Bearer " + b"t" * 32)]
        scope = {"type": "http", "method": "GET", "path": "/api/runs", "query_string": b"", "headers": headers}
        await app(scope, receive, send)

    async def all_pages() -> None:
        await asyncio.gather(*(ask() for _ in range(10)))

    asyncio.run(all_pages())
    assert sent == [200] * 10
    assert history.most == 1
