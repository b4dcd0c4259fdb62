"""`nika doctor`: what works is said, what does not is a problem with its fix, and no key is ever shown."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from nika_command_doctor import findings

NIKA = str(Path(sys.executable).with_name("nika"))
KEY = "sk-secret-of-acme-42"


def doctor(folder: Path, *arguments: str, **environ: str) -> tuple[int, dict[str, Any]]:
    done = subprocess.run(
        [NIKA, "doctor", "--format", "json", *arguments],
        cwd=folder, env={**os.environ, **environ}, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert "Traceback" not in done.stderr
    assert KEY not in done.stdout + done.stderr
    return done.returncode, json.loads(done.stdout)


def found(report: dict[str, Any], area: str, state: str) -> list[str]:
    return [each["text"] for each in report["findings"] if (each["area"], each["state"]) == (area, state)]


def write(folder: Path, project: str) -> None:
    (folder / "nika.yaml").write_text(project)
    (folder / "main.nika.yaml").write_text("tasks:\n  - {id: a, set: 1}\n")


def test_a_new_folder_has_no_problem_and_needs_no_key(tmp_path: Path) -> None:
    code, report = doctor(tmp_path)
    assert (code, report["ok"]) == (0, True)
    assert {each["area"] for each in report["findings"]} == {
        "system", "project", "plugins", "models", "terminal", "history",
    }  # fmt: skip
    assert all("fix" in each for each in report["findings"] if each["state"] != "ok")


def test_the_provider_of_the_project_needs_its_key(tmp_path: Path) -> None:
    write(tmp_path, "provider: claude\nmain: main.nika.yaml\n")
    code, report = doctor(tmp_path, "--offline", ANTHROPIC_API_KEY="")
    assert code == 1
    assert any("ANTHROPIC_API_KEY" in text for text in found(report, "models", "problem"))
    code, report = doctor(tmp_path, "--offline", ANTHROPIC_API_KEY=KEY)
    assert code == 0
    assert "main: main.nika.yaml, 1 task" in found(report, "project", "ok")


def test_a_server_that_cannot_be_reached_is_named_with_its_address(tmp_path: Path) -> None:
    write(tmp_path, "provider: ollama\n")
    code, report = doctor(tmp_path, OLLAMA_HOST="http://127.0.0.1:9")
    assert code == 1
    assert any("ollama" in text and "127.0.0.1:9" in text for text in found(report, "models", "problem"))


@pytest.mark.parametrize(
    ("project", "says"),
    [
        ("provider: nobody\n", "nobody"),
        ("nonsense: [\n", "nika.yaml"),
        ("main: missing.nika.yaml\n", "missing.nika.yaml"),
        ("main: broken.nika.yaml\n", "broken.nika.yaml"),
    ],
)
def test_what_is_wrong_in_the_project_is_a_problem(project: str, says: str, tmp_path: Path) -> None:
    write(tmp_path, project)
    (tmp_path / "broken.nika.yaml").write_text("tasks: 1\n")
    done = subprocess.run(
        [NIKA, "doctor", "--offline"], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode in (1, 2)
    assert says in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def test_an_entry_that_matches_no_plugin_is_a_warning(tmp_path: Path) -> None:
    write(tmp_path, "plugins: {block: ['keywords:nothing-like-it']}\n")
    code, report = doctor(tmp_path, "--offline")
    assert code == 0
    assert any("keywords:nothing-like-it" in text for text in found(report, "plugins", "warning"))


def test_a_damaged_history_and_one_that_is_no_database_are_told(tmp_path: Path) -> None:
    subprocess.run([NIKA, "init"], cwd=tmp_path, capture_output=True, check=True, timeout=60)
    subprocess.run([NIKA, "run"], cwd=tmp_path, capture_output=True, check=True, timeout=60)
    assert "journal.db" in found(doctor(tmp_path, "--offline")[1], "history", "ok")[0]
    journal = tmp_path / ".nika" / "journal.db"
    journal.write_bytes(b"no database" * 100)
    for end in ("-wal", "-shm"):
        journal.with_name(journal.name + end).unlink(missing_ok=True)
    code, report = doctor(tmp_path, "--offline")
    assert code == 1
    assert found(report, "history", "problem")


def test_a_history_that_may_not_be_read_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / ".nika").symlink_to(".nika")
    context = SimpleNamespace(folder=tmp_path)
    (finding,) = findings._guarded("history", lambda: findings._history(context))
    assert finding.state == "problem"
    assert "cannot be read" in finding.text


def test_for_people_each_line_has_its_state_and_the_last_one_the_count(tmp_path: Path) -> None:
    done = subprocess.run(
        [NIKA, "doctor", "--offline"], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0
    assert done.stdout.splitlines()[0].startswith("ok       system")
    assert "runs can start" in done.stderr


@pytest.mark.parametrize(("has_key", "fix"), [(True, "check its key and its address"), (False, "start its server")])
def test_a_server_that_refuses_is_fixed_by_its_key_if_there_is_one(has_key: bool, fix: str) -> None:
    health = SimpleNamespace(ok=False, asked=True, detail="acme refuses the key")
    secret = SimpleNamespace(name="ACME_KEY", required=False, set=has_key)
    provider = SimpleNamespace(name="acme", error="", health=health, secrets=[secret])
    assert fix in findings._provider(provider, wanted=False).fix
