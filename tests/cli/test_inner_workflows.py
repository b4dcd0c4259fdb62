"""Workflows as tasks, as a user runs them: in lists, in loops, in files of their own, and resumed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from .conftest import Nika

Write = Callable[[str, str], Path]

SECTIONS = """\
workflows:
  section:
    inputs: {topic: {type: string}}
    tasks:
      - {id: write, shell: {argv: [sh, -c, 'echo "$0" >> written; echo "about $0"', "${input.topic}"]}}
      - {id: grade, shell: {argv: [sh, -c, 'echo "$0" >> graded; echo 3', "{{write}}"]}}
    outputs: {text: "{{write}}", score: "{{grade}}"}
tasks:
  - {id: topics, shell: "cat topics", output: lines}
  - {id: sections, forEach: "{{topics}}", workflow: {use: section, with: {topic: "${each.item}"}}}
  - {id: show, shell: {argv: [echo, "{{sections.0.text}}: {{sections | pluck('score') | join(' ')}}"]}}
"""


def lines(name: str) -> list[str]:
    path = Path(name)
    return path.read_text().splitlines() if path.exists() else []


def paths(tasks: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """All nodes of a result by id."""
    found: dict[str, dict[str, Any]] = {}
    for task in tasks:
        found[task["id"]] = task
        for kind in ("items", "rounds", "tasks"):
            found |= paths(inside if isinstance(inside := task.get(kind), list) else [])
    return found


def test_a_list_of_workflows_has_their_outputs_and_nests_their_tasks(nika: Nika, write: Write) -> None:
    write("topics", "a\nb\n")
    write("w.nika.yaml", SECTIONS)
    done = nika("run", "w.nika.yaml", "--format", "json")
    assert (done.code, done.json["output"]) == (0, "about a: 3 3")
    nodes = paths(done.json["tasks"])
    assert nodes["sections[1]/write"]["state"] == "success"
    assert [item["id"] for item in done.tasks["sections"]["items"]] == ["sections[0]", "sections[1]"]
    shown = nika("runs", "show", "last", "--format", "json")
    assert "sections[1]/grade" in paths(shown.json["tasks"])
    events = nika("run", "w.nika.yaml", "--format", "jsonl")
    assert '"task": "sections[1]/write"' in events.out or '"task":"sections[1]/write"' in events.out


def test_a_resumed_run_does_in_a_longer_reordered_list_only_what_is_new(nika: Nika, write: Write) -> None:
    write("topics", "a\nb\n")
    write("w.nika.yaml", SECTIONS)
    nika("run", "w.nika.yaml")
    write("others", "c\nb\na\n")
    write("w.nika.yaml", SECTIONS.replace("cat topics", "cat others"))
    done = nika("resume", "last", "--format", "json")
    assert (done.code, done.json["output"]) == (0, "about c: 3 3 3")
    assert sorted(lines("written")) == ["a", "b", "c"]


def test_an_edited_workflow_does_again_what_the_edit_changes_and_no_more(nika: Nika, write: Write) -> None:
    write("topics", "a\nb\n")
    write("w.nika.yaml", SECTIONS)
    nika("run", "w.nika.yaml")
    write("w.nika.yaml", SECTIONS.replace("echo 3", "echo 4"))
    done = nika("resume", "last", "--format", "json")
    assert (done.code, done.json["output"]) == (0, "about a: 4 4")
    assert (sorted(lines("written")), len(lines("graded"))) == (["a", "b"], 4)


def test_from_an_inner_task_it_and_what_depends_on_it_is_done_again(nika: Nika, write: Write) -> None:
    write("topics", "a\nb\n")
    write("w.nika.yaml", SECTIONS)
    nika("run", "w.nika.yaml")
    done = nika("resume", "last", "--from", "sections[1]/write", "--format", "json")
    assert done.code == 0
    assert (lines("written"), len(lines("graded"))) in ((["a", "b", "b"], 3), (["b", "a", "b"], 3))
    nika("resume", "last", "--from", "sections.0")
    assert sorted(lines("written")) == ["a", "a", "b", "b"]
    missing = nika("resume", "last", "--from", "sections[7]/write")
    assert (missing.code, "sections[7]/write" in missing.err) == (2, True)


def test_a_failure_inside_is_named_by_its_path_outside(nika: Nika, write: Write) -> None:
    write(
        "w.nika.yaml",
        """\
        workflows:
          inner: {tasks: [{id: bad, shell: "exit 3"}, {id: after, set: "{{bad}}"}]}
          outer: {tasks: [{id: deep, workflow: inner}]}
        tasks:
          - {id: one, workflow: outer, onError: continue}
          - {id: why, set: "${error.one.task} ${error.one.category} ${state.one}"}
        """,
    )
    done = nika("run", "w.nika.yaml", "--format", "json")
    assert (done.code, done.json["output"]) == (0, "one/deep/bad execution failed")
    assert "`one/deep/bad`" in done.tasks["one"]["error"]["message"]
    pretty = nika("run", "w.nika.yaml")
    assert "one/deep" in pretty.err


def test_a_loop_of_workflows_sees_the_round_before_and_ends(nika: Nika, write: Write) -> None:
    write(
        "w.nika.yaml",
        """\
        workflows:
          draft:
            inputs: {before: {type: string, default: ""}}
            tasks: [{id: write, set: {text: "${input.before}x", long: true}}]
            outputs: {text: "{{write.text}}"}
        tasks:
          - id: draft
            repeat: {until: "{{draft.text}} == 'xxx'", max: 5}
            workflow: {use: draft, with: {before: "${last.output.text ?? ''}"}}
        """,
    )
    done = nika("run", "w.nika.yaml", "--format", "json")
    assert (done.code, done.json["output"]) == (0, {"text": "xxx"})
    assert [each["id"] for each in done.tasks["draft"]["rounds"]] == ["draft@1", "draft@2", "draft@3"]


def test_a_loop_inside_a_workflow_inside_a_list(nika: Nika, write: Write) -> None:
    write(
        "w.nika.yaml",
        """\
        workflows:
          polish:
            inputs: {start: {type: string}}
            tasks:
              - id: draft
                repeat: {until: "{{draft}} in ['axx', 'bxx']", max: 4}
                set: "${last.output ?? input.start}x"
            outputs: "{{draft}}"
        tasks:
          - {id: all, forEach: [a, b], workflow: {use: polish, with: {start: "${each.item}"}}}
        """,
    )
    done = nika("run", "w.nika.yaml", "--format", "json")
    assert (done.code, done.json["output"]) == (0, ["axx", "bxx"])
    assert "all[1]/draft@2" in paths(done.json["tasks"])


def test_a_file_is_relative_to_its_caller_and_its_folder_is_its_own(nika: Nika, write: Write) -> None:
    write("flows/deep/inner.nika.yaml", "tasks: [{id: where, shell: 'cat here'}]\n")
    write("flows/deep/here", "deep\n")
    write("flows/middle.nika.yaml", "tasks: [{id: in, workflow: deep/inner.nika.yaml}]\n")
    write("w.nika.yaml", "tasks: [{id: out, workflow: flows/middle.nika.yaml}]\n")
    done = nika("run", "w.nika.yaml", "--format", "json")
    assert (done.code, done.json["output"]) == (0, "deep")


def test_inputs_are_typed_and_a_wrong_type_fails_the_task(nika: Nika, write: Write) -> None:
    write(
        "w.nika.yaml",
        """\
        workflows:
          twice: {inputs: {n: {type: int}, of: {type: json, default: "[]"}}, tasks: [{id: a, set: {n: "${input.n}"}}]}
        tasks:
          - {id: given, set: {text: "7", list: [1]}}
          - {id: good, workflow: {use: twice, with: {n: "{{given.text}}", of: "{{given.list}}"}}}
          - {id: bad, workflow: {use: twice, with: {n: "{{given.list}}"}}}
        """,
    )
    done = nika("run", "w.nika.yaml", "--format", "json")
    assert (done.code, done.tasks["good"]["output"]) == (1, {"n": 7})
    error = done.tasks["bad"]["error"]
    assert (error["category"], "expected a whole number, found `[1]`" in error["message"]) == ("template", True)


def test_a_problem_of_a_file_that_is_called_is_shown_in_that_file(nika: Nika, write: Write) -> None:
    write("flows/inner.nika.yaml", "tasks:\n  - {id: a, set: '${input.x}'}\n")
    write("w.nika.yaml", "tasks: [{id: a, workflow: flows/inner.nika.yaml}]\n")
    done = nika("validate", "w.nika.yaml")
    assert (done.code, "flows/inner.nika.yaml:2:19" in done.out) == (2, True)
    assert "{id: a, set: '${input.x}'}" in done.out
    (file,) = nika("validate", "w.nika.yaml", "--format", "json").json["files"]
    assert (file["valid"], file["problems"][0]["path"]) == (False, "flows/inner.nika.yaml")
    assert nika("run", "w.nika.yaml").code == 2


def test_the_time_of_a_task_bounds_its_whole_workflow(nika: Nika, write: Write) -> None:
    write(
        "w.nika.yaml",
        """\
        workflows: {slow: {tasks: [{id: a, shell: "sleep 60"}]}}
        tasks:
          - {id: one, workflow: slow, timeout: 200ms, onError: continue}
          - {id: why, set: "${error.one.category}"}
        """,
    )
    done = nika("run", "w.nika.yaml", "--format", "json")
    assert (done.code, done.json["output"]) == (0, "timeout")
    assert paths(done.json["tasks"])["one/a"]["state"] == "cancelled"


def test_each_workflow_has_a_folder_of_its_own_in_the_run_s(nika: Nika, write: Write) -> None:
    write(
        "w.nika.yaml",
        """\
        workflows:
          keep: {tasks: [{id: a, shell: {argv: [sh, -c, 'echo "$0"', "${run.folder}"]}}]}
        tasks:
          - {id: each, forEach: [a, b], workflow: keep}
          - {id: own, set: "${run.folder}"}
          - {id: all, set: {each: "{{each}}", own: "{{own}}"}}
        """,
    )
    output = nika("run", "w.nika.yaml", "--format", "json").json["output"]
    assert len({*output["each"], output["own"]}) == 3
    assert all(Path(each).is_dir() and Path(each).is_relative_to(output["own"]) for each in output["each"])


def test_mocked_workflows_touch_nothing_and_have_outputs(nika: Nika, write: Write) -> None:
    write("w.nika.yaml", SECTIONS.replace('"cat topics"', '"echo a"'))
    done = nika("run", "w.nika.yaml", "--mock", "--format", "json")
    assert (done.code, Path("written").exists()) == (0, False)
    assert "sections[0]/write" in paths(done.json["tasks"])


def test_plan_and_graph_show_what_is_inside(nika: Nika, write: Write) -> None:
    write("w.nika.yaml", SECTIONS)
    plan = nika("plan", "w.nika.yaml", "--format", "json").json
    nodes = paths(plan["tasks"])
    assert (nodes["sections"]["items"], "sections/grade" in nodes) == ({"atMost": 1000}, True)
    assert "\n      sections/write  shell" in nika("plan", "w.nika.yaml").out
    for form, expected in (
        ("text", "│    ○  write  shell"),
        ("mermaid", 'subgraph n1["sections [list]<br/>workflow"]'),
        ("dot", "subgraph cluster_n1 {"),
        ("svg", ">sections</text>"),
    ):
        assert expected in nika("graph", "w.nika.yaml", "--format", form).out, form


def test_more_nodes_than_allowed_fail_the_group_before_it_is_expanded(
    nika: Nika, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NIKA_MAX_NODES", "9")
    write("topics", "a\nb\nc\n")
    write("w.nika.yaml", SECTIONS)
    done = nika("run", "w.nika.yaml", "--format", "json")
    assert done.code == 1
    assert "NIKA_MAX_NODES" in json.dumps(done.tasks["sections"])
    assert "c" not in lines("written")
