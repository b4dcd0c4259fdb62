"""The core under random graphs and random orders of events, with duplicates, strays, cancellations and limits."""

import json
from dataclasses import replace

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nika_core.engine.core.core import Core
from nika_core.engine.core.messages import (
    Action,
    AgentDecision,
    AskDecision,
    AttemptFailed,
    AttemptStarted,
    CancelRequested,
    Emit,
    Finish,
    Outcome,
    StartTask,
    TaskEnded,
    TimerFired,
)
from nika_core.engine.core.values_json import core_event_json, core_event_of
from nika_core.errors import Category, TemplateValueError
from nika_core.model.message import Message, Role
from nika_core.model.state import Cancelled, Failed, Failure, Pending, Ready, Running, Skipped, SkipReason, Success
from nika_core.model.usage import Usage
from nika_core.model.workflow import Flow, Mode, OnError

FAILURE = Failure("NIKA-080", Category.EXECUTION, "it broke", "fix it")
SLOW = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])


class Fixed:
    """A condition that is what it is."""

    placeholders = ()

    def __init__(self, value):
        self.text = str(value)
        self.value = value

    def evaluate(self, resolve):
        if self.value is None:
            raise TemplateValueError("no value")
        return self.value


@st.composite
def workflows(draw, lab, *, modes=(None, Mode.STRICT, Mode.AGENTIC)):
    """Tasks whose declared order is not the graph's, some of them cleanup, and flows of all kinds."""
    count = draw(st.integers(1, 9))
    names = draw(st.permutations([f"t{i}" for i in range(count)]))
    tasks = tuple(
        lab.task(
            name,
            index,
            keyword=draw(st.sampled_from(["work", "talk"])),
            on_error=draw(st.sampled_from(list(OnError))),
            mode=draw(st.sampled_from(modes)),
        )
        for index, name in enumerate(names)
    )
    flows = tuple(
        Flow(f"t{a}", f"t{b}", condition)
        for a in range(count)
        for b in range(a + 1, count)
        if draw(st.integers(0, 2)) == 0
        for condition in draw(
            st.sampled_from([(None,), (Fixed(True),), (Fixed(False),), (Fixed(None),), (Fixed(False), Fixed(True))])
        )
    )
    # Cleanup that waits for everything cannot have anything wait for it.
    ends = {flow.target for flow in flows} | ({task.id for task in tasks} - {flow.source for flow in flows})
    tasks = tuple(replace(task, always=task.id in ends and draw(st.integers(0, 3)) == 0) for task in tasks)
    return tasks, flows


@st.composite
def plans(draw, lab):
    tasks, flows = draw(workflows(lab))
    return lab.plan(
        tasks,
        flows,
        context=frozenset(task.id for task in tasks if task.keyword == "talk"),
        max_concurrent=draw(st.sampled_from([None, 1, 2, 3])),
        fail_fast=draw(st.booleans()),
        timeout=draw(st.sampled_from([None, 5.0])),
        limits=draw(st.sampled_from([lab.limits(), lab.limits(cleanup__seconds=60)])),
    )


def outcomes():
    message = Message(Role.ASSISTANT, "hello")
    return st.sampled_from(
        [
            Outcome(output={"n": [1, "x", None]}, usage=Usage(3, 4, calls=1), messages=(message,)),
            Outcome(output="text", truncated=True, attempts=2, duration=1.5),
            Outcome(has_output=False, failure=FAILURE),
            Outcome("so far", True, FAILURE),
            Outcome(has_output=False, failure=Failure("NIKA-061", Category.TIMEOUT, "late")),
            Outcome(has_output=False, failure=Failure("NIKA-087", Category.CANCELLED, "off")),
        ]
    )


