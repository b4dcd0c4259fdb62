"""`ask`: a gate is true or declined, a form is an object; what makes no sense is said before anything runs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from nika_core.plugin import Category
from nika_core.testing import FakeStepContext, plan_workflow, run_workflow, validate_workflow

README = Path(__file__).parent.parent.joinpath("README.md").read_text(encoding="utf-8")
GATE = """\
tasks:
  - {id: approve, ask: "Go on?"}
  - {id: needs, shell: "echo {{approve}}"}
  - {id: flows, shell: "echo flow"}
  - {id: other, shell: "echo other"}
flows: [{source: approve, target: flows}]
"""
FORM = """\
tasks:
  - id: choose
    ask:
      message: "Where?"
      form:
        target: {type: string, enum: [staging, production]}
        copies: {type: int, default: 3, min: 1, max: 9}
        note: {type: string, required: false}
  - {id: deploy, shell: "echo {{choose.target}} {{choose.copies}}"}
"""


@pytest.mark.parametrize("answer", [True, "yes", "Yes", "true"])
def test_yes_is_true(answer: Any) -> None:
    done = run_workflow(GATE, answers={"approve": answer})
    assert done.task("approve").output is True
    assert done.task("needs").output == "true"
    assert done.result.succeeded


@pytest.mark.parametrize("answer", [False, "no", "false"])
def test_no_declines_the_task_and_skips_what_needs_it(answer: Any) -> None:
    done = run_workflow(GATE, answers={"approve": answer})
    reasons = {task.id: task.skip_reason for task in done.result.tasks}
    assert reasons == {"approve": "declined", "needs": "upstreamSkipped", "flows": "upstreamSkipped", "other": None}
    assert done.result.succeeded


def test_a_form_yields_typed_fields_with_defaults() -> None:
    done = run_workflow(FORM, answers={"choose": {"target": "staging", "note": "x"}})
    assert done.task("choose").output == {"target": "staging", "copies": 3, "note": "x"}
    assert done.task("deploy").output == "staging 3"


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ({"target": "mars"}, "expected one of `staging`, `production`"),
        ({"target": "staging", "copies": 10}, "expected at most 9"),
        ({"target": "staging", "copies": "many"}, "expected a whole number"),
        ({}, "the field `target` is missing"),
        ({"target": "staging", "taget": 1}, "did you mean `target`?"),
        (True, "the answer has the fields target, copies, note"),
    ],
)
def test_an_answer_that_does_not_fit_is_refused(answer: Any, told: str) -> None:
    failure = run_workflow(FORM, answers={"choose": answer}).task("choose").failure
    assert failure is not None
    assert told in failure.message
    assert failure.category is Category.CONFIG


@pytest.mark.parametrize("mock", [True, False])
def test_nothing_answers_by_itself(mock: bool) -> None:
    failure = run_workflow(GATE, mock=mock, answers=None if mock else {}).task("approve").failure
    assert failure is not None
    assert "asks “Go on?”, and there is no answer for it" in failure.message
    assert "approve: yes" in (failure.hint or "")


@pytest.mark.parametrize(("key", "answered"), [("approve[*]", 3), ("approve.*", 3), ("approve[1]", 1)])
def test_answers_of_items_are_given_by_pattern(key: str, answered: int) -> None:
    text = 'tasks:\n  - {id: approve, forEach: [a, b, c], ask: "Take ${each.item}?"}\n'
    (task,) = run_workflow(text, answers={key: True}).result.tasks
    assert sum(child.state == "success" for child in task.children) == answered


def test_rounds_are_answered_and_a_no_ends_the_loop() -> None:
    text = 'tasks:\n  - {id: more, ask: "More?", repeat: {max: 3, until: "{{more}} == false"}}\n'
    (task,) = run_workflow(text, answers={"more@*": True}).result.tasks
    assert task.failure is not None
    assert len(task.children) == 3
    (task,) = run_workflow(text, answers={"more@*": True, "more@2": False}).result.tasks
    assert (task.state, task.skip_reason, len(task.children)) == ("skipped", "declined", 2)


@pytest.mark.parametrize("key", ["timeout: 5s", "idleTimeout: 5s", "retry: {max: 2}"])
def test_what_makes_no_sense_beside_a_question_is_an_error(key: str) -> None:
    problems = validate_workflow(f'tasks:\n  - id: approve\n    ask: "Go on?"\n    {key}\n')
    name = key.partition(":")[0]
    (problem,) = problems
    assert problem.message == f"`ask` has no `{name}`"
    assert problem.place is not None
    assert problem.place.line == 4


@pytest.mark.parametrize(
    ("payload", "told", "line"),
    [
        ("message: ''", "empty", 4),
        ("show: x", "message", 4),
        ("message: Go?\n      default: true", "the question does not expire", 5),
        ("message: Go?\n      expires: 1h\n      default: perhaps", "the default: the answer is yes or no", 6),
        ("message: Go?\n      expires: soon", "expected a duration", 5),
        ("message: Go?\n      form: {n: {type: int, default: x}}", "the default of `n`", 5),
        ("message: Go?\n      form: {n: {type: int, enum: []}}", "the enum of `n`", 5),
        ("message: Go?\n      form: {n: {typ: int}}", "typ", 5),
        ("message: Go?\n      form: {}", "`form` has no field", 5),
        ("message: Go?\n      form: {n: {type: int, min: 5, max: 1}}", "the max of `n`: no number is at least 5", 5),
        ("message: Go?\n      form: {n: {type: int, min: 5, enum: [1, 6]}}", "the enum of `n`: expected at least 5", 5),
        ("message: Go?\n      form: {n: {type: int}, n: {type: int}}", "n", 5),
        (
            "message: Go?\n      expires: 1h\n      default: {n: x}\n      form: {n: {type: int}}",
            "the default: `n`: expected a whole number",
            6,
        ),
    ],
)
def test_a_question_that_makes_no_sense_is_refused_at_its_place(payload: str, told: str, line: int) -> None:
    problems = validate_workflow(f"tasks:\n  - id: ask\n    ask:\n      {payload}\n  - set: '{{{{ask}}}}'\n    id: x\n")
    errors = [problem for problem in problems if problem.severity == "error"]
    assert any(told in problem.message for problem in errors), problems
    assert any(problem.place is not None and problem.place.line == line for problem in errors), problems


def test_a_form_that_nothing_reads_is_warned_of_and_a_gate_is_not() -> None:
    (problem,) = validate_workflow(FORM.replace("{{choose.target}} {{choose.copies}}", "x"))[:1]
    assert "its answer decides nothing, since nothing reads it" in problem.message
    assert problem.severity == "warning"
    assert not validate_workflow(FORM)
    assert not validate_workflow('tasks:\n  - {id: approve, ask: "Go on?"}\n')


def test_an_output_that_a_gate_may_leave_out_needs_a_default() -> None:
    text = 'outputs: "{{approve}}"\ntasks:\n  - {id: approve, ask: "Go on?"}\n'
    (problem,) = validate_workflow(text)
    assert "'approve' may have no output" in problem.message
    assert not validate_workflow(text.replace("{{approve}}", "{{approve ?? false}}"))
    assert not validate_workflow(FORM.replace("tasks:", 'outputs: "{{choose.target}}"\ntasks:'))


def test_a_plan_says_that_a_person_is_asked() -> None:
    (effect,) = plan_workflow(GATE).tasks[0].effects
    assert (effect.kind, effect.target) == ("person", "is asked")


async def test_the_step_asks_what_its_payload_says() -> None:
    from nika_keyword_ask.keyword import AskStep

    context = FakeStepContext(answers=[{"n": "4"}])
    payload = {"message": "How many?", "show": [1], "expires": 60.0, "form": {"n": {"type": "int"}}}
    assert await AskStep().run(payload, context) == {"n": 4}
    (question,) = context.questions
    assert (question.message, question.show, question.seconds) == ("How many?", [1], 60.0)


@pytest.mark.parametrize("number", [0, 1])
def test_the_examples_of_the_readme_run(number: int) -> None:
    workflow = re.findall(r"```yaml\n(.*?)```", README, re.DOTALL)[number]
    answers = {"approve": True} if "approve" in workflow else {"choose": {"target": "staging"}}
    assert run_workflow(workflow, answers=answers).result.succeeded


CHOICE = """\
tasks:
  - id: where
    ask:
      message: Where?
      form: {target: {type: string, enum: [staging, production]}, note: {type: string, required: false}}
"""
KNOWN = "what is known of the output of 'where'"


@pytest.mark.parametrize(
    ("task", "message"),
    [
        ('set: "{{where.traget}}"', f"{{{{where.traget}}}}: {KNOWN} declares no 'traget'"),
        (
            'set: "{{where.note.deep}}"',
            f"{{{{where.note.deep}}}}: {KNOWN} says that 'note' is string, which has no 'deep'",
        ),
        ("set: 1, when: \"{{where.target}} == 'prod'\"", "{{where.target}} is never the text 'prod'"),
    ],
)
def test_a_reference_to_an_answer_that_the_form_cannot_have_is_found_before_a_run(task: str, message: str) -> None:
    (problem,) = validate_workflow(f"{CHOICE}  - {{id: copy, {task}}}\n")
    assert problem.message == message


def test_references_to_fields_of_the_form_are_fine() -> None:
    copy = """  - {id: copy, set: "{{where.target}} {{where.note ?? 'none'}}"}\n"""
    assert validate_workflow(f"{CHOICE}{copy}") == ()
