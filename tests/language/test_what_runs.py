"""What runs, and when: a table of small graphs, with how the run and each of its tasks ends.

Each graph holds one sentence of the language's rules. The text is run by the real loader and engine.
"""

from __future__ import annotations

from typing import Any, NamedTuple
from unittest.mock import ANY

import pytest

from .conftest import Table

YES = "{id: yes, act: {gives: {v: 1, text: hi, nothing: null}}}"
FAILS = "{id: bad, act: {fails: true}}"
ACCEPTED = "{id: bad, act: {fails: true}, onError: continue}"
SKIPPED = '{id: no, act: x, when: "1 == 2"}'


class Graph(NamedTuple):
    """A workflow, and how it ends.

    Attributes:
        ends: of each task, its state with the reason of a skip or the category of a failure.
        root: further keys of the workflow.
        output: the run's.
        acts: what was begun, in order, if it is not once each task that was not skipped.
    """

    rule: str
    tasks: tuple[str, ...]
    ends: dict[str, str]
    flows: tuple[str, ...] = ()
    status: str = "succeeded"
    options: dict[str, Any] = {}
    root: tuple[str, ...] = ()
    output: Any = ANY
    acts: str | None = None


CLEAN = "{id: clean, act: x, always: true}"
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
    # ---- stand-in values
    Graph(
        "a stand-in value makes the task count as succeeded: it is read, its flows are active, the run succeeds",
        ("{id: bad, act: {fails: true}, onError: {value: {v: 7}}}", '{id: b, act: "{{bad.v}}"}', "{id: c, act: x}"),
        {"bad": "success", "b": "success", "c": "success"},
        ('{source: bad, target: c, condition: "{{bad.v}} == 7"}',),
        root=('outputs: "{{b}}"',),
        output=7,
    ),
    Graph(
        "why a task failed can be read though a value stood in; its state is a success",
        (
            "{id: bad, act: {fails: true}, onError: {value: 0}}",
            '{id: b, act: "${error.bad.category}: ${error.bad.message}", when: "${state.bad} == \'success\'"}',
        ),
        {"bad": "success", "b": "success"},
        output="execution: it was told to fail",
    ),
    Graph(
        "a stand-in value is not a word on a task that is skipped",
        (FAILS, '{id: b, act: "{{bad}}", onError: {value: 0}}', '{id: c, act: "{{b ?? 5}}"}'),
        {"bad": "failed execution", "b": "skipped upstreamFailed", "c": "success"},
        (),
        "failed",
    ),
    Graph(
        "a stand-in value also stands in for a task whose template is wrong",
        (YES, '{id: b, act: "{{yes.missing}}", onError: {value: "{{yes.text}}"}}', '{id: c, act: "{{b}}"}'),
        {"yes": "success", "b": "success", "c": "success"},
        output="hi",
        acts="yes c",
    ),
    Graph(
        "a stand-in value that has no value itself fails the task",
        (YES, '{id: bad, act: {fails: true}, onError: {value: "{{yes.missing}}"}}', '{id: b, act: "{{bad}}"}'),
        {"yes": "success", "bad": "failed template", "b": "skipped upstreamFailed"},
        (),
        "failed",
        acts="yes bad",
    ),
    # ---- cleanup
    Graph(
        "cleanup runs once what it waits for has ended, however it ended; the run still fails",
        (FAILS, '{id: b, act: "{{bad}}"}', "{id: clean, act: \"${state.bad} {{b ?? 'none'}}\", always: true}"),
        {"bad": "failed execution", "b": "skipped upstreamFailed", "clean": "success"},
        (),
        "failed",
    ),
    Graph(
        "flows into cleanup only order",
        (SKIPPED, FAILS, CLEAN),
        {"no": "skipped condition", "bad": "failed execution", "clean": "success"},
        ("{source: no, target: clean}", "{source: bad, target: clean}"),
        "failed",
    ),
    Graph(
        "the `when` of cleanup still decides",
        (YES, "{id: clean, act: x, always: true, when: \"${state.yes} == 'failed'\"}"),
        {"yes": "success", "clean": "skipped condition"},
    ),
    Graph(
        "cleanup that waits for no task waits for all tasks that are not cleanup, and reads how the run ends",
        (
            "{id: clean, act: x, always: true}",
            "{id: told, act: x, always: true, when: \"${run.status} == 'failed'\"}",
            "{id: calm, act: x, always: true, when: \"${run.status} == 'succeeded'\"}",
            FAILS,
            "{id: c, act: {onceBegun: bad}}",
            '{id: d, act: "{{c}}"}',
        ),
        {
            "clean": "success",
            "told": "success",
            "calm": "skipped condition",
            "bad": "failed execution",
            "c": "success",
            "d": "success",
        },
        (),
        "failed",
    ),
    Graph(
        "cleanup runs after fail-fast, too",
        (
            "{id: bad, act: {fails: true, onceBegun: long}}",
            "{id: long, act: {forever: true}}",
            '{id: clean, act: "${state.long}", always: true}',
            '{id: after, act: "{{long}}"}',
        ),
        {"bad": "failed execution", "long": "cancelled", "clean": "success", "after": "skipped runCancelled"},
        (),
        "failed",
        {"fail_fast": True},
        acts="bad long clean",
    ),
    Graph(
        "cleanup runs after a run that took too long, too",
        ("{id: long, act: {forever: true}}", CLEAN),
        {"long": "cancelled", "clean": "success"},
        (),
        "failed",
        {"timeout": "200ms"},
        acts="long clean",
    ),
    Graph(
        "cleanup that fails fails the run",
        (YES, "{id: clean, act: {fails: true}, always: true}"),
        {"yes": "success", "clean": "failed execution"},
        (),
        "failed",
    ),
    Graph(
        "cleanup never gives the default output",
        (YES, CLEAN),
        {"yes": "success", "clean": "success"},
        output={"v": 1, "text": "hi", "nothing": None},
    ),
    # ---- lists
    Graph(
        "a list has an output of the same length in the same order",
        ('{id: list, forEach: [3, 1, 2], act: "${each.number}/${each.item}"}',),
        {"list": "success"},
        output=["1/3", "2/1", "3/2"],
        acts="list[0] list[1] list[2]",
    ),
    Graph(
        "an empty list gives an empty list at once, and what needs it runs",
        ("{id: none, act: {gives: []}}", '{id: list, forEach: "{{none}}", act: x}', '{id: b, act: "{{list}}"}'),
        {"none": "success", "list": "success", "b": "success"},
        output=[],
        acts="none b",
    ),
    Graph(
        "a value that is not a list fails the task",
        (YES, '{id: list, forEach: "{{yes.text}}", act: x}', '{id: b, act: "{{list ?? 0}}"}'),
        {"yes": "success", "list": "failed template", "b": "success"},
        (),
        "failed",
        acts="yes b",
    ),
    Graph(
        "every item is done, then the task fails; what it had produced is a list with null",
        (
            '{id: list, forEach: [true, false], act: {gives: 1, failsIf: "${each.item}"}, onError: continue}',
            '{id: b, act: "${error.list.output} ${error.list.items.0.index}"}',
        ),
        {"list": "failed execution", "b": "success"},
        output="[null,1] 0",
        acts="list[0] list[1] b",
    ),
    Graph(
        "with `onItemError: stop` no further item starts",
        (
            "{id: list, forEach: {items: [true, false], maxConcurrent: 1, onItemError: stop}, "
            'act: {failsIf: "${each.item}"}}',
            '{id: b, act: "{{list}}"}',
        ),
        {"list": "failed execution", "b": "skipped upstreamFailed"},
        (),
        "failed",
        acts="list[0]",
    ),
    Graph(
        "with `onItemError: continue` the task succeeds, and the failed item's place is null",
        (
            "{id: list, forEach: {items: [true, false], onItemError: continue}, "
            'act: {gives: 1, failsIf: "${each.item}"}}',
            '{id: b, act: {gives: ["{{list}}", "${error.list.items.0.category}"]}}',
        ),
        {"list": "success", "b": "success"},
        output=[[None, 1], "execution"],
        acts="list[0] list[1] b",
    ),
    Graph(
        "`onItemError: {value}` stands in for the item",
        (
            "{id: list, forEach: {items: [true, false], onItemError: {value: 9}}, "
            'act: {gives: 1, failsIf: "${each.item}"}}',
        ),
        {"list": "success"},
        output=[9, 1],
        acts="list[0] list[1]",
    ),
    Graph(
        "what stands in for an item may speak of it",
        (
            "{id: list, forEach: {items: [true, false], onItemError: {value: {n: '${each.number}'}}}, "
            'act: {gives: 1, failsIf: "${each.item}"}}',
        ),
        {"list": "success"},
        output=[{"n": 1}, 1],
        acts="list[0] list[1]",
    ),
    Graph(
        "a list fails if a failed item has no value to stand in for it",
        (
            "{id: a, act: {}}",
            "{id: list, forEach: {items: [true, false], onItemError: {value: '{{a.nope}}'}}, "
            'act: {gives: 1, failsIf: "${each.item}"}}',
        ),
        {"a": "success", "list": "failed template"},
        (),
        "failed",
        acts="a list[0] list[1]",
    ),
    Graph(
        "a value that stands in for an item has to fit the task's schema",
        (
            "{id: a, act: {gives: 9}}",
            "{id: list, forEach: {items: [true, false], onItemError: {value: '{{a}}'}}, "
            'act: {gives: "x", failsIf: "${each.item}"}, output: {format: json, schema: {type: string}}}',
        ),
        {"a": "success", "list": "failed template"},
        (),
        "failed",
        acts="a list[0] list[1]",
    ),
    Graph(
        "`onError` is the whole task's: its value stands in for the list",
        ('{id: list, forEach: [true, false], act: {failsIf: "${each.item}"}, onError: {value: []}}',),
        {"list": "success"},
        output=[],
        acts="list[0] list[1]",
    ),
    Graph(
        "a list of more than `max` items fails before the first one starts",
        ("{id: many, act: {gives: [1, 2, 3]}}", '{id: list, forEach: {items: "{{many}}", max: 2}, act: x}'),
        {"many": "success", "list": "failed template"},
        (),
        "failed",
        acts="many",
    ),
    Graph(
        "a repeated key fails the task before the first item",
        ('{id: list, forEach: {items: [a, b, a], key: "${each.item}"}, act: x}',),
        {"list": "failed template"},
        (),
        "failed",
        acts="",
    ),
    Graph(
        "a `when` without an item is decided once, before the list",
        ('{id: list, forEach: [1, 2], act: x, when: "1 == 2"}', '{id: b, act: "{{list}}"}'),
        {"list": "skipped condition", "b": "skipped upstreamSkipped"},
    ),
    Graph(
        "a `when` with an item is asked for each: a skipped one is null and no failure, the task is not skipped",
        ('{id: list, forEach: [1, 2], act: "${each.item}", when: "${each.item} == 2"}', '{id: b, act: "{{list}}"}'),
        {"list": "success", "b": "success"},
        output=[None, 2],
        acts="list[1] b",
    ),
    Graph(
        "a list is skipped like any task if its items have no value",
        (SKIPPED, '{id: list, forEach: "{{no}}", act: x}', '{id: other, forEach: "{{no ?? []}}", act: x}'),
        {"no": "skipped condition", "list": "skipped upstreamSkipped", "other": "success"},
        output=[],
        acts="",
    ),
    # ---- loops
    Graph(
        "a loop does its task again until the condition holds",
        ('{id: loop, act: "${last.round ?? 0}", repeat: {until: "{{loop}} == 2", max: 5}}', '{id: b, act: "{{loop}}"}'),
        {"loop": "success", "b": "success"},
        output=2,
        acts="loop@1 loop@2 loop@3 b",
    ),
    Graph(
        "a loop whose condition never held fails; what it had produced can be read",
        (
            '{id: loop, act: "${last.round ?? 0}", repeat: {until: "{{loop}} == 7", max: 2}, onError: continue}',
            '{id: b, act: "${error.loop.output}"}',
        ),
        {"loop": "failed validation", "b": "success"},
        output=1,
        acts="loop@1 loop@2 b",
    ),
    Graph(
        "with `onExhausted: continue` a loop succeeds with its last output",
        ('{id: loop, act: "${last.round ?? 0}", repeat: {until: "{{loop}} == 7", max: 2, onExhausted: continue}}',),
        {"loop": "success"},
        output=1,
        acts="loop@1 loop@2",
    ),
    Graph(
        "a failed round fails the loop",
        ('{id: loop, act: {fails: true}, repeat: {until: "{{loop}} == 1", max: 3}}', '{id: b, act: "{{loop}}"}'),
        {"loop": "failed execution", "b": "skipped upstreamFailed"},
        (),
        "failed",
        acts="loop@1",
    ),
    Graph(
        "with `onRoundError: continue` a failed round counts as one without output, and the loop goes on",
        (
            "{id: loop, repeat: {until: \"{{loop}} == 'done'\", max: 3, onRoundError: continue}, "
            'act: {gives: done, failsIf: "${last.round ?? true}"}}',
        ),
        {"loop": "success"},
        output="done",
        acts="loop@1 loop@2",
    ),
    Graph(
        "a path that is missing in `until` fails the task",
        ('{id: loop, act: {gives: {v: 1}}, repeat: {until: "{{loop.missing}} == 1", max: 3}}',),
        {"loop": "failed template"},
        (),
        "failed",
        acts="loop@1",
    ),
    Graph(
        "`collect` makes the output the list of all rounds' outputs",
        ('{id: loop, act: "${last.round ?? 0}", repeat: {until: "{{loop}} == 1", max: 3, collect: true}}',),
        {"loop": "success"},
        output=[0, 1],
        acts="loop@1 loop@2",
    ),
    Graph(
        "the `when` of a loop is decided once, before its first round",
        ('{id: loop, act: x, when: "1 == 2", repeat: {until: "{{loop}} == 1", max: 3}}',),
        {"loop": "skipped condition"},
    ),
    # ---- outputs
    Graph(
        "`outputs` is the workflow's output, with a value for a task that was skipped",
        (SKIPPED, YES),
        {"no": "skipped condition", "yes": "success"},
        root=('outputs: {a: "{{no ?? \'none\'}}", b: "{{yes.v}}"}',),
        output={"a": "none", "b": 1},
    ),
    Graph(
        "a template in `outputs` without a value fails the run, though every task succeeded",
        (YES,),
        {"yes": "success"},
        (),
        "failed",
        root=('outputs: {a: "{{yes.missing}}"}',),
    ),
    Graph(
        "a chain in `outputs` needs no literal at its end: the first that has a value",
        (SKIPPED, YES),
        {"no": "skipped condition", "yes": "success"},
        root=('outputs: "{{no ?? yes.v}}"',),
        output=1,
    ),
    Graph(
        "a chain in `outputs` of which nothing has a value fails the run",
        (SKIPPED, '{id: other, act: x, when: "1 == 2"}'),
        {"no": "skipped condition", "other": "skipped condition"},
        (),
        "failed",
        root=('outputs: "{{no ?? other}}"',),
    ),
    Graph(
        "without `outputs` the last task in declared order that has an output gives it",
        (YES, '{id: b, act: "{{yes.v}}"}', SKIPPED),
        {"yes": "success", "b": "success", "no": "skipped condition"},
        output=1,
    ),
]