def strays(names):
    task, epoch = st.sampled_from([*names, "nobody"]), st.integers(0, 3)
    usage = st.sampled_from([Usage(), Usage(5, 2, calls=1)])
    return st.one_of(
        st.builds(TaskEnded, task, epoch, outcomes()),
        st.builds(AttemptStarted, task, epoch, st.integers(1, 3)),
        st.builds(AttemptFailed, task, epoch, st.integers(1, 3), st.just(0.5), st.just(FAILURE)),
        st.builds(AgentDecision, task, epoch, st.sampled_from(list(Action)), st.just("why not"), usage),
        st.builds(TimerFired, st.sampled_from(["run", "cleanup:", "other"])),
        st.builds(CancelRequested, st.just("enough")),
    )


class Driven:
    """Runs a plan to its end with drawn events; checks what must hold at every step."""

    def __init__(self, plan, data, *, strays_allowed=True):
        self.plan = plan
        self.core = Core(plan)
        self.events = []
        self.batches = []
        self.open_calls = {}
        self.questions = {}
        self.keys = []
        self._take(self.core.start())
        names = plan.workflow.graph.order
        budget = 12 if strays_allowed else 0
        while not self.finished:
            choices = [("end", name) for name in sorted(self.open_calls)]
            choices += [("answer", name) for name in sorted(self.questions)]
            assert choices, "nothing runs, nobody is asked, and the run has not ended"
            if budget and data.draw(st.integers(0, 4)) == 0:
                budget -= 1
                self._give(data.draw(strays(names)))
                continue
            what, name = data.draw(st.sampled_from(choices))
            if what == "end":
                event = TaskEnded(name, self.open_calls[name], data.draw(outcomes()))
            else:
                event = AgentDecision(
                    name, self.questions[name], data.draw(st.sampled_from(list(Action))), "so", Usage(1, 1, calls=1)
                )
            self._give(event)
            if budget and data.draw(st.booleans()):
                self._give(event)  # once more

    def _give(self, event):
        self.events.append(event)
        states = self.core.states
        task = getattr(event, "node", None)
        if isinstance(event, TaskEnded) and states.get(task) and self.open_calls.get(task) == event.epoch:
            del self.open_calls[task]
        if isinstance(event, AgentDecision) and self.questions.get(task) == event.epoch:
            del self.questions[task]
        self._take(self.core.on(event))

    def _take(self, commands):
        self.batches.append(commands)
        for command in commands:
            if isinstance(command, StartTask):
                self.open_calls[command.call.node] = command.call.epoch
                self.keys.append(command.call.key)
            elif isinstance(command, AskDecision):
                self.questions[command.node] = command.epoch
        if any(isinstance(c, Emit) and c.kind.value == "run.finished" for c in commands):
            self.questions.clear()
        running = sum(isinstance(state, Running) for state in self.core.states.values())
        assert running == len(self.open_calls)
        assert self.plan.max_concurrent is None or running <= self.plan.max_concurrent

    @property
    def said(self):
        return [command for batch in self.batches for command in batch]

    @property
    def finished(self):
        return any(isinstance(command, Finish) for batch in self.batches[-2:] for command in batch)


@SLOW
@given(data=st.data())
def test_every_run_ends_with_every_task_ended_and_every_step_numbered(lab, data):
    driven = Driven(data.draw(plans(lab)), data)
    assert [emit.number for emit in driven.said if isinstance(emit, Emit)] == list(
        range(1, sum(isinstance(command, Emit) for command in driven.said) + 1)
    )
    assert all(isinstance(state, Success | Failed | Cancelled | Skipped) for state in driven.core.states.values())
    (finish,) = [command for command in driven.said if isinstance(command, Finish)]
    assert len(finish.result.tasks) == len(driven.plan.workflow.tasks)
    assert len(set(driven.keys)) == len(driven.keys), "no key is ever started twice"
    for event in driven.events:
        assert driven.core.on(event) == [], "nothing happens after the end"


