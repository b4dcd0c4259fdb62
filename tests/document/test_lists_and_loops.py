"""`forEach`, `repeat`, `outputs` and the run's `timeout`: how they are read, and what is wrong before anything runs."""

from collections.abc import Callable
from typing import Any

import pytest

from nika_core import codes
from nika_core.document import check_inputs
from nika_core.model.workflow import ForEach, ItemError
from nika_core.testing import validate_workflow

Load = Callable[..., Any]


def task(load: Load, fields: str) -> Any:
    loaded = load(f"tasks:\n  - {{id: a, shell: x, {fields}}}\n")
    assert loaded.problems == ()
    return loaded.workflow.tasks[0]


def problems(load: Load, text: str) -> list[tuple[str, str]]:
    return [(problem.code, problem.message) for problem in load(text).problems]


def test_a_list_is_short_for_its_items(load: Load) -> None:
    assert task(load, "forEach: [x, 'y', 3, {z: true}]").for_each == ForEach(["x", "y", 3, {"z": True}])


def test_every_field_of_for_each_is_read(load: Load) -> None:
    for_each = task(
        load, "forEach: {items: [x], maxConcurrent: 2, max: 5, key: '${env.K}', onItemError: {value: {none: 1}}}"
    ).for_each
    assert (for_each.items, for_each.max_concurrent, for_each.max_items) == (["x"], 2, 5)
    assert (for_each.on_item_error, for_each.value) == (ItemError.VALUE, {"none": 1})
    assert for_each.key.single.path == ("K",)


def test_every_field_of_repeat_is_read(load: Load) -> None:
    read = task(
        load,
        "repeat: {until: '{{a}} == 1', max: 5, every: 2s, onExhausted: continue, onRoundError: continue,"
        " collect: true, conversation: fresh}",
    ).repeat
    assert (read.until.text, read.max_rounds, read.every) == ("{{a}} == 1", 5, 2.0)
    assert (read.fail_if_exhausted, read.fail_on_round_error) == (False, False)
    assert (read.collect, read.keep_conversation) == (True, False)