@pytest.mark.parametrize("graph", GRAPHS, ids=[graph.rule for graph in GRAPHS])
def test_a_graph_ends_as_the_rule_says(table: Table, graph: Graph) -> None:
    inputs = ["inputs: {dry: {type: bool}}"] if "inputs" in graph.options else []
    flows = ["flows:", *(f"  - {flow}" for flow in graph.flows)] if graph.flows else []
    text = "\n".join([*inputs, *graph.root, "tasks:", *(f"  - {task}" for task in graph.tasks), *flows, ""])
    status, ends = table.run(text, **graph.options)
    assert (ends, status) == (graph.ends, graph.status)
    # A task has begun if and only if it did not fail before it could, and was not skipped.
    began = {name for name, end in ends.items() if not end.startswith("skipped") and end != "failed template"}
    if graph.acts is None:
        assert set(table.acts.ran) == began
    else:
        assert table.acts.ran == graph.acts.split()
    # A failed task never has an output, and a failed run prints none.
    assert {task.id for task in table.result.tasks if task.has_output} == {
        name for name, end in ends.items() if end == "success"
    }
    assert table.result.has_output is (status == "succeeded" and bool({*graph.root} or "success" in ends.values()))
    if graph.output is not ANY:
        assert (table.result.output, status) == (graph.output, "succeeded")


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
