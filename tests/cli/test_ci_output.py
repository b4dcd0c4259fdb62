"""What CI systems see: colours if they are wanted, and annotations beside the lines of a file."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

NIKA = str(Path(sys.executable).with_name("nika"))
BROKEN = "tasks:\n  - id: a\n    shel: echo hi\n"
FAILING = "tasks:\n  - {id: fine, set: 1}\n  - id: broken\n    shell: 'echo 100%; exit 3'\n"


def nika(folder: Path, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    clean = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(folder), "LC_ALL": "C.UTF-8", "TERM": "dumb"}
    return subprocess.run(
        [NIKA, *arguments],
        cwd=folder,
        env={**clean, **environ},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize(
    ("environ", "coloured"),
    [
        ({}, False),
        ({"FORCE_COLOR": "1"}, True),
        ({"FORCE_COLOR": "0"}, False),
        ({"FORCE_COLOR": ""}, False),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
    ],
)
def test_a_log_has_colours_if_force_color_says_so_and_no_color_does_not(
    tmp_path: Path, environ: dict[str, str], coloured: bool
) -> None:
    (tmp_path / "w.nika.yaml").write_text(FAILING)
    done = nika(tmp_path, "run", "w.nika.yaml", **environ)

    assert ("\x1b[31m" in done.stderr) is coloured
    assert "\x1b[?25l" not in done.stderr  # and never a live view
    assert done.stdout == ""


def test_data_for_programs_has_no_colours_whatever_is_forced(tmp_path: Path) -> None:
    (tmp_path / "w.nika.yaml").write_text(FAILING)
    done = nika(tmp_path, "run", "w.nika.yaml", "--format", "json", FORCE_COLOR="1")

    assert "\x1b" not in done.stdout + done.stderr


def annotations(done: subprocess.CompletedProcess[str]) -> list[str]:
    return [line for line in done.stderr.splitlines() if line.startswith("::")]


def test_github_shows_a_problem_at_its_place(tmp_path: Path) -> None:
    (tmp_path / "flows").mkdir()
    (tmp_path / "flows" / "w,1.nika.yaml").write_text(BROKEN)
    for command in ("validate", "run"):
        done = nika(tmp_path, command, "flows/w,1.nika.yaml", GITHUB_ACTIONS="true", GITHUB_WORKSPACE=str(tmp_path))
        first = annotations(done)[0]
        assert first.startswith("::error file=flows/w%2C1.nika.yaml,title=NIKA-")
        assert ",line=" in first
        assert ",col=" in first
        assert "`shel`" in first
        assert "%0Adid you mean `shell`?" in first


def test_github_shows_a_failed_task_at_its_place(tmp_path: Path) -> None:
    (tmp_path / "w.nika.yaml").write_text(FAILING)
    done = nika(tmp_path, "run", "w.nika.yaml", GITHUB_ACTIONS="true")

    [failed] = annotations(done)
    assert failed.startswith("::error file=")
    assert failed.split("::")[1].endswith("w.nika.yaml,title=broken%3A NIKA-080,line=3,col=5")
    assert "exit code 3" in failed
    assert "100%25" in failed
    assert "\n" not in failed


@pytest.mark.parametrize("environ", [{}, {"GITHUB_ACTIONS": "false"}])
def test_nobody_else_sees_annotations(tmp_path: Path, environ: dict[str, str]) -> None:
    (tmp_path / "w.nika.yaml").write_text(FAILING)

    assert not annotations(nika(tmp_path, "run", "w.nika.yaml", **environ))