@SLOW
@given(data=st.data())
def test_the_same_order_of_events_gives_the_same_commands(lab, data):
    driven = Driven(data.draw(plans(lab)), data)
    history = json.loads(json.dumps([core_event_json(event) for event in driven.events]))
    assert [core_event_of(event) for event in history] == driven.events
    replayed = Core(driven.plan)
    assert [replayed.start(), *map(replayed.on, map(core_event_of, history))] == driven.batches


@SLOW
@given(data=st.data())
def test_a_restored_core_goes_on_exactly_like_the_one_that_lived(lab, data):
    driven = Driven(data.draw(plans(lab)), data)
    at = data.draw(st.integers(0, len(driven.events)))
    lived = Core(driven.plan)
    lived.start()
    for event in driven.events[:at]:
        lived.on(event)
    restored = Core.restore(driven.plan, json.loads(json.dumps(lived.snapshot())))
    assert restored.snapshot() == lived.snapshot()
    assert [restored.on(event) for event in driven.events[at:]] == driven.batches[at + 1 :]


@SLOW
@given(data=st.data())
def test_a_host_that_takes_over_is_told_what_is_under_way(lab, data):
    driven = Driven(data.draw(plans(lab)), data)
    at = data.draw(st.integers(0, len(driven.events)))
    lived = Core(driven.plan)
    lived.start()
    for event in driven.events[:at]:
        lived.on(event)
    outstanding = Core.restore(driven.plan, lived.snapshot()).outstanding()
    running = [task for task, state in lived.states.items() if isinstance(state, Running)]
    assert [c.call.node for c in outstanding if isinstance(c, StartTask)] == running
    started = {c.call.key: c for batch in driven.batches for c in batch if isinstance(c, StartTask)}
    assert all(started[c.call.key] == c for c in outstanding if isinstance(c, StartTask))


@SLOW
@given(data=st.data())
def test_how_a_run_ends_does_not_depend_on_the_order_in_which_tasks_end(lab, data):
    tasks, flows = data.draw(workflows(lab, modes=(None,)))
    plan = lab.plan(tasks, flows, max_concurrent=data.draw(st.sampled_from([None, 1, 2])))
    fails = {task.id: data.draw(st.booleans()) for task in tasks}
    core = Core(plan)
    commands = core.start()
    running = []
    while not any(isinstance(command, Finish) for command in commands):
        running += [command.call.node for command in commands if isinstance(command, StartTask)]
        task = running.pop(data.draw(st.integers(0, len(running) - 1)))
        failed = Outcome(has_output=False, failure=FAILURE)
        commands = core.on(TaskEnded(task, 1, failed if fails[task] else Outcome(output=task)))
    found = {
        task: state.reason.value if isinstance(state, Skipped) else type(state).__name__
        for task, state in core.states.items()
    }
    assert found == expected(tasks, flows, fails)


def expected(tasks, flows, fails):
    """The rules of the language page once more, from the end: each task by what its sources became."""
    by_id = {task.id: task for task in tasks}
    found = {}

    def of(name):
        if name not in found:
            found[name] = decide(name)
        return found[name]

    def ended(name, failed):
        return "Failed" if failed and by_id[name].on_error is not OnError.VALUE else "Success"

    def decide(name):
        if by_id[name].always:  # however the others end
            return ended(name, fails[name])
        incoming = [flow for flow in flows if flow.target == name]
        ends = [(flow, of(flow.source)) for flow in incoming]
        tolerated = [by_id[flow.source].on_error is OnError.CONTINUE for flow, _ in ends]
        blocked = [end == "Failed" and not fine for (_, end), fine in zip(ends, tolerated, strict=True)]
        if any(blocked) or any(end == SkipReason.UPSTREAM_FAILED for _, end in ends):
            return SkipReason.UPSTREAM_FAILED.value
        open_ = [flow for flow, end in ends if end in ("Success", "Failed")]
        values = [True if flow.condition is None else flow.condition.value for flow in open_]
        if None in values:
            return ended(name, True)
        if incoming and not any(values):
            succeeded = any(end == "Success" for _, end in ends)
            return (SkipReason.CONDITION if succeeded else SkipReason.UPSTREAM_SKIPPED).value
        return ended(name, fails[name])

    return {task.id: of(task.id) for task in tasks}


