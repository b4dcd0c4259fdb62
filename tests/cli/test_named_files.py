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
        assert "w.nika.yaml:" in done.said
        assert "outside" in done.said or "absolute" in done.said, done.said


@pytest.mark.parametrize("name", ["../f.py", "link.py"])
def test_no_function_of_a_file_outside_is_read(nika: Nika, write: Write, folder: Path, name: str) -> None:
    write("f.py", "def f():\n    return 1\n")
    write("project/w.nika.yaml", f"tasks:\n  - {{id: a, function: '{name}::f'}}\n")
    (folder / "project" / "link.py").symlink_to(folder / "f.py")
    for command in ("validate", "run"):
        done = nika(command, "project/w.nika.yaml")
        assert done.code == 2
        assert "lies outside the workflow's folder" in done.said


@pytest.mark.parametrize("command", ["validate", "plan", "run"])
@pytest.mark.parametrize("module", ["out.module", "out", "sub.out.module"])
@pytest.mark.parametrize(
    "task", ["{id: a, function: 'MODULE::f'}", "{id: a, agent: hi, allowedTools: ['function::MODULE::f']}"]
)
def test_no_module_is_found_through_a_link_that_leads_out(
    nika: Nika, write: Write, folder: Path, command: str, module: str, task: str
) -> None:
    for name in ("outside/__init__.py", "outside/module.py"):
        write(name, f"import pathlib\npathlib.Path({str(folder / 'harmed')!r}).touch()\ndef f(): pass\n")
    write("project/sub/x.txt", "x")
    (folder / "project" / "out").symlink_to(folder / "outside")
    (folder / "project" / "sub" / "out").symlink_to(folder / "outside")
    write("project/w.nika.yaml", BLOCK + f"tasks:\n  - {task.replace('MODULE', module)}\n")
    done = nika(command, "project/w.nika.yaml")
    assert done.code == 2, done.out
    assert "lies outside" in done.said
    assert not (folder / "harmed").exists()


@pytest.mark.parametrize("name", ["../outside/secrets.py", "OUTSIDE/secrets.py", "out/secrets.py"])
@pytest.mark.parametrize(
    "task",
    [
        "{id: a, function: 'NAME::f'}",
        "{id: a, agent: hi, allowedTools: ['function::NAME::f']}",
        "{id: a, agent: hi, disallowedTools: ['function::NAME::f']}",
    ],
)
def test_a_hint_names_no_file_outside(nika: Nika, write: Write, folder: Path, task: str, name: str) -> None:
    write("outside/secret.py", "def f(): pass\n")
    write("project/x.txt", "x")
    (folder / "project" / "out").symlink_to(folder / "outside")
    name = name.replace("OUTSIDE", str(folder / "outside"))
    write("project/w.nika.yaml", BLOCK + f"tasks:\n  - {task.replace('NAME', name)}\n")
    done = nika("validate", "project/w.nika.yaml")
    assert done.code == 2
    assert "secret.py" not in done.said


def test_servers_are_not_read_by_a_link_that_leads_out(nika: Nika, write: Write, folder: Path) -> None:
    write("servers.json", '{"mcpServers": {"x": {"command": "true"}}}')
    write("project/w.nika.yaml", "tasks:\n  - {id: a, mcp: x::y}\n")
    (folder / "project" / ".mcp.json").symlink_to(folder / "servers.json")
    done = nika("validate", "project/w.nika.yaml")
    assert done.code == 2
    assert "lies outside the workflow's folder" in done.said


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
    assert "NIKA-096" in done.said
    assert "lies outside" in done.said


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
    for name in ("f.py", "tool.py", "asked.py", "every.py"):
        write(name, "def f():\n    return 1\n")
    write("schema.json", '{"type": "object"}')
    write("inner.nika.yaml", "tasks: [{id: a, set: 1}]\n")
    write(
        "w.nika.yaml",
        """\
        agent: {model: mock, provider: mock, systemPromptFile: system.md}
        tasks:
          - {id: first, llm: {promptFile: prompt.md}}
          - {id: second, agent: {prompt: hi, systemPromptFile: own.md, skills: [skill.md]}}
          - {id: third, llm: {prompt: hi, attach: [notes.txt]}}
          - {id: fourth, function: "f.py::f"}
          - {id: fifth, llm: hi, output: {format: json, schema: schema.json}}
          - {id: sixth, workflow: inner.nika.yaml}
          - id: seventh
            subagent: {prompt: hi, systemPrompt: s}
            allowedTools: ["function::tool.py::f", "function::every.py::*", "function::asked.py::f", shell]
            askTools: ["function::asked.py::f"]
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
    assert sorted(files["fifth"]) == ["schema.json", "system.md"]
    assert files["sixth"] == ["inner.nika.yaml"]
    assert sorted(files["seventh"]) == ["asked.py", "every.py", "tool.py"]
    assert "touches path: system.md" in nika("plan", "w.nika.yaml").out
