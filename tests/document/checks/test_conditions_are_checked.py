"""What can be known of a condition before anything runs: with what it can never be true."""

from __future__ import annotations

import pytest

from nika_core import codes
from nika_core.template import compile_condition

TASKS = "tasks:\n  - {id: a, call: x}\n  - {id: b, call: x}\n  - {id: deploy, call: x%s}\nflows:\n"


def test_a_flow_cannot_ask_for_the_state_of_its_own_source_in_a_chain(check):
    flow = "  - {source: a, target: deploy, condition: \"${env.X ?? state.a} == 'x'\"}\n"
    found = check(TASKS % "" + flow)
    assert [place for place in found.locator if place[0] == codes.BAD_CONDITION] == [(codes.BAD_CONDITION, 6, 56, 63)]


@pytest.mark.parametrize(
    ("condition", "column", "message", "hint"),
    [
        ("${state.a} == 'fialed'", 48, "${state.a} is never the text 'fialed'", "did you mean 'failed'?"),
        ("'x' != ${state.a}", 34, "${state.a} is never the text 'x'", "it is one of: 'success', 'failed', 'skipped'"),
        ("true && ${state.a} in ['failed', 'no']", 67, "${state.a} is never the text 'no'", "it is one of"),
        ("${state.a ?? state.b} == true", 59, "${state.a ?? state.b} is never true", "it is one of"),
        ("${state.a ?? 'none'} == 'non'", 58, "is never the text 'non'", "did you mean 'none'?"),
    ],
)
def test_a_literal_that_no_value_equals_is_told_at_its_character(check, condition, column, message, hint):
    found = check((TASKS % f', when: "{condition}"').replace("flows:\n", ""))
    (problem,) = [each for each in found.problems if each.code != codes.ORPHAN_TASK]
    assert (problem.code, problem.place.line, problem.place.column) == (codes.BAD_CONDITION, 4, column)
    assert message in problem.message
    assert hint in problem.hint


@pytest.mark.parametrize(
    "condition",
    [
        "${state.a} == 'failed' || 'skipped' != ${state.a}",
        "${state.a} in ['failed', 'skipped'] && !(${state.b} in [])",
        "${state.a ?? task.b} == 'anything'",
        "{{b}} == 'anything' && 'fialed' == 'fialed'",
        "${state.a ?? 'none'} == 'none'",
        "(${state.a} == 'failed') == false",
        "'ed' in ${state.a} || ${state.a} in 'failed or skipped' || ${state.a} in ['failed', {{b}}]",
        "${state.a} == ${state.b}",
    ],
)
def test_other_comparisons_are_fine(check, condition):
    found = check((TASKS % f', when: "{condition}"').replace("flows:\n", ""))
    assert set(found.codes) <= {codes.ORPHAN_TASK}


def test_the_condition_of_a_loop_is_checked_like_any_other(check):
    loop = ", repeat: {max: 2, until: \"{{deploy}} == 1 || ${state.a} == 'fialed'\"}"
    found = check((TASKS % loop).replace("flows:\n", ""))
    (problem,) = [each for each in found.problems if each.code == codes.BAD_CONDITION]
    assert (problem.message, problem.place.column) == ("${state.a} is never the text 'fialed'", 85)


@pytest.mark.parametrize(
    ("until", "output", "warned"),
    [
        ("'{{a}} == 1'", "", True),
        ("'{{a | length}} > 9'", "", False),
        ("'{{a.score}} == 1'", ", output: {format: json}", False),
    ],
)
def test_a_loop_until_a_model_happens_to_write_something_gets_a_warning(check, until, output, warned):
    agent = "agent: {model: m, provider: p}\n"
    found = check(f"{agent}tasks: [{{id: a, solo: x, repeat: {{until: {until}, max: 2}}{output}}}]\n")
    assert [(each.code, each.severity) for each in found.problems] == [(codes.BAD_CONDITION, "warning")] * warned


def test_comparisons_are_of_one_placeholder_with_literals():
    found = compile_condition(
        "{{a}} == 1 && (2 != {{b}} || {{c}} in ['x', 3]) && {{d}} < 4 && 'x' in {{e}} && {{f}} in []"
    )
    assert [(placeholder.text, literals) for placeholder, literals in found.comparisons()] == [
        ("{{a}}", ((1, 9),)),
        ("{{b}}", ((2, 15),)),
        ("{{c}}", (("x", 39), (3, 44))),
        ("{{f}}", ()),
    ]