@SLOW
@given(data=st.data())
def test_resuming_an_interrupted_run_ends_like_the_run_that_was_not_interrupted(lab, data):
    from nika_core.engine.core.previous_tasks import previous_tasks
    from nika_core.model.events import Event

    tasks, flows = data.draw(workflows(lab, modes=(None,)))
    plan = lab.plan(tasks, flows)

    def go(plan):
        core, events, started, running = Core(plan), [], [], []
        commands = core.start()
        while True:
            for command in commands:
                if isinstance(command, Emit):
                    told = json.loads(json.dumps(command.data))
                    events.append(Event(command.number, "r", 0.0, command.kind, command.task, told))
                elif isinstance(command, StartTask):
                    running.append(command.call)
                    started.append(command.call.node)
                elif isinstance(command, Finish):
                    return events, started, command.result
            call = running.pop(0)
            commands = core.on(TaskEnded(call.node, call.epoch, Outcome(output=call.node)))

    events, _, whole = go(plan)
    events = events[: data.draw(st.integers(0, len(events)))]  # killed after any event
    known = previous_tasks(events)
    resumed = lab.plan(tasks, flows, previous=known)
    after, again, result = go(resumed)
    cleanup = {task.id for task in tasks if task.always}  # done again if anything before it is
    done = {task for task, was in known.items() if was.state == "success"} - cleanup
    assert not done & set(again), "a finished task never runs twice"
    assert [(task.id, task.state, task.output) for task in result.tasks] == [
        (task.id, task.state, task.output) for task in whole.tasks
    ]
    assert {task.id for task in result.tasks if task.reused} - cleanup == done
    assert {t for t, was in previous_tasks([*events, *after]).items() if was.state == "success"} >= done


@SLOW
@given(data=st.data())
def test_cleanup_runs_once_after_all_that_it_waits_for_whatever_stops_the_run(lab, data):
    tasks, flows = data.draw(workflows(lab, modes=(None,)))
    more = {"fail_fast": data.draw(st.booleans()), "timeout": 5.0, "limits": lab.limits(cleanup__seconds=60)}
    core = Core(lab.plan(tasks, flows, max_concurrent=data.draw(st.sampled_from([None, 1])), **more))
    commands, running, started = core.start(), [], []
    stop = data.draw(st.sampled_from([CancelRequested("enough"), TimerFired("run"), None]))
    while not any(isinstance(command, Finish) for command in commands):
        for command in commands:
            if isinstance(command, StartTask):
                node = command.call.node
                awaited = {edge.source for edge in core.plan.workflow.graph.incoming[node]}
                assert not awaited & {name for name, state in core.states.items() if isinstance(state, Running)}
                running.append(node)
                started.append(node)
        if stop is not None and data.draw(st.booleans()):
            commands, stop = core.on(stop), None
            continue
        task = running.pop(data.draw(st.integers(0, len(running) - 1)))
        commands = core.on(TaskEnded(task, 1, data.draw(outcomes())))
    cleanup = {task.id for task in tasks if task.always}
    assert sorted(node for node in started if node in cleanup) == sorted(cleanup)
    assert all(type(core.states[name]) in (Success, Failed, Cancelled) for name in cleanup)


def test_pending_and_ready_are_the_only_states_that_a_stop_skips(lab):
    core = lab.core(lab.tasks("a b c"), lab.flows("a>c"), max_concurrent=1)
    core.start()
    assert [type(core.states[name]) for name in "abc"] == [Running, Ready, Pending]
    core.on(CancelRequested("stop"))
    assert [type(core.states[name]) for name in "abc"] == [Running, Skipped, Skipped]
