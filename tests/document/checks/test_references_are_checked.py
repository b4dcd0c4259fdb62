"""What can be known of a placeholder before anything runs, and where it stands."""

from __future__ import annotations

import pytest

from nika_core import codes
from nika_core.document import graph_of
from nika_core.document.checks import Context, check_values, check_workflow
from nika_core.model.graph import EdgeKind
from nika_core.model.limits import Limits
from nika_core.plugin import Values


def test_an_unknown_task_is_told_at_its_placeholder(check):
    found = check("tasks:\n  - id: a\n    call: {name: 'x', args: {list: [1, 'see {{ nobody.x }}!']}}\n")
    assert found.locator == [(codes.UNKNOWN_REFERENCE, 3, 45, 59)]
    assert found.only.message == "{{ nobody.x }}: there is no task 'nobody'"


def test_every_wrong_placeholder_is_told_each_at_its_place(check):
    found = check("tasks:\n  - id: a\n    call: '{{x}} {{y}} {{x}}'\n  - id: b\n    call: '{{x}}'\n")
    assert found.locator == [
        (codes.UNKNOWN_REFERENCE, 3, 12, 17),
        (codes.UNKNOWN_REFERENCE, 3, 18, 23),
        (codes.UNKNOWN_REFERENCE, 3, 24, 29),
        (codes.UNKNOWN_REFERENCE, 5, 12, 17),
    ]


def test_everything_that_is_wrong_in_one_text_is_told_syntax_and_references_alike(check):
    found = check("tasks:\n  - id: a\n    call: {name: n, args: ['{{b c}} {{nobody}} {{a.}} ${envi.X}']}\n")
    assert found.locator == [
        (codes.TEMPLATE_SYNTAX, 3, 33, 34),
        (codes.UNKNOWN_REFERENCE, 3, 37, 47),
        (codes.TEMPLATE_SYNTAX, 3, 52, 53),
        (codes.UNKNOWN_SOURCE, 3, 55, 64),
    ]


def test_an_unknown_source_is_told_with_the_names_there_are_and_the_escape(check):
    problem = check("tasks:\n  - id: a\n    call: 'x ${envi.HOME}'\n").only
    assert problem.code == codes.UNKNOWN_SOURCE
    assert problem.message == "${envi.HOME}: no plugin offers a template source 'envi'"
    assert problem.hint is not None
    assert "did you mean 'env'?" in problem.hint
    assert "blocked, broken, env, later, state, task" in problem.hint
    assert r"\${" in problem.hint


def test_a_value_of_another_source_in_braces_is_told_its_form(check):
    for written, meant in (("{{env.HOME}}", "${env.HOME}"), ("{{ envs.HOME }}", "${env.HOME}")):
        problem = check(f"tasks:\n  - id: a\n    call: '{written}'\n").only
        assert (problem.code, problem.hint) == (codes.UNKNOWN_REFERENCE, f"did you mean {meant}?")
    for written in ("{{env}}", "{{task.x}}", "{{nobody.env}}"):
        assert "did you mean $" not in (check(f"tasks:\n  - id: a\n    call: '{written}'\n").only.hint or "")


def test_a_source_that_cannot_be_had_says_what_its_plugin_says(check):
    problem = check("tasks:\n  - id: a\n    call: '${blocked.x}'\n").only
    assert (problem.code, problem.hint) == (codes.PLUGIN_BLOCKED, "unblock it")


def test_a_source_that_raises_is_one_problem_that_names_it(check):
    problem = check("tasks:\n  - id: a\n    call: '${broken.x}'\n").only
    assert problem.code == codes.PLUGIN_BROKEN
    assert problem.message == "${broken.x}: the plugin for 'broken' (acme 1.0) fails in `check`: KeyError: 'oops'"


def test_a_path_may_have_so_many_steps_and_no_more(check):
    text = "tasks:\n  - id: a\n    call: x\n  - id: b\n    call: '{{a.1.2.3}}'\n"
    assert check(text, template_depth=4).codes == []
    problem = check(text, template_depth=3).only
    assert problem.code == codes.DEPTH_LIMIT
    assert "4 steps; at most 3" in problem.message
    assert "NIKA_TEMPLATE_DEPTH" in (problem.hint or "")


def test_a_task_cannot_name_itself(check):
    found = check("tasks:\n  - id: a\n    call: 'x {{a.y}}'\n")
    assert found.locator == [(codes.CYCLE, 3, 14, 21)]
    assert found.only.message == "{{a.y}}: task 'a' waits for its own output"


def test_references_in_conditions_are_told_in_the_condition(check):
    found = check(
        "tasks:\n  - {id: a, call: x}\n  - {id: b, call: x}\n"
        'flows:\n  - {source: a, target: b, condition: "1 == {{nobody}} || {{b}} == 1"}\n'
    )
    assert found.locator == [(codes.UNKNOWN_REFERENCE, 5, 45, 55), (codes.CYCLE, 5, 59, 64)]


def test_the_system_prompt_of_the_block_may_name_inputs_but_no_task(check):
    found = check(
        "agent:\n  model: m\n  systemPrompt: 'be ${env.MOOD ?? \"calm\"} {{a}} {{nobody}}'\n"
        "tasks:\n  - {id: a, talk: hello}\n"
    )
    assert found.locator == [(codes.UNKNOWN_REFERENCE, 3, 43, 48), (codes.UNKNOWN_REFERENCE, 3, 49, 59)]
    assert "cannot name a task's output" in found.problems[0].message


