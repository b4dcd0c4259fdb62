"""`when`: the condition of a task."""

from __future__ import annotations

from nika_core import codes
from nika_core.document import check_values, graph_of
from nika_core.engine.core.hashing import definition_hash
from nika_core.model.graph import EdgeKind
from nika_core.plugin import Values

TASKS = "tasks:\n  - {id: a, call: x}\n"


def test_a_task_may_have_a_condition_which_is_compiled_and_joins_tasks(check):
    found = check(
        TASKS + "  - {id: b, call: x}\n  - id: c\n    call: x\n    when: ${state.a} == 'failed' && {{b}} == 1\n"
    )
    assert found.problems == ()
    when = found.workflow.tasks[2].when
    assert when.text == "${state.a} == 'failed' && {{b}} == 1"
    edges = graph_of(found.workflow, found.catalog).incoming["c"]
    assert [(edge.source, edge.kind) for edge in edges] == [("a", EdgeKind.OPTIONAL), ("b", EdgeKind.NEED)]


def test_a_condition_changes_whether_a_task_runs_not_what_it_is(check):
    plain, conditional = (check(TASKS + f"  - {{id: b, call: x{when}}}\n") for when in ("", ", when: 'true'"))
    assert definition_hash(plain.workflow.tasks[1]) == definition_hash(conditional.workflow.tasks[1])


def test_what_is_wrong_with_it_is_told_at_its_character(check):
    found = check(TASKS + "  - {id: b, call: x, when: \"{{a}} = 'x'\"}\n")
    assert found.locator == [(codes.BAD_CONDITION, 3, 35, 36)]
    found = check(TASKS + "  - {id: b, call: x, when: ''}\n")
    assert found.locator[0][:3] == (codes.BAD_VALUE, 3, 28)


def test_it_is_checked_whatever_else_is_wrong_with_its_task(check):
    found = check(TASKS + '  - {id: b, call: {nix: 1}, when: "{{nobody}} == 1"}\n')
    assert codes.UNKNOWN_REFERENCE in found.codes
    assert codes.BAD_PAYLOAD in found.codes


def test_references_in_it_are_told_in_it(check):
    found = check(TASKS + '  - {id: b, call: x, when: "1 == {{nobody}} || {{b}} == 1"}\n')
    assert found.locator == [(codes.UNKNOWN_REFERENCE, 3, 34, 44), (codes.CYCLE, 3, 48, 53)]


def test_a_cycle_through_it_is_told_in_it(check):
    found = check('tasks:\n  - {id: a, call: x, when: "{{b}} == 1"}\n  - {id: b, call: "{{a}}"}\n')
    assert found.locator == [(codes.CYCLE, 2, 29, 34)]
    assert "{{b}} in `when` of 'a'" in (found.only.hint or "")


def test_it_may_be_nested_so_deeply_and_no_more(check):
    text = TASKS + f"  - {{id: b, call: x, when: '{'(' * 30}{{{{a}}}} == 1{')' * 30}'}}\n"
    found = check(text, recursion=20)
    assert found.codes == [codes.DEPTH_LIMIT]
    assert "30 levels deep; at most 20" in found.only.message


def test_variables_in_it_are_asked_for_before_a_run(check):
    found = check(TASKS + '  - {id: b, call: "{{a}}", when: "${env.X} == 1"}\n')
    (problem,) = check_values(found.workflow, found.catalog, Values())
    assert problem.code == codes.ENV_NOT_SET
    assert problem.place is not None
    assert (problem.place.line, problem.place.column, problem.place.end_column) == (3, 35, 43)


def test_other_names_for_it_are_known(check):
    for name in ("if", "condition", "unless"):
        found = check(TASKS + f'  - {{id: b, call: "{{{{a}}}}", {name}: "true"}}\n')
        assert (found.only.code, "`when`" in (found.only.hint or "")) == (codes.UNKNOWN_KEY, True)
