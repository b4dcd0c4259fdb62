"""Flows, cycles, orphans, the output task, connections."""

from __future__ import annotations

import pytest

from nika_core import codes
from nika_core.errors import Severity

AGENT = "agent: {model: m}\n"


def tasks(*lines: str) -> str:
    return "tasks:\n" + "".join(f"  - {{{line}}}\n" for line in lines)


def flows(*lines: str) -> str:
    return "flows:\n" + "".join(f"  - {{{line}}}\n" for line in lines)


def test_unknown_ends_of_a_flow_are_told_each_at_its_name(check):
    found = check(
        tasks("id: fetch, call: x", "id: report, call: '{{fetch}}'") + flows("source: fetsh, target: reporting")
    )
    assert found.locator[0][:3] == (codes.UNKNOWN_FLOW_SOURCE, 5, 14)
    assert found.locator[1][:3] == (codes.UNKNOWN_FLOW_TARGET, 5, 29)
    assert found.problems[0].message == "the flow's source 'fetsh' is not a task"
    assert [p.hint for p in found.problems] == ["did you mean 'fetch'?", "did you mean 'report'?"]


def test_a_condition_is_checked_whatever_else_is_wrong_with_its_flow(check):
    found = check(tasks("id: a, call: x", "id: b, call: x") + flows("source: a, target: b, nix: 1, condition: '1 = 1'"))
    assert found.codes == [codes.UNKNOWN_KEY, codes.BAD_CONDITION]


def test_only_tasks_that_an_author_named_are_offered(check):
    found = check(tasks("id: a, call: x", "id: a, call: y", "call: z") + flows("source: nothing, target: a"))
    hint = next(problem.hint for problem in found.problems if problem.code == codes.UNKNOWN_FLOW_SOURCE)
    assert hint == "the tasks are: a"


def test_a_flow_cannot_lead_to_its_own_source(check):
    found = check(tasks("id: a, call: x") + flows("source: a, target: a"))
    assert found.codes == [codes.FLOW_SELF_LOOP]


def test_a_cycle_is_written_out_once_at_the_edge_that_closes_it(check):
    found = check(
        tasks("id: a, call: '{{c}}'", "id: b, call: '{{a}}'", "id: c, call: x") + flows("source: b, target: c")
    )
    assert found.codes == [codes.CYCLE]
    assert found.only.message == "3 tasks wait for one another: a -> b -> c -> a"
    assert found.only.place is not None
    assert (found.only.place.line, found.only.place.column, found.only.place.end_column) == (2, 20, 25)
    assert found.only.hint == "remove one of these: {{a}} in the payload of 'b'; the flow b -> c; " + (
        "{{c}} in the payload of 'a'"
    )


def test_each_cycle_is_told(check):
    found = check(
        tasks("id: a, call: '{{b}}'", "id: b, call: '{{a}}'", "id: c, call: '{{d}} {{b}}'", "id: d, call: '{{c}}'")
    )
    assert [p.message for p in found.problems] == [
        "2 tasks wait for one another: a -> b -> a",
        "2 tasks wait for one another: c -> d -> c",
    ]


def test_a_cycle_through_a_condition_says_so(check):
    found = check(
        tasks("id: a, call: x", "id: b, call: '{{c}}'", "id: c, call: x")
        + flows("source: a, target: c, condition: '{{b}} == 1'")
    )
    assert found.codes == [codes.CYCLE]
    assert "{{b}} in a condition into 'c'" in (found.only.hint or "")


def test_a_long_cycle_is_cut_in_the_message(check):
    found = check(tasks(*(f"id: t{i}, call: '{{{{t{(i + 1) % 500}}}}}'" for i in range(500))))
    assert found.codes == [codes.CYCLE]
    assert found.only.message.startswith("500 tasks wait for one another: t0 -> t499 -> t498")
    assert found.only.message.endswith("-> ... -> t0")


def test_a_task_that_nothing_joins_to_the_others_is_a_warning(check):
    found = check(tasks("id: a, call: x", "id: lone, call: x", "id: b, call: '{{a}}'"))
    assert found.locator[0][:2] == (codes.ORPHAN_TASK, 3)
    assert found.only.severity is Severity.WARNING
    assert found.workflow is not None


@pytest.mark.parametrize(
    "text",
    [
        tasks("id: a, call: x"),
        tasks("id: a, call: x", "id: b, call: x"),
        "agent: {model: m, output: lone}\n" + tasks("id: a, call: x", "id: lone, call: x", "id: b, call: '{{a}}'"),
    ],
)
def test_independence_that_is_meant_is_no_orphan(check, text):
    assert check(text).problems == ()


