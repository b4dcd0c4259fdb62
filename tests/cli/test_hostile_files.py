"""Whatever has the name of a file that Nika reads: a clear error at once, and no fault of Nika."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

WORKFLOW = """
agent: {model: mock, provider: mock, systemPrompt: s}
tasks:
  - {id: a, agent: {prompt: x}}
"""
SKILL = WORKFLOW.replace("prompt: x", "prompt: x, skills: [named]")
TASK_PROMPT = WORKFLOW.replace("prompt: x", "prompt: x, systemPromptFile: named")
BLOCK_PROMPT = WORKFLOW.replace("systemPrompt: s", "systemPromptFile: named")
SCHEMA = WORKFLOW.replace("{prompt: x}", "{prompt: x}, output: {format: json, schema: named}")
FUNCTION = "tasks:\n  - {id: a, function: 'named.py::f'}\n"
MCP = "tasks:\n  - {id: a, mcp: 'x::y'}\n"

USES = {
    "a skill": (SKILL, "named", "validate w.nika.yaml", "NIKA-007"),
    "a skill's folder": (SKILL, "named/SKILL.md", "plan w.nika.yaml", "NIKA-007"),
    "a task's system prompt": (TASK_PROMPT, "named", "validate w.nika.yaml", "NIKA-007"),
    "the block's system prompt": (BLOCK_PROMPT, "named", "graph w.nika.yaml", "NIKA-007"),
    "a schema": (SCHEMA, "named", "validate w.nika.yaml", "NIKA-005"),
    "a function's source": (FUNCTION, "named.py", "validate w.nika.yaml", "NIKA-014"),
    "the servers": (MCP, ".mcp.json", "validate w.nika.yaml", "NIKA-085"),
    "the lock": (WORKFLOW, "nika.lock", "limits", "NIKA-079"),
    "the project": (WORKFLOW, "nika.yaml", "validate w.nika.yaml", "NIKA-003"),
    "the workflow": (WORKFLOW, "named", "validate named", "NIKA-003"),
    "a workflow of v4": (WORKFLOW, "named", "migrate named", "NIKA-098"),
    "the inputs": (WORKFLOW, "named.json", "run w.nika.yaml --inputs named.json", "NIKA-009"),
    "the inputs in YAML": (WORKFLOW, "named", "run w.nika.yaml --inputs named", "NIKA-009"),
    "an input's file": (WORKFLOW, "named", "run w.nika.yaml -i a=@named", "NIKA-009"),
    "the journal": (WORKFLOW, ".nika/journal.db", "runs list", "NIKA-090"),
}


def bound_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(os.path.relpath(path))


KINDS: dict[str, Callable[[Path], object]] = {
    "a pipe": os.mkfifo,
    "a socket": bound_socket,
    "an endless device": lambda path: path.symlink_to("/dev/zero"),
    "links in a circle": lambda path: path.symlink_to(path.name),
}


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
@pytest.mark.parametrize("use", USES.values(), ids=USES)
def test_a_named_file_that_is_none_is_refused_with_its_code(
    nika: Callable[..., Any],
    write: Callable[[str, str], Path],
    folder: Path,
    kind: Callable[[Path], object],
    use: tuple[str, str, str, str],
) -> None:
    text, name, command, code = use
    write("w.nika.yaml", text)
    (folder / name).parent.mkdir(exist_ok=True)
    kind(folder / name)
    done = nika(*command.split())
    said = done.out + done.err
    assert done.code == 2
    assert code in said
    assert name.partition("/")[0] in said
    assert "NIKA-089" not in said


DEEP = "[" * 200_000
NUMBER = '{"a": ' + "9" * 5000 + "}"


@pytest.mark.parametrize("content", [DEEP, '{"a":' * 200_000, NUMBER], ids=["brackets", "braces", "a number"])
@pytest.mark.parametrize("use", ["a schema", "the servers", "the lock", "the inputs"])
def test_hostile_json_in_a_named_file_is_a_clear_error(
    nika: Callable[..., Any], write: Callable[[str, str], Path], content: str, use: str
) -> None:
    text, name, command, code = USES[use]
    write("w.nika.yaml", text)
    write(name, content)
    done = nika(*command.split())
    said = done.out + done.err
    assert done.code == 2
    assert code in said
    assert "nested too deeply" in said or "Exceeds the limit" in said


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[" * 200_000, "nesting depth"),
        ("tasks: " + "[" * 200_000 + "]" * 200_000, "nesting depth"),
        ("".join(f"{' ' * level}a:\n" for level in range(2000)), "nested too deeply"),
    ],
    ids=["open", "closed", "blocks"],
)
@pytest.mark.parametrize("command", ["validate named", "validate w.nika.yaml", "run w.nika.yaml --inputs named"])
def test_hostile_yaml_in_a_named_file_is_a_clear_error(
    nika: Callable[..., Any], write: Callable[[str, str], Path], command: str, text: str, says: str
) -> None:
    write("w.nika.yaml", WORKFLOW)
    write("named" if "named" in command else "nika.yaml", text)
    done = nika(*command.split())
    assert done.code in (2, 3)
    assert says in done.out + done.err


def test_a_source_that_is_nested_too_deeply_is_a_clear_error(
    nika: Callable[..., Any], write: Callable[[str, str], Path]
) -> None:
    write("w.nika.yaml", FUNCTION)
    for default in ("lambda: " * 3000 + "1", "(" * 150 + ")" * 150, "-" * 100_000 + "1", "9" * 5000):
        write("named.py", f"def f(x={default}): pass")
        done = nika("validate", "w.nika.yaml")
        assert done.code in (0, 2)
        assert "NIKA-073" not in done.out + done.err


@pytest.mark.parametrize("command", ["validate", "plan", "run", "graph", "migrate", "init"])
def test_a_name_that_no_file_can_have_is_a_clear_error(nika: Callable[..., Any], command: str) -> None:
    done = nika(command, "x" * 5000)
    said = done.out + done.err
    assert done.code == 2
    assert "File name too long" in said
    assert "NIKA-089" not in said


def test_a_working_directory_with_a_name_that_is_too_long_is_a_clear_error(
    nika: Callable[..., Any], write: Callable[[str, str], Path]
) -> None:
    task = "{id: a, shell: {command: pwd, workingDir: 'sub/${input.x}'}}"
    write("w.nika.yaml", f"inputs: {{x: {{type: string}}}}\ntasks:\n  - {task}\n")
    done = nika("run", "w.nika.yaml", "-i", f"x={'x' * 3000}")
    assert done.code == 1
    assert "the working directory" in done.err
    assert "NIKA-089" not in done.out + done.err


def test_an_output_on_a_full_disk_is_no_fault_of_nika() -> None:
    with Path("/dev/full").open("w") as full:
        command = [sys.executable, "-m", "nika_core", "--help"]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert "the output cannot be written: No space left on device" in done.stderr
    assert "NIKA-089" not in done.stderr
