"""Tasks that mostly wait for somebody else take no place among those that run at once."""

from __future__ import annotations

from typing import Any

from nika_core.engine.core.core import Core
from nika_core.engine.core.messages import Command, Outcome, StartTask, TaskEnded
from nika_core.engine.core.previous_tasks import previous_tasks
from nika_core.model.events import Event, EventKind


def started(commands: list[Command]) -> list[str]:
    return [command.call.node for command in commands if isinstance(command, StartTask)]


def test_they_all_start_and_the_others_keep_to_the_limit(lab: Any) -> None:
    plan = lab.plan(lab.tasks("a b c d e"), max_concurrent=1, no_slot=frozenset("bde"))
    core = Core(plan)
    assert started(core.start()) == ["b", "d", "e", "a"]
    assert started(core.on(TaskEnded("b", 1, Outcome()))) == []  # it had no place to give
    assert started(core.on(TaskEnded("a", 1, Outcome()))) == ["c"]


def test_one_that_becomes_ready_while_all_places_are_taken_starts_at_once(lab: Any) -> None:
    plan = lab.plan(lab.tasks("a b c d"), lab.flows("a>d"), max_concurrent=2, no_slot=frozenset("d"))
    core = Core(plan)
    assert started(core.start()) == ["a", "b"]
    assert started(core.on(TaskEnded("a", 1, Outcome()))) == ["d", "c"]


def test_a_core_that_is_restored_goes_on_in_the_same_way(lab: Any) -> None:
    plan = lab.plan(lab.tasks("a b c"), lab.flows("b>c"), max_concurrent=1, no_slot=frozenset("b"))
    core = Core(plan)
    core.start()
    again = Core.restore(plan, core.snapshot())
    for event in (TaskEnded("b", 1, Outcome()), TaskEnded("a", 1, Outcome())):
        assert again.on(event) == core.on(event)


def test_a_second_attempt_keeps_what_the_first_one_was_given() -> None:
    events = [
        Event(1, "r", 0.0, EventKind.TASK_STARTED, "a", {"epoch": 1, "definition": "d", "payload": "p"}),
        Event(2, "r", 0.0, EventKind.TASK_STARTED, "a", {"epoch": 1, "attempt": 2}),
    ]
    was = previous_tasks(events)["a"]
    assert (was.definition, was.payload, was.outcome.attempts, was.state) == ("d", "p", 2, "running")
