"""`??` in whole workflows: what runs, and with which value."""

from __future__ import annotations

from nika_core.testing import Workbench

TASKS = """
    - {id: skipped, echo: s, when: "false"}
    - {id: failed, echo: f, onError: continue, output: {format: json, schema: {type: integer}}}
    - {id: nothing, echo: {value: {field: null}}}
    - {id: fine, echo: {value: {field: 1}}}
"""


def run(*lines: str) -> dict[str, object]:
    text = TASKS + "".join(f"    - {line}\n" for line in lines)
    result = Workbench().run(f"tasks:\n{text}").result
    return {task.id: task.output if task.state == "success" else task.state for task in result.tasks}


def test_a_task_all_of_whose_references_have_alternatives_runs_whatever_became_of_them():
    found = run(
        '{id: a, echo: "{{skipped ?? failed.x ?? nothing.field ?? fine.field}}"}',
        """{id: b, echo: "{{skipped ?? failed ?? 'none'}}"}""",
        '{id: c, echo: "${task.skipped ?? state.skipped}"}',
        "{id: d, echo: d, when: \"{{skipped ?? 'x'}} == 'x' && {{nothing.field ?? fine.field}} == 1\"}",
    )
    assert (found["a"], found["b"], found["c"], found["d"]) == (1, "none", "skipped", "d")


def test_a_chain_without_a_value_fails_its_task_and_a_need_skips_it():
    found = run(
        '{id: a, echo: "{{skipped ?? failed ?? nothing.field}}"}',
        '{id: b, echo: "{{skipped}}"}',
        '{id: c, echo: c, when: "{{skipped ?? nothing.field}} == 1"}',
    )
    assert (found["a"], found["b"], found["c"]) == ("failed", "skipped", "failed")