HALVES = ["id: a, call: x", "id: b, call: '{{a}}'", "id: c, call: x", "id: d, call: '{{c}}'", "id: e, call: '{{d}}'"]


def test_one_half_of_a_graph_that_nothing_joins_to_the_other_is_a_warning(check):
    found = check(tasks(*HALVES))
    assert found.locator[0][:2] == (codes.ORPHAN_TASK, 2)  # the smaller one
    assert "2 tasks to the others: 'a', 'b'" in found.only.message
    assert "{{b}}" in found.only.hint
    assert found.only.severity is Severity.WARNING
    found = check("outputs: '{{b}}'\n" + tasks(*HALVES))
    assert found.locator[0][:2] == (codes.ORPHAN_TASK, 5)  # that without the output
    assert "3 tasks to the others: 'c', 'd', 'e'" in found.only.message


@pytest.mark.parametrize(
    "text",
    [
        "outputs: {b: '{{b}}', e: [\"{{e ?? 1}}\"]}\n" + tasks(*HALVES),
        tasks(*HALVES) + flows("source: b, target: c"),
        tasks(*HALVES, "id: f, call: x, when: '{{b}} == {{e}}'"),
        tasks(*HALVES, "id: f, call: \"{{b ?? ''}} {{e ?? ''}}\""),
        tasks(*HALVES, "id: f, call: x, forEach: '{{b}}'") + flows("source: f, target: c"),
        # Three chains of the same keywords are meant.
        tasks(
            *(
                f"id: {name}{step}, call: '{text}'"
                for name in "xyz"
                for step, text in ((1, "x"), (2, f"{{{{{name}1}}}}"))
            )
        ),
        # So are tasks none of which are joined, whatever `outputs` reads.
        "outputs: ['{{a}}', '{{b}}']\n" + tasks("id: a, call: x", "id: b, call: x", "id: c, call: x"),
    ],
)
def test_what_is_joined_in_any_way_or_meant_to_be_apart_is_no_warning(check, text):
    assert check(text).problems == ()


def test_the_output_names_a_task(check):
    found = check("agent: {model: m, output: reprot}\n" + tasks("id: report, call: x"))
    assert found.locator[0][:3] == (codes.UNKNOWN_OUTPUT_TASK, 1, 27)
    assert found.only.hint == "did you mean 'report'?"


@pytest.mark.parametrize(
    ("payload", "more"), [("'{{one}}'", ""), ("hello", flows("source: one, target: two"))], ids=["template", "flow"]
)
def test_isolated_tasks_may_be_joined_like_any_others(check, payload, more):
    found = check(AGENT + tasks("id: one, solo: hello", f"id: two, solo: {payload}") + more)
    assert found.problems == ()


def test_a_condition_may_read_an_isolated_task(check):
    found = check(
        AGENT
        + tasks("id: one, solo: hello", "id: a, call: '{{one}}'", "id: two, solo: hi")
        + flows("source: a, target: two, condition: \"{{one}} != ''\"")
    )
    assert found.problems == ()


def test_a_condition_may_be_nested_so_deeply_and_no_more(check):
    text = tasks("id: a, call: x", "id: b, call: x") + flows("source: a, target: b, condition: '((({{a}} == 1)))'")
    assert check(text, recursion=20).problems == ()
    text = text.replace("(((", "(" * 30).replace(")))", ")" * 30)
    found = check(text, recursion=20)
    assert found.codes == [codes.DEPTH_LIMIT]
    assert "30 levels deep; at most 20" in found.only.message


def test_what_only_seems_to_be_an_orphan_is_not_told_where_something_else_is_wrong(check):
    text = tasks("id: a, call: x", "id: lone, call: '{{bb}}'", "id: b, call: '{{a}}'")
    assert check(text).codes == [codes.UNKNOWN_REFERENCE]
    assert check(text.replace("{{bb}}", "{{b")).codes == [codes.TEMPLATE_SYNTAX]


def test_a_cycle_that_a_flow_closes_is_told_at_the_flow(check):
    found = check(tasks("id: a, call: x", "id: b, call: '{{a}}'") + flows("source: b, target: a"))
    assert found.locator[0][:2] == (codes.CYCLE, 5)


def test_a_cycle_that_a_condition_closes_is_told_in_the_condition(check):
    found = check(
        tasks("id: c, call: x", "id: a, call: x", "id: b, call: '{{c}}'")
        + flows("source: b, target: a", "source: a, target: c, condition: '1 == {{b}}'")
    )
    assert found.codes == [codes.CYCLE]
    assert found.only.message == "2 tasks wait for one another: c -> b -> c"
    assert found.locator == [(codes.CYCLE, 7, 45, 50)]
