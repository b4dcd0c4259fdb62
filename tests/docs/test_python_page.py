"""The page "Nika in your program": every block of it is run as its reader would run it."""

from __future__ import annotations

import ast
import importlib.util
import inspect
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import httpx
import pytest

from nika_core import codes

from ..environments import ROOT
from .pages import blocks

PAGE = ROOT / "docs" / "guide" / "python.md"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The page's files in a folder of their own."""
    for block in blocks(PAGE):
        if block.title:
            (tmp_path / block.title).write_text(block.text, encoding="utf-8")
    return tmp_path


def _run(folder: Path, *command: str) -> str:
    environ = {key: os.environ[key] for key in ("PATH", "HOME") if key in os.environ}
    done = subprocess.run(
        [sys.executable, *command], cwd=folder, env=environ, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_every_script_prints_what_the_page_shows(folder: Path) -> None:
    shown = [block.text.splitlines() for block in blocks(PAGE) if block.language == "console"]
    assert len(shown) == 2
    for command, *expected in shown:
        _, _, script = command.partition("$ python ")
        assert _run(folder, script).splitlines() == expected


async def test_the_handlers_answer_in_the_servers_own_event_loop(folder: Path) -> None:
    server = _imported(folder / "server.py")
    transport = httpx.ASGITransport(app=server.app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        answered = await client.post("/greetings", params={"name": "Ada"})
        streamed = await client.get("/greetings/events", params={"name": "Ada"})
        (folder / "hello.nika.yaml").write_text("tasks:\n  - {id: greet, shel: echo}\n")
        refused = await client.post("/greetings", params={"name": "Ada"})

    assert (answered.status_code, answered.json()["output"]) == (200, "Hello, Ada")
    assert (refused.status_code, refused.json()["detail"]["code"]) == (400, codes.UNKNOWN_KEYWORD)
    lines = streamed.text.splitlines()
    assert (lines[0].strip(), lines[-1].strip()) == ("run.started", "run.finished")
    assert "task.succeeded greet" in lines


async def test_the_cell_runs_in_a_running_event_loop(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    cell = ast.parse((folder / "notebook cell").read_text())
    last = cell.body[-1]
    assert isinstance(last, ast.Expr)
    cell.body[-1] = ast.copy_location(ast.Assign([ast.Name("shown", ast.Store())], last.value), last)
    compiled = compile(ast.fix_missing_locations(cell), "<cell>", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    names: dict[str, object] = {}

    working = eval(compiled, names)  # what a notebook does with a cell
    if inspect.isawaitable(working):
        await working

    assert names["shown"] == "Hello, Ada"


def test_the_test_passes(folder: Path) -> None:
    told = _run(folder, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_greeting.py")
    assert "1 passed" in told


def _imported(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("python_page_server", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # FastAPI looks for annotations there
    spec.loader.exec_module(module)
    return module
