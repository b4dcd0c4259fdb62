"""What runs, and when: a table of small graphs, with how the run and each of its tasks ends.

Each graph holds one sentence of the language's rules. The text is run by the real loader and engine.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest

from .conftest import Table

YES = "{id: yes, act: {gives: {v: 1, text: hi, nothing: null}}}"
FAILS = "{id: bad, act: {fails: true}}"
ACCEPTED = "{id: bad, act: {fails: true}, onError: continue}"
SKIPPED = '{id: no, act: x, when: "1 == 2"}'


class Graph(NamedTuple):
    rule: str
    tasks: tuple[str, ...]
    ends: dict[str, str]
    flows: tuple[str, ...] = ()
    status: str = "succeeded"
    options: dict[str, Any] = {}


GRAPHS = [
    # ---- references
    Graph(
        "a reference orders tasks and asks for a value",
        ('{id: later, act: "{{yes.text}}"}', YES),
        {"later": "success", "yes": "success"},
    ),
    Graph(
        "a reference never makes a task run: it has a flow that is inactive",
        (YES, '{id: b, act: "{{yes.text}}"}'),
        {"yes": "success", "b": "skipped condition"},
        ('{source: yes, target: b, condition: "{{yes.v}} == 2"}',),
    ),
    Graph(
        "a reference to another task never makes a task run, either",
        (YES, '{id: size, act: "{{yes.v}}"}', '{id: answer, act: "{{yes.text}} {{size}}"}'),
        {"yes": "success", "size": "success", "answer": "skipped condition"},
        ("{source: yes, target: answer, condition: \"{{yes.text}} == 'open'\"}",),
    ),
    Graph(
        "a reference never makes a task run whose `when` is false",
        (YES, '{id: b, act: "{{yes}}", when: "{{yes.v}} > 1"}'),
        {"yes": "success", "b": "skipped condition"},
    ),
    # ---- rule 1
    Graph(
        "upstreamFailed: the source of a flow failed",
        (FAILS, "{id: b, act: x}"),
        {"bad": "failed execution", "b": "skipped upstreamFailed"},
        ("{source: bad, target: b}",),
        "failed",
    ),
    Graph(
        "upstreamFailed: the source of one flow failed, though another flow is active",
        (YES, FAILS, "{id: b, act: x}"),
        {"yes": "success", "bad": "failed execution", "b": "skipped upstreamFailed"},
        ("{source: yes, target: b}", "{source: bad, target: b}"),
        "failed",
    ),
    Graph(
        "upstreamFailed: a need failed",
        (FAILS, '{id: b, act: "{{bad}}"}'),
        {"bad": "failed execution", "b": "skipped upstreamFailed"},
        (),
        "failed",
    ),
    Graph(
        "upstreamFailed: a need of `when` failed",
        (FAILS, '{id: b, act: x, when: "{{bad}} == 1"}'),
        {"bad": "failed execution", "b": "skipped upstreamFailed"},
        (),
        "failed",
    ),
    Graph(
        "upstreamFailed: a flow's condition reads a task that failed, without `??`",
        (YES, FAILS, "{id: b, act: x}"),
        {"yes": "success", "bad": "failed execution", "b": "skipped upstreamFailed"},
        ('{source: yes, target: b, condition: "{{bad}} == 1"}',),
        "failed",
    ),
    Graph(
        "upstreamFailed goes all the way down",
        (FAILS, '{id: b, act: "{{bad}}"}', "{id: c, act: x}", '{id: d, act: "{{c}}"}'),
        {
            "bad": "failed execution",
            "b": "skipped upstreamFailed",
            "c": "skipped upstreamFailed",
            "d": "skipped upstreamFailed",
        },
        ("{source: b, target: c}",),
        "failed",
    ),
    Graph(
        "upstreamFailed goes through a task with `onError: continue`, which did not fail itself",
        (FAILS, '{id: b, act: "{{bad}}", onError: continue}', "{id: c, act: x}"),
        {"bad": "failed execution", "b": "skipped upstreamFailed", "c": "skipped upstreamFailed"},
        ("{source: b, target: c}",),
        "failed",
    ),
    Graph(
        "rule 1 comes before rule 2: one need failed, another was skipped",
        (SKIPPED, FAILS, '{id: b, act: "{{no}} {{bad}}"}'),
        {"no": "skipped condition", "bad": "failed execution", "b": "skipped upstreamFailed"},
        (),
        "failed",
    ),
    Graph(
        "rule 1 comes before rule 4: a need failed, and `when` is false",
        (FAILS, '{id: b, act: "{{bad}}", when: "1 == 2"}'),
        {"bad": "failed execution", "b": "skipped upstreamFailed"},
        (),
        "failed",
    ),
    # ---- rule 2
    Graph(
        "upstreamSkipped: a need was skipped",
        (SKIPPED, '{id: b, act: "{{no}}"}', '{id: c, act: "{{b}}"}'),
        {"no": "skipped condition", "b": "skipped upstreamSkipped", "c": "skipped upstreamSkipped"},
    ),
    Graph(
        "upstreamFailed: a need failed under `onError: continue`",
        (ACCEPTED, '{id: b, act: "{{bad}}"}'),
        {"bad": "failed execution", "b": "skipped upstreamFailed"},
    ),
    Graph(
        "a failed task has no output, though it had produced something",
        ("{id: bad, act: {gives: partly, fails: true}, onError: continue}", '{id: b, act: "{{bad ?? 0}}"}'),
        {"bad": "failed execution", "b": "success"},
    ),
    Graph(
        "upstreamSkipped: a need was skipped, though a flow is active",
        (SKIPPED, YES, '{id: b, act: "{{no}}"}'),
        {"no": "skipped condition", "yes": "success", "b": "skipped upstreamSkipped"},
        ("{source: yes, target: b}",),
    ),
    Graph(
        "rule 2 comes before rule 3: a need was skipped, and the flow is inactive",
        (SKIPPED, YES, '{id: b, act: "{{no}}"}'),
        {"no": "skipped condition", "yes": "success", "b": "skipped upstreamSkipped"},
        ('{source: yes, target: b, condition: "{{yes.v}} == 2"}',),
    ),
    Graph(
        "upstreamSkipped: a need of `when` was skipped",
        (SKIPPED, "{id: b, act: x, when: \"{{no}} == 'x'\"}"),
        {"no": "skipped condition", "b": "skipped upstreamSkipped"},
    ),
    # ---- `??`
    Graph(
        "a task all of whose references have `??` runs even if every one of those tasks was skipped",
        (SKIPPED, '{id: b, act: "{{no ?? 1}} {{no.deep.path ?? null}}"}'),
        {"no": "skipped condition", "b": "success"},
    ),
    Graph(
        "`??` does not forgive: the run still fails",
        (FAILS, '{id: b, act: "{{bad ?? 0}}"}'),
        {"bad": "failed execution", "b": "success"},
        (),
        "failed",
    ),
    Graph(
        "a failure under `onError: continue` is forgiven, and read through `??`",
        (ACCEPTED, '{id: b, act: "{{bad ?? 0}}"}'),
        {"bad": "failed execution", "b": "success"},
    ),
    Graph(
        "a chain takes the first that has a value",
        (SKIPPED, YES, '{id: b, act: "{{no ?? yes.missing ?? yes.nothing ?? yes.text}}"}'),
        {"no": "skipped condition", "yes": "success", "b": "success"},
    ),
    Graph(
        "a chain is no need of any of its members, and takes a value of another source",
        (SKIPPED, FAILS, "{id: b, act: \"${task.no ?? task.bad ?? input.topic ?? 'none'}\"}"),
        {"no": "skipped condition", "bad": "failed execution", "b": "success"},
        (),
        "failed",
    ),
    Graph(
        "a reference with `??` below an upstreamFailed task is no need",
        (FAILS, '{id: b, act: "{{bad}}"}', '{id: c, act: "{{b ?? 0}}"}'),
        {"bad": "failed execution", "b": "skipped upstreamFailed", "c": "success"},
        (),
        "failed",
    ),
    Graph(
        "a flow beside a reference with `??` still decides",
        (SKIPPED, '{id: b, act: "{{no ?? 0}}"}'),
        {"no": "skipped condition", "b": "skipped upstreamSkipped"},
        ("{source: no, target: b}",),
    ),
    # ---- rule 3
    Graph(
        "a flow without a condition from a task that succeeded is active",
        (YES, "{id: b, act: x}"),
        {"yes": "success", "b": "success"},
        ("{source: yes, target: b}",),
    ),
    Graph(
        "one active flow is enough",
        (SKIPPED, YES, "{id: b, act: x}"),
        {"no": "skipped condition", "yes": "success", "b": "success"},
        (
            "{source: no, target: b}",
            '{source: yes, target: b, condition: "{{yes.v}} == 2"}',
            '{source: yes, target: b, condition: "{{yes.v}} == 1"}',
        ),
    ),
    Graph(
        "condition: no flow is active, and the source of one succeeded",
        (SKIPPED, YES, "{id: b, act: x}"),
        {"no": "skipped condition", "yes": "success", "b": "skipped condition"},
        ("{source: no, target: b}", '{source: yes, target: b, condition: "{{yes.v}} == 2"}'),
    ),
    Graph(
        "upstreamSkipped: no source of a flow succeeded",
        (SKIPPED, "{id: b, act: x}", "{id: c, act: x}"),
        {"no": "skipped condition", "b": "skipped upstreamSkipped", "c": "skipped upstreamSkipped"},
        ("{source: no, target: b}", "{source: b, target: c}"),
    ),
    Graph(
        "a flow out of a task that failed under `onError: continue` is active",
        (ACCEPTED, "{id: b, act: x}"),
        {"bad": "failed execution", "b": "success"},
        ("{source: bad, target: b}",),
    ),
    Graph(
        "a flow whose condition needs the value of a task that failed under `onError: continue` is inactive",
        (ACCEPTED, "{id: b, act: x}"),
        {"bad": "failed execution", "b": "skipped upstreamSkipped"},
        ('{source: bad, target: b, condition: "{{bad}} != 1"}',),
    ),
    Graph(
        "a condition with `??` has a value in any case",
        (ACCEPTED, "{id: b, act: x}"),
        {"bad": "failed execution", "b": "success"},
        ('{source: bad, target: b, condition: "{{bad ?? 7}} == 7"}',),
    ),
    Graph(
        "a flow whose condition needs the value of a skipped task is inactive",
        (SKIPPED, YES, "{id: b, act: x}"),
        {"no": "skipped condition", "yes": "success", "b": "skipped condition"},
        ('{source: yes, target: b, condition: "{{no}} != 1"}',),
    ),
    Graph(
        "rule 3 comes before rule 4: no source of a flow succeeded, and `when` is false",
        (SKIPPED, '{id: b, act: x, when: "1 == 2"}'),
        {"no": "skipped condition", "b": "skipped upstreamSkipped"},
        ("{source: no, target: b}",),
    ),
    # ---- `&&` and `||`
    Graph(
        "`||` stops early: what has no value is not asked for",
        (SKIPPED, YES, "{id: b, act: x}"),
        {"no": "skipped condition", "yes": "success", "b": "success"},
        ('{source: yes, target: b, condition: "{{yes.v}} == 1 || {{no}} == 1"}',),
    ),
    Graph(
        "`||` goes on if its left side is false",
        (SKIPPED, YES, "{id: b, act: x}"),
        {"no": "skipped condition", "yes": "success", "b": "skipped condition"},
        ('{source: yes, target: b, condition: "{{yes.v}} == 2 || {{no}} != 1"}',),
    ),
    Graph(
        "`&&` stops early: what is wrong on its right side is not seen",
        (YES, "{id: b, act: x}"),
        {"yes": "success", "b": "skipped condition"},
        ('{source: yes, target: b, condition: "{{yes.v}} == 2 && {{yes.missing}} == 1"}',),
    ),
    Graph(
        "every named task is waited for, though `||` stops early",
        (YES, FAILS, "{id: b, act: x}"),
        {"yes": "success", "bad": "failed execution", "b": "skipped upstreamFailed"},
        ('{source: yes, target: b, condition: "{{yes.v}} == 1 || {{bad}} == 1"}',),
        "failed",
    ),
    # ---- a value that exists, and what is wrong in it
    Graph(
        "a wrong path in a value that exists fails the task: in a field",
        (YES, '{id: b, act: "{{yes.missing}}"}', '{id: c, act: "{{b}}"}'),
        {"yes": "success", "b": "failed template", "c": "skipped upstreamFailed"},
        (),
        "failed",
    ),
    Graph(
        "a wrong path in a value that exists fails the task: in a flow's condition, beside an active flow",
        (YES, "{id: b, act: x}"),
        {"yes": "success", "b": "failed template"},
        ("{source: yes, target: b}", '{source: yes, target: b, condition: "{{yes.missing}} == 1"}'),
        "failed",
    ),
    Graph(
        "a wrong path in a value that exists fails the task: in `when`",
        (YES, '{id: b, act: x, when: "{{yes.missing}} == 1"}'),
        {"yes": "success", "b": "failed template"},
        (),
        "failed",
    ),
    Graph(
        "a wrong type in a value that exists fails the task",
        (YES, '{id: b, act: x, when: "{{yes.text}} < 1"}'),
        {"yes": "success", "b": "failed template"},
        (),
        "failed",
    ),
    Graph(
        "a condition that fails the task fails it under its `onError`",
        (YES, '{id: b, act: x, when: "{{yes.missing}} == 1", onError: continue}', "{id: c, act: x}"),
        {"yes": "success", "b": "failed template", "c": "success"},
        ("{source: b, target: c}",),
    ),
    Graph(
        "with `??` a wrong path is no fault",
        (YES, '{id: b, act: "{{yes.missing ?? 1}}", when: "{{yes.missing ?? 1}} == 1"}'),
        {"yes": "success", "b": "success"},
    ),
    # ---- `when`, `${state}`, `${error}`
    Graph(
        "`when` is asked after an active flow",
        (YES, '{id: b, act: x, when: "{{yes.v}} == 2"}', '{id: c, act: x, when: "{{yes.v}} == 1"}'),
        {"yes": "success", "b": "skipped condition", "c": "success"},
        ("{source: yes, target: b}", "{source: yes, target: c}"),
    ),
    Graph(
        "`when` reads inputs, with `&&` and `!`",
        (YES, "{id: b, act: x, when: \"{{yes.text}} == 'hi' && !${input.dry}\"}"),
        {"yes": "success", "b": "skipped condition"},
        options={"inputs": {"dry": True}},
    ),
    Graph(
        "a failure handler is a `when` on the state, without a flow; the run still fails",
        (FAILS, '{id: handler, act: "${error.bad.message}", when: "${state.bad} == \'failed\'"}'),
        {"bad": "failed execution", "handler": "success"},
        (),
        "failed",
    ),
    Graph(
        "a failure handler does not run if nothing failed",
        (YES, "{id: handler, act: x, when: \"${state.yes} == 'failed'\"}"),
        {"yes": "success", "handler": "skipped condition"},
    ),
    Graph(
        "the state of a skipped task can be asked for",
        (SKIPPED, "{id: b, act: x, when: \"${state.no} == 'skipped'\"}"),
        {"no": "skipped condition", "b": "success"},
    ),
    Graph(
        "a flow's condition may ask for the state of another task",
        (YES, ACCEPTED, "{id: b, act: x}", "{id: c, act: x}"),
        {"yes": "success", "bad": "failed execution", "b": "success", "c": "skipped condition"},
        (
            "{source: yes, target: b, condition: \"${state.bad} == 'failed'\"}",
            "{source: yes, target: c, condition: \"${state.bad} != 'failed'\"}",
        ),
    ),
    # ---- going on, and stopping
    Graph(
        "independent branches go on after a failure",
        (FAILS, '{id: b, act: "{{bad}}"}', "{id: c, act: {onceBegun: bad}}", '{id: d, act: "{{c}}"}'),
        {"bad": "failed execution", "b": "skipped upstreamFailed", "c": "success", "d": "success"},
        (),
        "failed",
    ),
    Graph(
        "fail-fast stops them: what runs is cancelled, what had not started is skipped",
        (
            "{id: bad, act: {fails: true, onceBegun: long}}",
            "{id: long, act: {forever: true}}",
            '{id: after, act: "{{long}}"}',
            '{id: below, act: "{{bad}}"}',
        ),
        {
            "bad": "failed execution",
            "long": "cancelled",
            "after": "skipped runCancelled",
            "below": "skipped runCancelled",
        },
        (),
        "failed",
        {"fail_fast": True},
    ),
    Graph(
        "fail-fast does not stop for a failure under `onError: continue`",
        (ACCEPTED, "{id: c, act: {onceBegun: bad}}", '{id: d, act: "{{c}}"}'),
        {"bad": "failed execution", "c": "success", "d": "success"},
        options={"fail_fast": True},
    ),
    Graph(
        "a task that takes too long fails, and what needs it is skipped",
        ("{id: long, act: {forever: true}, timeout: 20ms}", '{id: b, act: "{{long}}"}'),
        {"long": "failed timeout", "b": "skipped upstreamFailed"},
        (),
        "failed",
    ),
    Graph(
        "a run that takes too long cancels what runs and skips what had not started",
        (YES, "{id: long, act: {forever: true, onceBegun: yes}}", '{id: b, act: "{{long}}"}'),
        {"yes": "success", "long": "cancelled", "b": "skipped runCancelled"},
        (),
        "failed",
        {"timeout": "500ms"},
    ),
]


@pytest.mark.parametrize("graph", GRAPHS, ids=[graph.rule for graph in GRAPHS])
def test_a_graph_ends_as_the_rule_says(table: Table, graph: Graph) -> None:
    inputs = ["inputs: {dry: {type: bool}}"] if "inputs" in graph.options else []
    flows = ["flows:", *(f"  - {flow}" for flow in graph.flows)] if graph.flows else []
    text = "\n".join([*inputs, "tasks:", *(f"  - {task}" for task in graph.tasks), *flows, ""])
    status, ends = table.run(text, **graph.options)
    assert (ends, status) == (graph.ends, graph.status)
    # A task has begun if and only if it did not fail before it could, and was not skipped.
    began = {name for name, end in ends.items() if not end.startswith("skipped") and end != "failed template"}
    assert set(table.acts.ran) == began
    # A failed task never has an output, and a failed run prints none.
    assert {task.id for task in table.result.tasks if task.has_output} == {
        name for name, end in ends.items() if end == "success"
    }
    assert table.result.has_output is (status == "succeeded" and "success" in ends.values())


def test_a_task_waits_for_every_task_that_it_names_however_it_names_it(table: Table) -> None:
    named = ["fields", "state", "error", "when", "chain", "condition", "source"]
    tasks = [f"  - {{id: {name}, act: {{gives: 1, onceBegun: last}}}}" for name in named]
    text = "\n".join(
        [
            "tasks:",
            '  - {id: target, act: "{{fields}} ${state.state} ${error.error.message ?? 0} {{chain ?? 0}}",'
            ' when: "{{when}} == 1"}',
            *tasks,
            "  - {id: last, act: 1}",
            "flows:",
            '  - {source: source, target: target, condition: "true || {{condition}} == 1"}',
            "",
        ]
    )
    status, ends = table.run(text)
    assert (status, set(ends.values())) == ("succeeded", {"success"})
    assert table.acts.ran[-1] == "target"


async def test_what_is_cancelled_had_started_and_the_rest_is_skipped(table: Table) -> None:
    text = """
