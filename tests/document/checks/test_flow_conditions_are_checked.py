"""Conditions of flows that can never decide what their author means."""

from __future__ import annotations

import pytest

from nika_core import codes
from nika_core.errors import Severity

TASKS = "tasks:\n  - {id: a, call: x}\n  - {id: b, call: x}\n  - {id: c, call: x}\nflows:\n"


@pytest.mark.parametrize("condition", ["${state.a} == 'failed'", "1 == 2 || 'failed' != ${state.a}"])
def test_a_condition_cannot_ask_how_the_source_of_its_own_flow_ended(check, condition):
    found = check(TASKS + f'  - {{source: a, target: c, condition: "{condition}"}}\n')
    place = 40 + condition.index("$")
    code, line, column, _ = found.locator[0]
    assert (code, line, column) == (codes.BAD_CONDITION, 6, place)
    assert "cannot ask how its own source 'a' ended" in found.problems[0].message
    assert "`when` of 'c'" in found.problems[0].hint


@pytest.mark.parametrize("condition", ["${state.b} == 'failed'", "{{a ?? 1}} == 1"])
def test_it_may_ask_how_another_task_ended_and_for_a_default_of_its_own_source(check, condition):
    found = check(TASKS + f'  - {{source: a, target: c, condition: "{condition}"}}\n')
    assert [problem for problem in found.problems if problem.severity is Severity.ERROR] == []


def test_a_condition_that_cannot_stop_its_task_is_a_warning(check):
    found = check(TASKS + '  - {source: a, target: c, condition: "{{a}} == 1"}\n  - {source: b, target: c}\n')
    assert (found.only.code, found.only.severity) == (codes.CONDITION_WITHOUT_EFFECT, Severity.WARNING)
    assert (found.only.place.line, found.only.place.column) == (6, 39)
    assert "cannot stop 'c': the flow from 'b' has none" in found.only.message
    assert found.only.hint == "put it into `when` of 'c'"


@pytest.mark.parametrize(
    "flows",
    [
        '  - {source: a, target: c, condition: "{{a}} == 1"}\n  - {source: b, target: c, condition: "{{b}} == 1"}\n',
        '  - {source: a, target: c, condition: "{{a}} == 1"}\n  - {source: b, target: a}\n',
        # Of one source: the author sees both.
        '  - {source: a, target: c, condition: "{{a}} == 1"}\n  - {source: a, target: c}\n  - {source: a, target: b}\n',
    ],
)
def test_other_flows_say_nothing_about_a_condition(check, flows):
    assert codes.CONDITION_WITHOUT_EFFECT not in check(TASKS + flows).codes