@pytest.mark.parametrize(
    ("field", "code"),
    [
        ("forEach: plain", codes.BAD_VALUE),
        ("forEach: 'a {{b}} c'", codes.BAD_VALUE),
        ("forEach: 3", codes.BAD_VALUE),
        ("forEach: {max: 3}", codes.BAD_VALUE),
        ("forEach: {items: [x], maxConcurrent: 0}", codes.BAD_VALUE),
        ("forEach: {items: [x], onItemError: perhaps}", codes.BAD_VALUE),
        ("forEach: {items: [x], itmes: 3}", codes.UNKNOWN_KEY),
        ("repeat: {until: '{{a}} == 1'}", codes.BAD_VALUE),
        ("repeat: {max: 3}", codes.BAD_VALUE),
        ("repeat: {until: '{{a}} ==', max: 3}", codes.BAD_CONDITION),
        ("repeat: {until: '{{a}} == 1', max: 0}", codes.BAD_VALUE),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_place(load: Load, field: str, code: str) -> None:
    found = load(f"tasks:\n  - {{id: a, shell: x, {field}}}\n").problems
    assert code in {problem.code for problem in found}
    assert all(problem.place.line == 2 for problem in found)


def test_all_that_is_wrong_with_a_list_is_reported_in_one_go(load: Load) -> None:
    found = load(
        "tasks:\n  - {id: a, shell: x, forEach: {items: [x], max: 0, onItemError: perhaps, kye: x}}\n"
    ).problems
    assert len({problem.place.column for problem in found}) == 3


def test_a_value_that_stands_in_for_an_item_fits_the_schema_of_an_item(load: Load) -> None:
    schema = "output: {format: json, schema: {type: string}}"
    for value, errors in (("3", 1), ("three", 0), ("'{{b}}'", 0)):
        text = f"{{id: a, shell: x, forEach: {{items: [x], onItemError: {{value: {value}}}}}, {schema}}}"
        found = problems(load, f"tasks: [{{id: b, shell: x}}, {text}]\n")
        assert [code for code, _ in found if code == codes.BAD_VALUE] == [codes.BAD_VALUE] * errors


def test_a_task_is_not_both_a_list_and_a_loop(load: Load) -> None:
    text = "tasks: [{id: a, shell: x, forEach: [y], repeat: {until: '{{a}} == 1', max: 2}}]\n"
    assert problems(load, text) == [(codes.BAD_VALUE, "a task cannot have both `forEach` and `repeat`")]


def test_a_conversation_is_not_a_list(load: Load) -> None:
    text = "agent: {model: m, provider: p}\ntasks: [{id: a, agent: x, forEach: [y]}]\n"
    assert problems(load, text) == [(codes.BAD_VALUE, "`agent` cannot have `forEach`: its conversation is one")]


def test_until_asks_for_the_output_of_its_own_task(load: Load) -> None:
    text = "tasks: [{id: b, shell: x}, {id: a, shell: '{{b}}', repeat: {until: '{{b}} == 1', max: 2}}]\n"
    assert [code for code, _ in problems(load, text)] == [codes.BAD_CONDITION]


def test_only_until_may_ask_for_the_output_of_its_own_task(load: Load) -> None:
    assert problems(load, "tasks: [{id: a, shell: x, repeat: {until: '{{a}} == 1', max: 2}}]\n") == []
    assert [code for code, _ in problems(load, "tasks: [{id: a, shell: x, forEach: '{{a}}'}]\n")] == [codes.CYCLE]


def test_the_items_of_a_list_make_their_task_wait(load: Load) -> None:
    loop = "repeat: {until: '{{a ?? b}}', max: 2}"
    text = f"tasks: [{{id: b, shell: x, forEach: [y, '{{{{a}}}}']}}, {{id: a, shell: x, {loop}}}]\n"
    (problem,) = load(text).problems
    assert (problem.code, problem.place.column) == (codes.CYCLE, 41)
    assert problem.hint == "remove one of these: {{b}} in `until` of 'a'; {{a}} in `forEach` of 'b'"


def test_outputs_name_tasks_that_are_there(load: Load) -> None:
    tasks = "tasks: [{id: a, shell: x}]\n"
    assert problems(load, "outputs: {one: '{{a}}', more: {deep: ['{{a}}', 3]}}\n" + tasks) == []
    assert [code for code, _ in problems(load, "outputs: {one: '{{b}}'}\n" + tasks)] == [codes.UNKNOWN_REFERENCE]


@pytest.mark.parametrize(
    ("reference", "errors"),
    [
        ("{{maybe}}", 1),
        ("{{maybe ?? perhaps}}", 0),  # if neither has a value, the run fails and says so
        ("${error.perhaps.message}", 1),  # there is none if all goes well
        ("${error.sure.message ?? null}", 0),
        ("{{maybe ?? sure}}", 0),
        ("${task.maybe ?? input.text}", 0),
        ("${state.maybe}", 0),
        ("{{some}}", 0),  # its `when` skips items, not the task
    ],
)
def test_outputs_say_what_is_taken_if_a_task_has_no_output(reference: str, errors: int) -> None:
    text = f"""
        inputs: {{text: {{default: x}}}}
        outputs: ["{reference}", "{{{{sure}}}}"]
        tasks:
          - {{id: sure, shell: x}}
          - {{id: maybe, shell: x, when: "{{{{sure}}}} == 1"}}
          - {{id: perhaps, shell: "echo {{{{sure}}}}", onError: continue}}
          - {{id: some, set: "{{{{sure}}}}", forEach: [1, 2], when: "${{each.item}} == 2"}}
    """
    assert [problem.code for problem in validate_workflow(text)] == [codes.UNKNOWN_REFERENCE] * errors


def test_a_lone_task_that_outputs_name_is_no_orphan(load: Load) -> None:
    tasks = "tasks: [{id: a, shell: x}, {id: b, shell: '{{a}}'}, {id: c, shell: x}]\n"
    assert [code for code, _ in problems(load, tasks)] == [codes.ORPHAN_TASK]
    assert problems(load, "outputs: ['{{b}}', {deep: '{{c ?? 0}}'}]\n" + tasks) == []


def test_an_input_is_one_of_its_values_and_within_its_bounds(load: Load) -> None:
    loaded = load(
        "inputs: {stage: {enum: [dev, prod]}, n: {type: int, min: 1, max: 3, default: 2}}\ntasks: [{id: a, shell: x}]\n"
    )
    assert loaded.problems == ()
    assert check_inputs(loaded.workflow, {"stage": "dev", "n": "3"}) == ({"stage": "dev", "n": 3}, ())
    for wrong in ({"stage": "test"}, {"stage": "dev", "n": 0}, {"stage": "dev", "n": "4"}):
        assert [problem.code for problem in check_inputs(loaded.workflow, wrong)[1]] == [codes.BAD_INPUT]


def test_a_default_that_its_own_input_refuses_is_an_error(load: Load) -> None:
    assert problems(load, "inputs: {n: {type: int, max: 3, default: 9}}\ntasks: [{id: a, shell: x}]\n") != []