tasks:
  - {id: yes, act: 1}
  - {id: long, act: {forever: true, onceBegun: yes}}
  - {id: after, act: "{{long}}"}
  - {id: handler, act: x, when: "${state.long} == 'cancelled'"}
"""
    status, ends = await table.cancel_once_begun(text, "long")
    assert (status, ends) == (
        "cancelled",
        {
            "yes": "success",
            "long": "cancelled",
            "after": "skipped runCancelled",
            "handler": "skipped runCancelled",
        },
    )
    assert not table.result.has_output


@pytest.mark.parametrize("names", ["{{yes}}", "${state.yes}", "${error.yes.message ?? 0}", "{{yes ?? 0}}"])
def test_a_task_that_only_names_another_one_is_no_reason_for_that_one_to_run(table: Table, names: str) -> None:
    text = f"tasks:\n  - {{id: yes, act: 1, when: '1 == 2'}}\n  - {{id: b, act: {{reads: '{names}'}}}}\n"
    _, ends = table.run(text)
    assert ends["yes"] == "skipped condition"


class Inside(NamedTuple):
    rule: str
    workflows: str
    tasks: tuple[str, ...]
    ends: dict[str, str]
    status: str = "succeeded"
    options: dict[str, Any] = {}


INSIDE = [
    Inside(
        "a workflow's output is the task's, and what reads it runs",
        f"{{w: {{tasks: [{YES}], outputs: {{v: '{{{{yes.v}}}}'}}}}}}",
        ("{id: a, workflow: w}", '{id: b, act: "{{a.v}}"}'),
        {"a": "success", "a/yes": "success", "b": "success"},
    ),
    Inside(
        "a failure inside fails the task, with its category, and what needs it",
        f"{{w: {{tasks: [{FAILS}, {YES}]}}}}",
        ("{id: a, workflow: w}", '{id: b, act: "{{a}}"}'),
        {"a": "failed execution", "a/bad": "failed execution", "a/yes": "success", "b": "skipped upstreamFailed"},
        "failed",
    ),
    Inside(
        "a failure that is tolerated inside is none outside",
        f"{{w: {{tasks: [{ACCEPTED}, {YES}], outputs: '{{{{yes.v}}}}'}}}}",
        ("{id: a, workflow: w}", '{id: b, act: "{{a}}"}'),
        {"a": "success", "a/bad": "failed execution", "a/yes": "success", "b": "success"},
    ),
    Inside(
        "`onError: continue` tolerates the whole workflow, and `${error}` names the task inside",
        f"{{w: {{tasks: [{FAILS}]}}}}",
        (
            "{id: a, workflow: w, onError: continue}",
            "{id: b, act: x, when: \"${error.a.task} == 'a/bad' && ${state.a} == 'failed'\"}",
        ),
        {"a": "failed execution", "a/bad": "failed execution", "b": "success"},
    ),
    Inside(
        "a task that is skipped starts nothing inside",
        f"{{w: {{tasks: [{YES}]}}}}",
        ("{id: a, workflow: w, when: '1 == 2'}", '{id: b, act: "{{a}}"}'),
        {"a": "skipped condition", "b": "skipped upstreamSkipped"},
    ),
    Inside(
        "a workflow whose tasks are all skipped succeeds, without a value",
        f"{{w: {{tasks: [{SKIPPED}]}}}}",
        ("{id: a, workflow: w}", '{id: b, act: "{{a ?? 3}}"}'),
        {"a": "success", "a/no": "skipped condition", "b": "success"},
    ),
    Inside(
        "`${state}` and `when` inside speak of the workflow's own tasks",
        f"{{w: {{tasks: [{ACCEPTED}, {{id: b, act: x, when: \"${{state.bad}} == 'failed'\"}}]}}}}",
        ("{id: bad, act: 1}", "{id: a, workflow: w}"),
        {"bad": "success", "a": "success", "a/bad": "failed execution", "a/b": "success"},
    ),
    Inside(
        "an item's workflow fails by itself, and the others are done",
        "{w: {inputs: {n: {type: int}}, tasks: [{id: t, act: x, when: '${input.n} > 1'}, {id: u, act: '{{t}}'}],"
        " outputs: '{{u ?? ${input.n}}}'}}".replace("{{u ?? ${input.n}}}", "${task.u ?? input.n}"),
        ('{id: a, forEach: [1, 2], workflow: {use: w, with: {n: "${each.item}"}}}',),
        {
            "a": "success",
            "a[0]": "success",
            "a[0]/t": "skipped condition",
            "a[0]/u": "skipped upstreamSkipped",
            "a[1]": "success",
            "a[1]/t": "success",
            "a[1]/u": "success",
        },
    ),
    Inside(
        "--fail-fast stops a workflow at its first failure, and the run with it",
        f"{{w: {{tasks: [{FAILS}, {{id: b, act: x}}], flows: [{{source: bad, target: b}}]}}}}",
        ("{id: a, workflow: w}", '{id: c, act: "{{a}}"}'),
        {
            "a": "failed execution",
            "a/bad": "failed execution",
            "a/b": "skipped runCancelled",
            "c": "skipped runCancelled",
        },
        "failed",
        {"fail_fast": True},
    ),
]


@pytest.mark.parametrize("case", INSIDE, ids=[case.rule for case in INSIDE])
def test_a_workflow_inside_ends_as_the_rule_says(table: Table, case: Inside) -> None:
    text = "\n".join([f"workflows: {case.workflows}", "tasks:", *(f"  - {task}" for task in case.tasks), ""])
    status, _ = table.run(text, **case.options)
    assert (table.all_ends(), status) == (case.ends, case.status)
