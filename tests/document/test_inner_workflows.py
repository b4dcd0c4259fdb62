"""Workflows that tasks stand for: found, checked in their own files, and bounded."""

from __future__ import annotations

from pathlib import Path

import pytest

import nika_core as nika
from nika_core.app.inner_runs import ToolBounds
from nika_core.errors import Problem
from nika_core.model.workflow import AgentBlock


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(name: str, text: str) -> Path:
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def problems(text: str, **environ: str) -> list[Problem]:
    return list(nika.validate(write("w.nika.yaml", text), environ=environ).problems)


def chain(length: int) -> str:
    """A workflow in a workflow in a workflow."""
    inner = [f"  w{number}: {{tasks: [{{id: t, workflow: w{number + 1}}}]}}" for number in range(1, length)]
    return "\n".join(["workflows:", *inner, f"  w{length}: {{tasks: [{{id: t, set: 1}}]}}", "tasks:", ""])


def test_calls_in_a_circle_are_written_out_across_files() -> None:
    write("flows/b.nika.yaml", "tasks: [{id: c, workflow: c.nika.yaml}]\n")
    write("flows/c.nika.yaml", "tasks:\n  - {id: d, workflow: ../w.nika.yaml}\n")
    (problem,) = problems("tasks: [{id: a, workflow: flows/b.nika.yaml}]\n")
    assert "w.nika.yaml -> flows/b.nika.yaml -> flows/c.nika.yaml -> w.nika.yaml" in problem.message
    assert problem.place is not None
    assert (problem.code, problem.place.path, problem.place.line) == ("NIKA-040", "flows/c.nika.yaml", 2)


@pytest.mark.parametrize(("length", "allowed"), [(10, True), (11, False)])
def test_workflows_are_nested_at_most_ten_deep(length: int, allowed: bool) -> None:
    found = problems(chain(length) + "  - {id: a, workflow: w1}\n")
    assert (found == []) is allowed
    assert all(each.code == "NIKA-063" and "NIKA_MAX_NESTING" in (each.hint or "") for each in found)


def test_the_depth_counts_from_the_caller_wherever_else_a_workflow_is_used() -> None:
    text = chain(3) + "  - {id: short, workflow: w3}\n  - {id: long, workflow: w1}\n"
    assert problems(text, NIKA_MAX_NESTING="3") == []
    assert {each.code for each in problems(text, NIKA_MAX_NESTING="2")} == {"NIKA-063"}


def test_files_and_tasks_count_over_all_that_a_workflow_calls() -> None:
    write("b.nika.yaml", "tasks: [{id: x, set: 1}, {id: y, set: '{{x}}'}]\n")
    write("c.nika.yaml", "tasks: [{id: x, set: 1}]\n")
    text = "tasks:\n  - {id: a, workflow: b.nika.yaml}\n  - {id: b, workflow: c.nika.yaml}\n"
    assert problems(text) == []
    (files,) = problems(text, NIKA_MAX_FILES="2")
    (tasks,) = problems(text, NIKA_MAX_TASKS="4")
    assert (files.code, files.place and files.place.line) == ("NIKA-062", 3)
    assert (tasks.code, tasks.place and tasks.place.path) == ("NIKA-062", "c.nika.yaml")


def test_what_multiplies_beyond_all_nodes_is_refused_before_it_is_expanded() -> None:
    inner = "\n".join(
        f"  w{n}: {{tasks: [{', '.join(f'{{id: t{t}, workflow: w{n + 1}}}' for t in range(9))}]}}" for n in range(1, 9)
    )
    text = f"workflows:\n{inner}\n  w9: {{tasks: [{{id: t, set: 1}}]}}\ntasks: [{{id: a, workflow: w1}}]\n"
    found = problems(text)
    assert {(each.code, "NIKA_MAX_NODES" in (each.hint or "")) for each in found} == {("NIKA-062", True)}


def test_a_path_leads_no_further_than_the_project(folder: Path) -> None:
    write("other.nika.yaml", "tasks: [{id: a, set: 1}]\n")
    write("p/link.nika.yaml", "")
    Path("p/link.nika.yaml").unlink()
    Path("p/link.nika.yaml").symlink_to(folder / "other.nika.yaml")
    for use in ("../other.nika.yaml", "link.nika.yaml", str(folder / "other.nika.yaml")):
        text = f"tasks:\n  - {{id: a, workflow: {use}}}\n"
        (problem,) = nika.validate(write("p/w.nika.yaml", text)).problems
        assert "lies outside of" in problem.message
    write("nika.yaml", "model: mock\n")
    assert nika.validate(Path("p/w.nika.yaml")).valid


def test_outputs_are_typed_for_those_who_read_them() -> None:
    text = """\
workflows:
  w:
    tasks:
      - id: a
        shell: x
        output: {format: json, schema: {type: object, required: [v], properties: {v: {enum: [ok, bad]}}}}
    outputs: {verdict: "{{a.v}}", text: "about {{a.v}}", n: 3}
tasks:
  - {id: one, workflow: w}
  - {id: many, forEach: [1, 2], workflow: w}
  - {id: b, set: "{{one.verdikt}} {{many.verdict}} {{many.0.n.x}}", when: "{{one.verdict}} == 'okay'"}
"""
    messages = [each.message for each in problems(text)]
    assert len(messages) == 4
    for part in ("declares no 'verdikt'", "'verdict' is not an index", "has no 'x'", "is never the text 'okay'"):
        assert any(part in message for message in messages), part


def test_a_workflow_that_nobody_calls_is_checked_too() -> None:
    (problem,) = problems("workflows: {w: {tasks: [{id: a, set: '{{b}}'}]}}\ntasks: [{id: a, set: 1}]\n")
    assert "there is no task 'b'" in problem.message


def test_each_and_last_end_at_with() -> None:
    text = """\
workflows: {w: {tasks: [{id: a, set: "${each.item}"}]}}
tasks:
  - {id: a, forEach: [1], workflow: w}
"""
    (problem,) = problems(text)
    assert "there is no item here" in problem.message


def test_a_model_is_needed_inside_as_it_is_outside() -> None:
    (problem,) = problems("workflows: {w: {tasks: [{id: a, llm: Hi}]}}\ntasks: [{id: a, workflow: w}]\n")
    assert (problem.code, problem.place and problem.place.line) == ("NIKA-006", 1)


def test_tools_are_narrowed_by_every_caller() -> None:
    outer = ToolBounds().within(AgentBlock(allowed_tools=("mcp::files", "shell"), disallowed_tools=("mcp::files::rm",)))
    assert outer.narrow(("mcp", "http", "mcp::files::read")) == ("mcp::files", "mcp::files::read")
    assert outer.narrow(None) is None
    inner = outer.within(AgentBlock(allowed_tools=("mcp",)))
    assert (inner.allowed, inner.disallowed) == (("mcp::files",), ("mcp::files::rm",))
    assert outer.within(AgentBlock(allowed_tools=("http",))).narrow(("shell", "http")) == ()
    assert outer.within(AgentBlock()).allowed == outer.allowed
