"""Files that a workflow or a project file names lie in its folder: nothing else is opened, not even to be checked."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from nika_core.model.files import FileError
from nika_core.model.named_files import named_file

from .conftest import Nika

Write = Callable[[str, str], Path]
PLACES = {
    "promptFile": "tasks:\n  - {id: a, llm: {promptFile: FILE}}\n",
    "systemPromptFile of the block": (
        "agent: {model: mock, provider: mock, systemPromptFile: FILE}\ntasks:\n  - {id: a, llm: hi}\n"
    ),
    "systemPromptFile of a task": "tasks:\n  - {id: a, agent: {prompt: hi, systemPromptFile: FILE}}\n",
    "skills": "tasks:\n  - {id: a, agent: {prompt: hi, skills: [FILE]}}\n",
    "output.schema": "tasks:\n  - {id: a, llm: hi, output: {format: json, schema: FILE}}\n",
    "workflow": "tasks:\n  - {id: a, workflow: FILE}\n",
}
BLOCK = "agent: {model: mock, provider: mock, systemPrompt: s}\n"


@pytest.fixture
def pipe(folder: Path) -> Path:
    """A pipe outside of the project that nobody writes to: who opens it waits for ever."""
    (folder / "project").mkdir()
    path = folder / "pipe.nika.yaml"
    os.mkfifo(path)
    return path


@pytest.mark.parametrize("how", ["absolute", "up", "link", "linked folder"])
@pytest.mark.parametrize("place", PLACES)
def test_a_file_outside_is_a_problem_with_its_place_and_is_not_opened(
    nika: Nika, write: Write, folder: Path, pipe: Path, place: str, how: str
) -> None:
    project = folder / "project"
    names = {
        "absolute": str(pipe),
        "up": "../pipe.nika.yaml",
        "link": "link.nika.yaml",
        "linked folder": "up/pipe.nika.yaml",
    }
    (project / "link.nika.yaml").symlink_to(pipe)
    (project / "up").symlink_to(folder, target_is_directory=True)
    text = PLACES[place].replace("FILE", names[how])
    write("project/w.nika.yaml", text if "agent: {model" in text else BLOCK + text)
    for command in ("validate", "plan", "run"):
        done = nika(command, "project/w.nika.yaml")
        assert done.code == 2, done.out
        assert "w.nika.yaml:" in done.err
        assert "outside" in done.err or "absolute" in done.err, done.err


@pytest.mark.parametrize("name", ["../f.py", "link.py"])
def test_no_function_of_a_file_outside_is_read(nika: Nika, write: Write, folder: Path, name: str) -> None:
    write("f.py", "def f():\n    return 1\n")
    write("project/w.nika.yaml", f"tasks:\n  - {{id: a, function: '{name}::f'}}\n")
    (folder / "project" / "link.py").symlink_to(folder / "f.py")
    for command in ("validate", "run"):
        done = nika(command, "project/w.nika.yaml")
        assert done.code == 2
        assert "lies outside the workflow's folder" in done.err


def test_servers_are_not_read_by_a_link_that_leads_out(nika: Nika, write: Write, folder: Path) -> None:
    write("servers.json", '{"mcpServers": {"x": {"command": "true"}}}')
    write("project/w.nika.yaml", "tasks:\n  - {id: a, mcp: x::y}\n")
    (folder / "project" / ".mcp.json").symlink_to(folder / "servers.json")
    done = nika("validate", "project/w.nika.yaml")
    assert done.code == 2
    assert "lies outside the workflow's folder" in done.err


def test_a_file_of_the_project_may_lie_above_the_workflow(nika: Nika, write: Write) -> None:
    write("nika.yaml", "provider: mock\n")
    write("prompts/p.md", "Hello")
    write("flows/w.nika.yaml", BLOCK + "tasks:\n  - {id: a, llm: {promptFile: ../prompts/p.md}}\n")
    assert nika("run", "flows/w.nika.yaml").code == 0


def test_the_project_file_runs_no_workflow_outside_of_its_folder(nika: Nika, write: Write, folder: Path) -> None:
    write("w.nika.yaml", "tasks:\n  - {id: a, shell: echo hi}\n")
    write("project/nika.yaml", "main: ../w.nika.yaml\n")
    done = nika("run", "-C", "project")
    assert (done.code, done.out) == (2, "")
    assert "NIKA-096" in done.err
    assert "lies outside" in done.err


def test_a_file_that_the_user_names_may_lie_anywhere(nika: Nika, write: Write, folder: Path) -> None:
    write("elsewhere/w.nika.yaml", "tasks:\n  - {id: a, shell: echo hi}\n")
    write("project/nika.yaml", "provider: mock\n")
    assert nika("run", "-C", "project", folder / "elsewhere" / "w.nika.yaml").out == "hi\n"


@pytest.mark.parametrize("name", ["", ".", "a", "a/../b", "./a", "a/./b"])
def test_names_within_the_folder_are_paths(tmp_path: Path, name: str) -> None:
    assert named_file(tmp_path, name) == tmp_path / name


@pytest.mark.parametrize("name", ["..", "../x", "/", "/etc/passwd", "a/../../x", "\0"])
def test_names_that_lead_out_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(FileError):
        named_file(tmp_path, name)


def test_a_plan_names_every_file_that_a_task_reads_or_sends_to_a_model(nika: Nika, write: Write) -> None:
    for name in ("system.md", "own.md", "skill.md", "prompt.md", "notes.txt"):
        write(name, "text")
    write("f.py", "def f():\n    return 1\n")
    write(
        "w.nika.yaml",
        """\
        agent: {model: mock, provider: mock, systemPromptFile: system.md}
        tasks:
          - {id: first, llm: {promptFile: prompt.md}}
          - {id: second, agent: {prompt: hi, systemPromptFile: own.md, skills: [skill.md]}}
          - {id: third, llm: {prompt: hi, attach: [notes.txt]}}
          - {id: fourth, function: "f.py::f"}
        """,
    )
    planned = nika("plan", "w.nika.yaml", "--format", "json")
    assert planned.code == 0, planned.err
    files = {
        task["id"]: [effect["target"] for effect in task["effects"] if effect["kind"] in ("path", "code")]
        for task in planned.json["tasks"]
    }
    assert sorted(files["first"]) == ["prompt.md", "system.md"]
    assert sorted(files["second"]) == ["own.md", "skill.md"]
    assert sorted(files["third"]) == ["notes.txt", "system.md"]
    assert "f.py" in " ".join(files["fourth"])
    assert "touches path: system.md" in nika("plan", "w.nika.yaml").out
