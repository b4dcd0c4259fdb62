"""A lock that differs: everything that would import a plugin refuses, everything that only looks goes on."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from ..environments import Environment

COMMANDS = [
    "run",
    "plan hello.nika.yaml",
    "validate",
    "graph hello.nika.yaml",
    "schema",
    "limits",
    "providers",
    "resume last",
    "plugins check",
    "plugins show shell",
    "plugins lock --check",
]


def test_what_would_import_a_plugin_refuses_with_exit_3_and_what_only_looks_goes_on(
    fresh: Callable[[], Environment], tmp_path: Path
) -> None:
    environment, project = fresh(), tmp_path / "project"
    project.mkdir()
    (project / "nika.yaml").write_text("main: hello.nika.yaml\n")
    (project / "hello.nika.yaml").write_text("tasks:\n  - id: hello\n    shell: echo hello\n")
    assert environment.run("plugins", "lock", cwd=project).returncode == 0
    assert environment.run("run", cwd=project).returncode == 0
    lock = project / "nika.lock"
    content = json.loads(lock.read_text())
    (entry,) = [each for each in content["plugins"] if each["distribution"] == "nika-keyword-shell"]
    entry["version"] = "4.9.0"
    lock.write_text(json.dumps(content))

    for command in COMMANDS:
        done = environment.run(*command.split(), cwd=project)
        said, other = (done.stdout, done.stderr) if command.startswith("validate") else (done.stderr, done.stdout)
        assert (done.returncode, other) == (3, ""), command
        assert "NIKA-079" in said
        assert "nika-keyword-shell is locked at version 4.9.0, but version" in " ".join(said.split())

    listed = environment.run("plugins", "list", "--format", "json", cwd=project)
    assert any(each["word"] == "shell" for each in json.loads(listed.stdout)["plugins"])
    assert environment.run("explain", "NIKA-079", cwd=project).returncode == 0
    assert environment.run("plugins", "lock", cwd=project).returncode == 0
    assert environment.run("run", cwd=project).returncode == 0

    added = environment.site / "nika_keyword_shell" / "added.py"
    added.write_text("")
    done = environment.run("run", cwd=project)
    assert done.returncode == 3
    assert "has files that its RECORD does not name: nika_keyword_shell/added.py" in " ".join(done.stderr.split())
    added.unlink()
    lock.write_text("{}")
    done = environment.run("run", cwd=project)
    assert (done.returncode, "is not a lock of plugins" in done.stderr) == (2, True)
