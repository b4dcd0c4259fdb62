"""What a start imports. Starting a command is importing: what nobody needs has no place in it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

WORKFLOW = """\
agent: {model: mock-small, provider: mock, maxTokens: 100}
tasks:
  - id: hello
    llm: {prompt: Say hello, temperature: 0.5}
    retry: {max: 2}
"""
SCRIPT = """
import json, sys
from nika_core.cli import main
try:
    main()
except SystemExit as ended:
    assert not ended.code, ended.code
finally:
    files = {name: str(getattr(module, "__file__", "")) for name, module in sys.modules.items()}
    sys.stderr.write("\\n" + json.dumps(files))
"""
LIBRARIES = {"annotated_doc", "pluggy", "shellingham", "typer", "yaml"}
ENVIRONMENT = {"_distutils_hack", "_virtualenv", "a1_coverage", "coverage"}  # what imports itself into each process
HEAVY = {"asyncio", "concurrent.futures", "ctypes", "email", "http", "logging", "multiprocessing", "socket", "ssl"}
RUN_ALONE = {  # what no check of a file needs
    "nika_core.app.execution",
    "nika_core.app.prepared_run",
    "nika_core.engine.core.run_plan",
    "nika_core.engine.local",
    "nika_core.engine.task",
    "nika_core.journal",
}


def imported(folder: Path, *arguments: str) -> dict[str, str]:
    """The modules that a command has imported at its end, with their files."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, *arguments], cwd=folder, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    modules: dict[str, str] = json.loads(done.stderr.splitlines()[-1])
    return modules


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "one.nika.yaml").write_text(WORKFLOW, encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize("command", [("validate", "one.nika.yaml"), ("run", "--mock", "one.nika.yaml")])
def test_a_start_imports_no_other_library_than_it_needs(folder: Path, command: tuple[str, ...]) -> None:
    modules = imported(folder, *command)
    installed = {name.partition(".")[0] for name, file in modules.items() if "site-packages" in file}
    assert {name for name in installed - ENVIRONMENT if not name.startswith("nika_")} <= LIBRARIES


def test_a_check_of_a_file_imports_neither_an_event_loop_nor_what_runs_it(folder: Path) -> None:
    assert imported(folder, "validate", "one.nika.yaml").keys() & (HEAVY | RUN_ALONE) == set()


def test_a_list_of_commands_imports_no_project(folder: Path) -> None:
    modules = imported(folder, "--help")
    assert {name for name in modules if name.startswith(("nika_core.app", "nika_core.document", "yaml"))} == set()


@pytest.mark.parametrize("command", [("runs",), ("runs", "show")])
def test_the_history_is_shown_without_yaml_plugins_and_an_engine(folder: Path, command: tuple[str, ...]) -> None:
    imported(folder, "run", "--mock", "one.nika.yaml")
    modules = imported(folder, *command)
    unneeded = (
        "nika_core.document",
        "nika_core.engine.local",
        "nika_core.plugin",
        "nika_core.registry.registry",
        "yaml",
    )
    assert {name for name in modules if name.startswith(unneeded)} == set()