def test_the_system_prompt_of_the_block_may_not_name_what_is_only_known_in_a_run(check):
    found = check("agent: {model: m, systemPrompt: 'x ${later.id}'}\ntasks:\n  - {id: a, talk: '${later.id}'}\n")
    assert found.locator == [(codes.UNKNOWN_REFERENCE, 1, 36, 47)]
    assert "cannot name what is only known in a run" in found.only.message


def test_every_reference_of_a_chain_is_checked_each_at_its_place(check):
    found = check(
        "tasks:\n  - {id: a, call: x}\n  - {id: b, call: '{{nobody ?? a.x ?? env.X ?? b ?? 1}} ${env.X ?? nix.a}'}\n"
        "flows:\n  - {source: a, target: b, condition: \"'' == {{a ?? nobody2}}\"}\n"
    )
    assert found.locator == [
        (codes.UNKNOWN_REFERENCE, 3, 20, 56),
        (codes.CYCLE, 3, 20, 56),
        (codes.UNKNOWN_REFERENCE, 3, 39, 44),
        (codes.UNKNOWN_SOURCE, 3, 68, 73),
        (codes.UNKNOWN_REFERENCE, 5, 53, 60),
    ]
    assert [problem.hint for problem in found.problems if problem.place.column == 39] == [
        "in {{...}} each reference is a task; write ${task.x ?? env.X}"
    ]


def test_a_chain_waits_for_all_its_tasks_and_needs_none(check):
    found = check("tasks:\n  - {id: a, call: x}\n  - {id: b, call: x}\n  - {id: c, call: '{{a ?? b.t}}'}\n")
    assert found.problems == ()
    edges = graph_of(found.workflow, found.catalog).incoming["c"]
    assert [(edge.source, edge.kind) for edge in edges] == [("a", EdgeKind.OPTIONAL), ("b", EdgeKind.OPTIONAL)]


def test_a_chain_of_variables_needs_one_that_is_set(check):
    found = check("tasks:\n  - {id: a, call: '${env.X ?? env.Y}'}\n")
    assert list(check_workflow(Context(found.workflow, found.catalog, Limits(), {}, {}))) == []
    assert list(check_values(found.workflow, found.catalog, Values(environ={"Y": ""}))) == []
    (problem,) = check_values(found.workflow, found.catalog, Values())
    assert problem.message == "${env.X ?? env.Y}: none of its references has a value: not set; not set"
    assert problem.place is not None
    assert (problem.place.line, problem.place.column, problem.place.end_column) == (2, 20, 37)


def test_words_that_are_values_cannot_be_ids(check):
    found = check("tasks:\n  - {id: true, call: x}\n  - {id: 12, call: x}\n  - {id: 012, call: '{{x ?? 012}}'}\n")
    assert [(p.code, p.place.line, p.place.column) for p in found.problems[:2]] == [
        (codes.BAD_TASK_ID, 2, 10),
        (codes.BAD_TASK_ID, 3, 10),
    ]
    assert "true is a value" in found.problems[0].message


def test_variables_are_checked_where_the_environment_is_known(check):
    found = check("tasks:\n  - {id: a, call: '${env.X} ${env.Y ?? 1}'}\n")
    assert found.problems == ()
    assert found.workflow is not None
    known = list(check_workflow(Context(found.workflow, found.catalog, Limits(), {"X": ""}, {})))
    assert known == []
    (missing,) = check_workflow(Context(found.workflow, found.catalog, Limits(), {}, {}))
    assert missing.code == codes.ENV_NOT_SET
    assert missing.place is not None
    assert (missing.place.line, missing.place.column, missing.place.end_column) == (2, 20, 28)


@pytest.mark.parametrize(
    "setting",
    [
        "forEach: '${env.X}'",
        "forEach: [1, '${env.X}']",
        "repeat: {until: '{{a}} == ${env.X}', max: 2}",
        "onError: {value: '${env.X}'}",
        "forEach: {items: [1], onItemError: {value: '${env.X}'}}",
    ],
)
def test_variables_in_lists_loops_and_stand_ins_are_asked_for_before_a_run(check, setting):
    found = check(f"tasks:\n  - {{id: a, call: x, {setting}}}\n")
    assert found.problems == ()
    (problem,) = check_values(found.workflow, found.catalog, Values())
    assert (problem.code, problem.place.line) == (codes.ENV_NOT_SET, 2)
    assert list(check_values(found.workflow, found.catalog, Values(environ={"X": "[]"}))) == []


def test_a_template_in_a_key_is_refused_not_left_in_silence(check):
    found = check("tasks:\n  - id: a\n    call: {name: x, args: {deep: [{'${HOME}': 1, '{{a}}': 2}]}}\n")
    assert found.codes == [codes.TEMPLATE_SYNTAX]
    assert "cannot stand in a key: '{{a}}'" in found.only.message


def test_values_that_are_known_before_a_run_are_asked_for_then(check):
    found = check(
        "agent: {model: m, systemPrompt: '${env.Z}'}\n"
        "tasks:\n  - {id: a, call: '${env.X} ${env.Y ?? 1} ${env.J.k}'}\n  - {id: b, call: '{{a}} ${env.X}'}\n"
        "flows:\n  - {source: a, target: b, condition: '${env.X} == 1'}\n"
    )
    assert found.workflow is not None
    values = Values(environ={"J": '{"k": 1}'})
    problems = list(check_values(found.workflow, found.catalog, values))
    assert [(p.code, p.place.line if p.place else 0) for p in problems] == [
        (codes.ENV_NOT_SET, 3),
        (codes.ENV_NOT_SET, 4),
        (codes.ENV_NOT_SET, 1),
        (codes.ENV_NOT_SET, 6),
    ]
    full = Values(environ={"J": '{"k": 1}', "X": "", "Z": ""})
    assert list(check_values(found.workflow, found.catalog, full)) == []
