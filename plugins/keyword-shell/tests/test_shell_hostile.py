"""About 2400 positions in which a value could become code, and commands that people write: what is accepted runs.

A position is refused, warned of, or run with every hostile value by dash and by bash as `sh`: no value may run code.
The normal run does a tenth of it, `make test-long` all of it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from nika_keyword_shell.facets import ShellFacets
from nika_keyword_shell.script import put_together

from nika_core.errors import Severity
from nika_core.model.template import Template
from nika_core.template.compiler import compile_template
from nika_core.testing import FakePayload, FakeReport

sys.path.insert(0, str(Path(__file__).parent))

from benign import NOT_RUN, QUIET, WARNED
from hostile import CANARY, COMMANDS, TASKS, VALUES

SHELLS = [shell for shell in ("dash", "bash") if shutil.which(shell)] or ["sh"]
ONE_IN = 10  # of the runs are in the normal run
# They would reach other machines or users, end processes, or take long to start. What a program makes of its arguments
# is not the question here: the shell in between is.
STAND_INS = (
    *("curl", "wget", "docker", "kubectl", "ssh", "scp", "sftp", "rsync", "sudo", "aws", "gh", "npm", "npx", "helm"),
    *("terraform", "kill", "mail", "ping", "dig", "claude", "cargo", "go", "uv", "poetry", "nohup", "ssh-add", "sleep"),
    *("pytest", "python3", "node", "jq", "psql", "convert", "cmake", "openssl", "gcc", "java", "php", "ruby"),
    *("date", "vim", "unzip", "pnpm", "yarn", "bun", "deno", "pip", "uvx", "pipx", "brew", "apt-get", "gem", "gcloud"),
    *("heroku", "ansible-playbook", "magick", "yt-dlp", "rclone", "ssh-copy-id", "bundle", "rails", "dotnet", "mvn"),
    *("mix", "conda", "aws-vault", "op", "parallel", "rustc", "docker-compose", "pandoc"),
)


def _compiled(written: Any) -> Any:
    if isinstance(written, str):
        return compile_template(written)
    if isinstance(written, bool):
        return written
    if isinstance(written, list):
        return [_compiled(one) for one in written]
    return {name: _compiled(one) for name, one in written.items()}


def _findings(fields: dict[str, Any], folder: Path) -> FakeReport:
    report = FakeReport()
    ShellFacets().check(FakePayload({name: _compiled(value) for name, value in fields.items()}, folder), report)
    return report


def _prepare(folder: Path) -> Path:
    """Make what the commands use; return a folder with what stands in for programs that are not run."""
    (folder / "f").write_text("line\nl\n")
    (folder / "file").write_text("line\n")
    (folder / "Makefile").write_text("all:\n\t@echo $(V)\n")
    (folder / "out").mkdir()
    for name in ("script.sh", "run.sh", "slow.sh", "deploy.sh", "env.sh"):
        (folder / name).write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
        (folder / name).chmod(0o755)
    (folder / "script.py").write_text("import sys\nprint(sys.argv, sys.stdin.read())\n")
    (folder / "script.js").write_text("console.log(process.argv)\n")
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.com"]
    for arguments in (["init", "-q"], ["add", "f"], [*identity, "commit", "-qm", "a"]):
        subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True)
    stand_ins = folder / ".stand-ins"
    stand_ins.mkdir()
    for name in STAND_INS:
        (stand_ins / name).symlink_to("/bin/true")
    return stand_ins


def _run(shell: str, script: str, values: dict[str, str], folder: Path, stand_ins: Path) -> None:
    path = f"{stand_ins}{os.pathsep}{os.environ['PATH']}"
    environment = {"PATH": path, "HOME": str(folder), **values}
    try:
        subprocess.run(
            ["sh", "-c", script],
            executable=shutil.which(shell),
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=10,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return


def _accepted(folder: Path) -> Iterator[str]:
    for command in (*COMMANDS, *QUIET):
        if not _findings({"command": command}, folder):
            yield command


def _check_runs(folder: Path, one_in: int, shells: Sequence[str]) -> int:
    """Run what is accepted; return how often."""
    stand_ins = _prepare(folder)
    runs = 0
    for command in _accepted(folder):
        template = compile_template(command)
        assert isinstance(template, Template), command
        for value in VALUES:
            for shell in shells:
                if zlib.crc32(f"{command}\0{value}\0{shell}".encode()) % one_in:
                    continue
                runs += 1
                made = put_together(template, [value] * len(template.placeholders))
                _run(shell, made["script"], made["values"], folder, stand_ins)
                assert not (folder / CANARY).exists(), (shell, command, value)
    return runs


def test_a_tenth_of_all_runs_finds_no_value_that_ran_code(tmp_path: Path) -> None:
    assert _check_runs(tmp_path, ONE_IN, SHELLS) > 1000


@pytest.mark.long
@pytest.mark.parametrize("shell", SHELLS)
def test_no_value_runs_code_in_an_accepted_position(shell: str, tmp_path: Path) -> None:
    assert _check_runs(tmp_path, 1, [shell]) > 10_000


def test_there_are_enough_positions_and_values() -> None:
    assert len(COMMANDS) + len(TASKS) > 2300
    assert len(VALUES) >= 70


def test_a_hostile_position_is_refused_or_warned_of_at_its_placeholder(tmp_path: Path) -> None:
    silent = []
    for command in COMMANDS:
        problems = _findings({"command": command}, tmp_path)
        columns = [offset + 1 for offset in range(len(command)) if command.startswith("{{x}}", offset)]
        if "\n" not in command:
            assert {problem.place.column for problem in problems} <= set(columns), command
        assert all(problem.code == "NIKA-052" and problem.hint for problem in problems), command
        if not problems:
            silent.append(command)
    # `xargs` alone is `xargs echo`.
    assert all(command.endswith("| xargs") for command in silent), silent


@pytest.mark.parametrize("task", TASKS, ids=str)
def test_a_hostile_argument_input_or_variable_is_refused_or_warned_of(task: dict[str, Any], tmp_path: Path) -> None:
    problems = _findings(task, tmp_path)
    assert problems
    fields = {field for field in task if "{{x}}" in str(task[field])}
    assert {str(problem.place.path).partition("/")[0] for problem in problems} <= fields


@pytest.mark.parametrize("command", [*QUIET, *NOT_RUN])
def test_a_command_that_people_write_is_accepted_without_a_word(command: str, tmp_path: Path) -> None:
    assert _findings({"command": command}, tmp_path) == []


@pytest.mark.parametrize("command", WARNED)
def test_a_command_that_depends_on_its_value_is_warned_of_and_not_refused(command: str, tmp_path: Path) -> None:
    problems = _findings({"command": command}, tmp_path)
    assert {problem.severity for problem in problems} == {Severity.WARNING}


@pytest.mark.parametrize(
    ("fields", "place"),
    [
        ({"argv": ["sh", "-c", "{{x}}"]}, "argv"),
        ({"argv": ["sh"], "stdin": "{{x}}"}, "stdin"),
        ({"command": "sh -c :", "env": {"BASH_ENV": "{{x}}"}}, "env"),
    ],
)
def test_trust_allows_a_value_in_code_and_says_so(fields: dict[str, Any], place: str, tmp_path: Path) -> None:
    (refused, *_) = _findings(fields, tmp_path)
    assert str(refused.place.path).startswith(place)
    assert refused.severity is Severity.ERROR
    assert "trust: true" in (refused.hint or "")
    (warned,) = _findings({**fields, "trust": True}, tmp_path)
    assert (warned.code, warned.severity) == ("NIKA-056", Severity.WARNING)
