"""A lock that differs: everything that would import a plugin refuses, everything that only looks goes on."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

WORKFLOW = "tasks:\n  - id: hello\n    shell: echo hello\n"


@pytest.fixture
def other_version(nika: Callable[..., Any], write: Callable[[str, str], Path]) -> Path:
    """A project with a run in its history, whose lock names another version of a plugin than is installed."""
    write("nika.yaml", "main: hello.nika.yaml\n")
    write("hello.nika.yaml", WORKFLOW)
    assert nika("plugins", "lock").code == 0
    assert nika("run").code == 0
    lock = Path("nika.lock")
    content = json.loads(lock.read_text())
    (entry,) = [each for each in content["plugins"] if each["distribution"] == "nika-keyword-shell"]
    entry["version"] = "4.9.0"
    lock.write_text(json.dumps(content))
    return lock


@pytest.mark.parametrize(
    "command",
    [
        "run",
        "plan hello.nika.yaml",
        "validate",
        "graph hello.nika.yaml",
        "schema",
        "limits",
        "providers",
        "resume RUN",
        "plugins check",
        "plugins show shell",
        "plugins lock --check",
    ],
)
def test_what_would_import_a_plugin_refuses_with_exit_3_and_the_difference(
    command: str, nika: Callable[..., Any], other_version: Path
) -> None:
    run = nika("runs", "list", "--format", "json").json["runs"][0]["runId"]
    done = nika(*command.replace("RUN", run).split())

    assert done.code == 3
    assert "NIKA-079" in done.err
    assert "nika-keyword-shell is locked at version 4.9.0, but version" in " ".join(done.err.split())
    assert done.out == ""


def test_what_only_looks_goes_on_and_locking_again_accepts_what_is_there(
    nika: Callable[..., Any], other_version: Path
) -> None:
    assert any(each["word"] == "shell" for each in nika("plugins", "list", "--format", "json").json["plugins"])
    assert nika("explain", "NIKA-079").code == 0
    assert nika("plugins", "lock").code == 0
    assert nika("run").code == 0


def test_a_lock_that_is_none_is_told(nika: Callable[..., Any], write: Callable[[str, str], Path]) -> None:
    write("hello.nika.yaml", WORKFLOW)
    write("nika.lock", "{}")
    done = nika("run", "hello.nika.yaml")

    assert done.code == 2
    assert "is not a lock of plugins" in done.err
