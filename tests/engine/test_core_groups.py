"""Lists, loops and inner workflows in the core: random nesting, random orders of events, and case by case."""

import json
import re
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nika_core.engine.core.core import Core
from nika_core.engine.core.messages import (
    Action,
    AgentDecision,
    AskDecision,
    AwaitExternal,
    CancelRequested,
    CancelTimer,
    Emit,
    Finish,
    Outcome,
    Signal,
    StartTask,
    StartTimer,
    StopAwaiting,
    TaskEnded,
    TaskWaits,
    TimerFired,
    Wait,
    wait_timer,
)
from nika_core.engine.core.previous_tasks import previous_tasks
from nika_core.engine.core.run_plan import Child, Each, Item, Loop
from nika_core.engine.core.values_json import core_event_json, core_event_of
from nika_core.errors import Category
from nika_core.model.events import Event
from nika_core.model.state import (
    Cancelled,
    Failed,
    Failure,
    RunStatus,
    Skipped,
    Success,
    Waiting,
)
from nika_core.model.usage import Usage
from nika_core.model.workflow import Flow, ItemError, Mode, OnError

FAILURE = Failure("NIKA-080", Category.EXECUTION, "it broke")
FAILED = Outcome(has_output=False, failure=FAILURE)
SLOW = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
END = (Success, Failed, Cancelled, Skipped)


class Holds:
    """A condition on what its own task yielded in a round."""

    def __init__(self, lab, task, wanted):
        self.text = f"{{{{{task}}}}} is {wanted}"
        self.placeholders = lab.ref(task).placeholders
        self._wanted = wanted

    def evaluate(self, resolve):
        return resolve(self.placeholders[0]) == self._wanted


def items(count):
    return lambda values: [Item(f"i{number}") for number in range(count)]


def payload_of(lab, group):
    """A payload that says which item or round it is."""
    if isinstance(group, Each):
        return {"x": lab.binding("each", "item")}
    return {}


@st.composite
def workflow_plans(draw, lab, depth=0, prefix="t"):
    count = draw(st.integers(1, 4))
    names = [f"{prefix}{number}" for number in range(count)]
    groups = {}
    for name in names:
        kind = draw(st.sampled_from(["", "", "each", "loop", "child", "each child", "loop child"]))
        body = None
        if "child" in kind and depth < 2:
            body = Child(plan=draw(workflow_plans(lab, depth + 1, f"{prefix}{name}")), inputs=lambda payload: payload)
        if "each" in kind:
            groups[name] = Each(
                items=items(draw(st.integers(0, 4))),
                max_concurrent=draw(st.sampled_from([None, 1, 2])),
                on_error=draw(st.sampled_from(list(ItemError))),
                stand_in=lambda values: "instead",
                body=body,
            )
        elif "loop" in kind:
            groups[name] = Loop(
                until=Holds(lab, name, "enough"),
                max_rounds=draw(st.integers(1, 3)),
                every=draw(st.sampled_from([0.0, 5.0])),
                fail_if_exhausted=draw(st.booleans()),
                fail_on_round_error=draw(st.booleans()),
                collect=draw(st.booleans()),
                body=body,
            )
        elif body is not None:
            groups[name] = body
    tasks = tuple(
        lab.task(
            name,
            index,
            payload=payload_of(lab, groups.get(name)),
            on_error=draw(st.sampled_from([OnError.FAIL, OnError.FAIL, OnError.CONTINUE, OnError.VALUE])),
            mode=draw(st.sampled_from([None, None, Mode.AGENTIC])),
        )
        for index, name in enumerate(names)
    )
    flows = tuple(Flow(a, b) for i, a in enumerate(names) for b in names[i + 1 :] if draw(st.integers(0, 2)) == 0)
    # Cleanup that waits for everything cannot have anything wait for it.
    ends = {flow.target for flow in flows} | (set(names) - {flow.source for flow in flows})
    tasks = tuple(replace(task, always=task.id in ends and draw(st.integers(0, 3)) == 0) for task in tasks)
    return lab.workflow_plan(tasks, flows, name=prefix, groups=groups)


def cleanup_of(workflow):
    """The cleanup tasks of a workflow, and of those inside it; each id is there once."""
    bodies = [group if isinstance(group, Child) else group.body for group in workflow.groups.values()]
    inner = [task for body in bodies if body is not None for task in cleanup_of(body.plan)]
    return [task.id for task in workflow.tasks if task.always] + inner


@st.composite
def run_plans(draw, lab, **more):
    return lab.run_plan(
        draw(workflow_plans(lab)),
        max_concurrent=draw(st.sampled_from([None, 1, 2, 3])),
        fail_fast=draw(st.booleans()),
        timeout=draw(st.sampled_from([None, 5.0])),
        limits=draw(st.sampled_from([lab.limits(), lab.limits(cleanup__seconds=60)])),
        **more,
    )


OUTCOMES = st.sampled_from(
    [
        Outcome(output="enough", usage=Usage(3, 4, calls=1)),
        Outcome(output={"n": [1, None]}, duration=1.5),
        FAILED,
        Outcome("so far", True, FAILURE, usage=Usage(1, 1, calls=1)),
    ]
)


class Host:
    """Gives drawn events to a core, and keeps what a host would know."""

    def __init__(self, core, commands):
        self.core = core
        self.events = []
        self.batches = []
        self.calls = {}
        self.waits = {}
        self.timers = {}
        self.questions = {}
        self.keys = []
        self.finish = None
        self.take(commands)

    def take(self, commands):
        self.batches.append(commands)
        for command in commands:
            match command:
                case StartTask(call):
                    assert call.node not in self.calls, "a node is started once at a time"
                    self.calls[call.node] = call
                    self.keys.append((call.key, tuple(sorted(call.signals))))
                case AwaitExternal(node, wait):
                    self.waits[node] = wait
                case StopAwaiting(node):
                    self.waits.pop(node, None)
                case StartTimer(timer, _):
                    self.timers[timer] = True
                case CancelTimer(timer):
                    self.timers.pop(timer, None)
                case AskDecision(node=node, epoch=epoch):
                    self.questions[node] = epoch
                case Finish(result):
                    assert self.finish is None
                    self.finish = result

    def give(self, event):
        self.events.append(event)
        match event:
            case TaskEnded(node, epoch) | TaskWaits(node, epoch):
                if node in self.calls and self.calls[node].epoch == epoch:
                    del self.calls[node]
            case TimerFired(timer):
                self.timers.pop(timer, None)
            case AgentDecision(node=node):
                self.questions.pop(node, None)
        self.take(self.core.on(event))

    def choices(self):
        yield from (("end", node) for node in sorted(self.calls))
        yield from (("signal", node) for node in sorted(self.waits))
        yield from (("timer", timer) for timer in sorted(self.timers) if timer != "run")
        yield from (("decide", node) for node in sorted(self.questions))

    def step(self, data, *, waits=True, cancel=True):
        choices = list(self.choices())
        assert choices, "nothing runs, nobody is asked, nothing is waited for, and the run has not ended"
        if cancel and data.draw(st.integers(0, 30)) == 0:
            self.give(data.draw(st.sampled_from([TimerFired("run"), CancelRequested("stop")])))
            return
        what, name = data.draw(st.sampled_from(choices))
        if what == "end":
            call = self.calls[name]
            if waits and not call.signals and data.draw(st.integers(0, 3)) == 0:
                deadline = data.draw(st.sampled_from([None, 10.0]))
                default = {"default": 1, "has_default": True} if data.draw(st.booleans()) else {}
                wait = Wait("k", {"q": 1}, deadline, patience=None, **default)
                self.give(TaskWaits(name, call.epoch, wait, Usage(1, 0, calls=1)))
            else:
                self.give(TaskEnded(name, call.epoch, data.draw(OUTCOMES)))
        elif what == "signal":
            late = data.draw(st.booleans())
            self.give(TimerFired(wait_timer(name)) if late else Signal(name, data.draw(st.sampled_from(["", "k"])), 7))
        elif what == "timer":
            self.give(TimerFired(name))
        else:
            self.give(AgentDecision(name, self.questions[name], data.draw(st.sampled_from(list(Action))), "so"))


def drive(plan, data, **more):
    core = Core(plan)
    host = Host(core, core.start())
    while host.finish is None:
        host.step(data, **more)
    return host


@SLOW
@given(data=st.data())
def test_every_run_of_nested_groups_ends_with_every_node_ended(lab, data):
    plan = data.draw(run_plans(lab))
    host = drive(plan, data)
    emits = [command for batch in host.batches for command in batch if isinstance(command, Emit)]
    assert [emit.number for emit in emits] == list(range(1, len(emits) + 1))
    assert not host.calls, "a run ends when all its calls have reported"
    paused = host.finish.status is RunStatus.PAUSED
    for node, state in host.core.states.items():
        assert isinstance(state, END) or paused, f"{node} is {state}"
    assert len(set(host.keys)) == len(host.keys), "no key is started twice but to be given a signal"
    assert [task.id for task in host.finish.tasks] == [task.id for task in plan.workflow.tasks]
    for event in host.events:
        assert host.core.on(event) == [], "nothing happens after the end"


@SLOW
@given(data=st.data())
def test_no_more_nodes_run_at_once_than_allowed(lab, data):
    plan = data.draw(run_plans(lab))
    core = Core(plan)
    host = Host(core, core.start())
    while host.finish is None:
        assert plan.max_concurrent is None or len(host.calls) <= plan.max_concurrent
        host.step(data)


def goes_on_the_same(plan, host, at):
    """Restore a core after the first `at` events; it says what the one that lived has said to the host."""
    lived = Core(plan)
    lived.start()
    for event in host.events[:at]:
        lived.on(event)
    restored = Core.restore(plan, json.loads(json.dumps(lived.snapshot())))
    assert restored.snapshot() == lived.snapshot()
    assert restored.outstanding() == lived.outstanding()
    for event, expected in zip(host.events[at:], host.batches[at + 1 :], strict=True):
        commands = restored.on(event)
        for command, wanted in zip(commands, expected, strict=True):
            assert command == wanted


@SLOW
@given(data=st.data())
def test_a_core_restored_at_any_moment_goes_on_like_the_one_that_lived(lab, data):
    plan = data.draw(run_plans(lab))
    host = drive(plan, data)
    history = json.loads(json.dumps([core_event_json(event) for event in host.events]))
    assert [core_event_of(event) for event in history] == host.events
    goes_on_the_same(plan, host, data.draw(st.integers(0, len(host.events))))


@SLOW
@given(data=st.data())
def test_what_had_ended_well_is_not_done_again_by_a_resumed_run(lab, data):
    workflow = data.draw(workflow_plans(lab))
    plan = lab.run_plan(workflow)
    host = drive(plan, data, waits=False, cancel=False)
    emits = [command for batch in host.batches for command in batch if isinstance(command, Emit)]
    events = [Event(e.number, "r", 0.0, e.kind, e.task, json.loads(json.dumps(e.data))) for e in emits]
    events = events[: data.draw(st.integers(1, len(events)))]  # killed after any event
    known = previous_tasks(events)
    resumed = lab.run_plan(workflow, previous=known)
    core = Core(resumed)
    after = Host(core, core.start())
    started = set()
    while after.finish is None:
        started |= {call.key.partition("/")[2].rpartition("#")[0] for call in after.calls.values()}
        after.step(data, waits=False, cancel=False)
    done = {identity for identity, node in known.items() if node.state == "success" and node.definition}
    # Cleanup is done again if anything before it is.
    cleanup = re.compile(rf"(^|/)({'|'.join(cleanup_of(workflow)) or '-'})(\W|$)")
    assert not {identity for identity in done & started if not cleanup.search(identity)}


# ---- case by case


def run(core, outcome=lambda call: Outcome(output=call.payload.get("x", call.node))):
    host = Host(core, core.start())
    while host.finish is None:
        node = next(iter(host.calls))
        call = host.calls[node]
        host.give(TaskEnded(node, call.epoch, outcome(call)))
    return host


def each(lab, count=3, **more):
    return lab.plan(
        (lab.task("a", payload={"x": lab.binding("each", "item")}), lab.task("b", 1, payload={"y": lab.ref("a")})),
        groups={"a": Each(items=items(count), **more)},
    )


def test_the_output_of_a_list_is_in_the_order_of_its_items(lab):
    core = Core(each(lab))
    host = Host(core, core.start())
    for node in ("a[2]", "a[0]", "a[1]"):
        host.give(TaskEnded(node, 1, Outcome(output=host.calls[node].payload["x"])))
    assert host.calls["b"].payload == {"y": ["i0", "i1", "i2"]}


def test_an_empty_list_is_an_empty_list_at_once(lab):
    host = run(Core(each(lab, 0)), lambda call: Outcome(output=call.payload["y"]))
    assert host.finish.output == []


def test_only_as_many_items_are_made_as_may_run(lab):
    core = Core(each(lab, 1000, max_concurrent=3))
    Host(core, core.start())
    assert [node for node in core.states if node.startswith("a[")] == ["a[0]", "a[1]", "a[2]"]


def test_a_failed_item_leaves_null_and_fails_the_task_after_all_items(lab):
    host = run(Core(each(lab)), lambda call: FAILED if call.node == "a[1]" else Outcome(output=call.node))
    a, b = host.finish.tasks
    assert (a.state, b.state, host.finish.status) == ("failed", "skipped", RunStatus.FAILED)
    assert "1 of 3 items failed: a[1]: it broke" in a.failure.message
    assert [child.state for child in a.children] == ["success", "failed", "success"]


def test_with_continue_a_list_with_failed_items_succeeds_and_says_which(lab):
    plan = each(lab, on_error=ItemError.CONTINUE)
    host = run(Core(plan), lambda call: FAILED if call.node == "a[1]" else Outcome(output=call.payload))
    assert host.finish.status is RunStatus.SUCCEEDED
    assert host.finish.output == {"y": [{"x": "i0"}, None, {"x": "i2"}]}


def test_with_stop_no_further_item_starts(lab):
    plan = each(lab, 5, max_concurrent=2, on_error=ItemError.STOP)
    host = run(Core(plan), lambda call: FAILED if call.node == "a[0]" else Outcome(output=call.node))
    assert [child.id for child in host.finish.tasks[0].children] == ["a[0]", "a[1]"]


def test_a_reordered_and_longer_list_does_only_what_is_new(lab):
    def listed(*names):
        return Each(items=lambda values: [Item(name) for name in names])

    task = lab.task("a", payload={"x": lab.binding("each", "item")})
    host = run(Core(lab.plan((task,), groups={"a": listed("p", "q", "q")})))
    emits = [command for batch in host.batches for command in batch if isinstance(command, Emit)]
    known = previous_tasks([Event(e.number, "r", 0.0, e.kind, e.task, e.data) for e in emits])
    core = Core(lab.plan((task,), groups={"a": listed("q", "new", "p", "q", "q")}, previous=known))
    again = run(core, lambda call: Outcome(output=call.payload["x"].upper()))
    assert again.finish.output == ["q", "NEW", "p", "q", "Q"]
    assert len(again.keys) == 2


@pytest.mark.parametrize(("other", "repeated"), [("succeeds", []), ("fails", ["r/a", "r/b"])])
def test_a_failed_item_is_repeated_unless_the_run_succeeded_all_the_same(lab, other, repeated):
    group = Each(items=items(3), on_error=ItemError.CONTINUE)
    tasks = (lab.task("a", payload={"x": lab.binding("each", "item")}), lab.task("b", 1, payload={"other": other}))

    def outcome(call):
        fails = call.node == "a[1]" or call.payload.get("other") == "fails"
        return FAILED if fails else Outcome(output=call.node)

    host = run(Core(lab.plan(tasks, groups={"a": group})), outcome)
    emits = [command for batch in host.batches for command in batch if isinstance(command, Emit)]
    known = previous_tasks([Event(e.number, "r", 0.0, e.kind, e.task, e.data) for e in emits])
    again = run(Core(lab.plan(tasks, groups={"a": group}, previous=known)), outcome)
    assert sorted(key.partition("[")[0].partition("#")[0] for key, _ in again.keys) == repeated
    assert again.finish.status is host.finish.status
    assert again.finish.tasks[0].output == host.finish.tasks[0].output == ["a[0]", None, "a[2]"]


def test_a_loop_ends_when_its_condition_holds_and_sees_the_round_before(lab):
    task = lab.task("a", payload={"n": lab.binding("last", "round", default=0)})
    loop = Loop(until=Holds(lab, "a", 2), max_rounds=5)
    host = run(Core(lab.plan((task,), groups={"a": loop})), lambda call: Outcome(output=call.payload["n"]))
    assert host.finish.output == 2
    assert [key for key, _ in host.keys] == ["r/a@1#1", "r/a@2#1", "r/a@3#1"]


def test_a_loop_that_never_holds_fails_with_a_code_of_its_own(lab):
    loop = Loop(until=Holds(lab, "a", "never"), max_rounds=2)
    host = run(Core(lab.plan((lab.task("a"),), groups={"a": loop})))
    assert (host.finish.tasks[0].failure.code, host.finish.tasks[0].failure.category) == (
        "NIKA-100",
        Category.VALIDATION,
    )
    loop = Loop(until=Holds(lab, "a", "never"), max_rounds=2, fail_if_exhausted=False, collect=True)
    host = run(Core(lab.plan((lab.task("a"),), groups={"a": loop})))
    assert host.finish.output == ["a@1", "a@2"]


def test_a_loop_that_failed_as_exhausted_begins_again_if_it_is_resumed_unchanged(lab):
    """Also if that pass is cut short: rounds of the one before are not mixed into it."""
    groups = {"a": Loop(until=Holds(lab, "a", "yes"), max_rounds=3)}
    events = []

    def life(until="no", cut=None, **more):
        plan = lab.plan((lab.task("a"),), groups=groups, previous=previous_tasks(events), **more)
        host = run(Core(plan), lambda call: Outcome(output=until, usage=Usage(input_tokens=1)))
        emits = [command for batch in host.batches for command in batch if isinstance(command, Emit)]
        ended = [place for place, emit in enumerate(emits) if emit.task == "a@1" and emit.kind == "task.succeeded"]
        events.extend(Event(e.number, "r", 0.0, e.kind, e.task, e.data) for e in emits[: cut and ended[0] + cut])
        return host, [key for key, _ in host.keys]

    assert life()[1] == ["r/a@1#1", "r/a@2#1", "r/a@3#1"]
    host, keys = life(cut=1)
    assert keys == ["r/a@1#2", "r/a@2#2", "r/a@3#2"]
    assert host.finish.usage.input_tokens == 6
    host, keys = life("yes")
    assert keys == ["r/a@2#2"]
    assert host.finish.output == "yes"


def test_a_loop_that_failed_as_exhausted_goes_on_if_it_may_do_more_rounds(lab):
    def life(max_rounds, previous):
        loop = Loop(until=Holds(lab, "a", "yes"), max_rounds=max_rounds)
        host = run(Core(lab.plan((lab.task("a"),), groups={"a": loop}, previous=previous)))
        emits = [command for batch in host.batches for command in batch if isinstance(command, Emit)]
        return host, previous_tasks([Event(e.number, "r", 0.0, e.kind, e.task, e.data) for e in emits])

    _, known = life(2, {})
    host, _ = life(3, known)
    assert [key for key, _ in host.keys] == ["r/a@3#1"]
    assert host.finish.tasks[0].failure.code == "NIKA-100"


def test_between_rounds_a_loop_waits_with_a_timer(lab):
    core = Core(lab.plan((lab.task("a"),), groups={"a": Loop(until=Holds(lab, "a", 1), max_rounds=2, every=9.0)}))
    host = Host(core, core.start())
    host.give(TaskEnded("a@1", 1, Outcome(output=0)))
    assert not host.calls
    assert StartTimer("round:a", 9.0) in host.batches[-1]
    host.give(TimerFired("round:a"))
    assert list(host.calls) == ["a@2"]


def inner(lab, **more):
    child = lab.workflow_plan(lab.tasks("w v"), lab.flows("w>v"), name="child")
    task = lab.task("s", payload={"topic": lab.binding("each", "item", default="t")})
    body = Child(plan=child, inputs=lambda payload: payload)
    return lab.plan(
        (task, lab.task("z", 1, payload={"y": lab.ref("s")})), groups={"s": more.pop("group")(body)}, **more
    )


def test_a_workflow_inside_is_a_scope_of_its_own(lab):
    host = run(Core(inner(lab, group=lambda body: body)))
    assert [key for key, _ in host.keys] == ["r/s/w#1", "r/s/v#1", "r/z#1"]
    assert [child.id for child in host.finish.tasks[0].children] == ["s/w", "s/v"]


def test_a_failure_inside_names_the_inner_task(lab):
    plan = inner(lab, group=lambda body: Each(items=items(2), body=body))
    host = run(Core(plan), lambda call: FAILED if call.node == "s[1]/w" else Outcome(output=call.node))
    assert "s[1]/w" in host.finish.tasks[0].failure.message


def test_a_child_that_fails_fast_does_not_end_a_run_that_tolerates_it(lab):
    child = lab.workflow_plan(lab.tasks("w v u"), name="child")
    task = lab.task("s", on_error=OnError.CONTINUE)
    groups = {"s": Child(plan=child, inputs=lambda payload: payload)}
    core = Core(lab.plan((task, lab.task("z", 1)), groups=groups, fail_fast=True, max_concurrent=1))
    host = run(core, lambda call: FAILED if call.node == "s/w" else Outcome(output=call.node))
    assert host.finish.status is RunStatus.SUCCEEDED
    assert [child.state for child in host.finish.tasks[0].children] == ["failed", "skipped", "skipped"]


def test_a_run_with_nothing_but_waiting_nodes_pauses_and_takes_no_slot_meanwhile(lab):
    core = Core(lab.plan(lab.tasks("a b"), max_concurrent=1))
    host = Host(core, core.start())
    host.give(TaskWaits("a", 1, Wait("answer", {"message": "ok?"})))
    assert isinstance(core.states["a"], Waiting)
    assert list(host.calls) == ["b"]
    host.give(TaskEnded("b", 1, Outcome()))
    assert host.finish.status is RunStatus.PAUSED
    assert host.finish.tasks[0].waits_for == {"message": "ok?"}


def test_a_core_is_restored_with_an_empty_list_inside_an_item_that_has_ended(lab):
    inner = lab.workflow_plan(lab.tasks("l m"), lab.flows("l>m"), name="inner", groups={"l": Each(items=items(0))})
    body = Child(plan=inner, inputs=lambda payload: payload)
    plan = lab.plan(lab.tasks("a"), groups={"a": Each(items=items(2), max_concurrent=1, body=body)})
    host = run(Core(plan))
    for at in range(len(host.events) + 1):
        goes_on_the_same(plan, host, at)


def test_a_core_is_restored_while_an_inner_workflow_is_done_again(lab):
    deepest = lab.workflow_plan(lab.tasks("d"), name="deepest")
    inner = lab.workflow_plan(
        lab.tasks("b c"), lab.flows("b>c"), name="inner", groups={"c": Child(plan=deepest, inputs=dict)}
    )
    tasks = (lab.task("a", mode=Mode.AGENTIC),)
    plan = lab.plan(tasks, groups={"a": Child(plan=inner, inputs=dict)})
    core = Core(plan)
    host = Host(core, core.start())
    host.give(TaskEnded("a/b", 1, Outcome()))
    host.give(TaskEnded("a/c/d", 1, FAILED))
    host.give(AgentDecision("a", 1, Action.RETRY))
    assert list(core.states) == ["a", "a/b", "a/c"], "what was inside it before is gone"
    for node in ("a/b", "a/c/d"):
        host.give(TaskEnded(node, host.calls[node].epoch, Outcome()))
    assert host.finish.status is RunStatus.SUCCEEDED
    for at in range(len(host.events) + 1):
        goes_on_the_same(plan, host, at)


def test_a_signal_makes_a_node_ready_again_with_what_came(lab):
    core = Core(lab.plan(lab.tasks("a b")))
    host = Host(core, core.start())
    host.give(TaskWaits("a", 1, Wait("answer")))
    host.give(Signal("a", "", {"yes": True}))
    assert host.calls["a"].signals == {"answer": {"yes": True}}
    assert host.calls["a"].key == "r/a#1"
    host.give(Signal("a", "answer", "again"))
    assert host.calls["a"].signals == {"answer": {"yes": True}}


def test_a_signal_that_comes_before_anybody_waits_is_kept(lab):
    core = Core(lab.plan(lab.tasks("a")))
    host = Host(core, core.start())
    host.give(Signal("a", "answer", 1))
    host.give(TaskWaits("a", 1, Wait("answer")))
    assert host.calls["a"].signals == {"answer": 1}


def test_a_wait_has_a_deadline_and_perhaps_a_default(lab):
    core = Core(lab.plan(lab.tasks("a b")))
    host = Host(core, core.start())
    host.give(TaskWaits("a", 1, Wait("answer", deadline=5.0)))
    host.give(TimerFired(wait_timer("a")))
    assert core._state.nodes["a"].outcome.failure.category is Category.TIMEOUT
    core = Core(lab.plan(lab.tasks("a b")))
    host = Host(core, core.start())
    host.give(TaskWaits("a", 1, Wait("answer", deadline=5.0, default="no", has_default=True)))
    host.give(TimerFired(wait_timer("a")))
    assert host.calls["a"].signals == {"answer": "no"}


def test_a_run_that_only_waits_is_patient_for_as_long_as_it_was_told(lab):
    core = Core(lab.plan(lab.tasks("a")))
    host = Host(core, core.start())
    host.give(TaskWaits("a", 1, Wait("batch", patience=30.0)))
    assert StartTimer("patience", 30.0) in host.batches[-1]
    host.give(TimerFired("patience"))
    assert host.finish.status is RunStatus.PAUSED


def test_a_resumed_run_knows_the_signals_of_its_earlier_life(lab):
    core = Core(lab.plan(lab.tasks("a b")))
    host = Host(core, core.start())
    host.give(TaskWaits("a", 1, Wait("answer", deadline=50.0)))
    host.give(Signal("a", "answer", 1))
    emits = [command for batch in host.batches for command in batch if isinstance(command, Emit)]
    known = previous_tasks([Event(e.number, "r", 0.0, e.kind, e.task, e.data) for e in emits])
    assert known["a"].deadlines == {"answer": 50.0}
    core = Core(lab.plan(lab.tasks("a b"), previous=known))
    host = Host(core, core.start())
    assert host.calls["a"].signals == {"answer": 1}


def test_the_main_agent_has_only_the_failed_items_done_again(lab):
    task = lab.task("a", payload={"x": lab.binding("each", "item")}, mode=Mode.AGENTIC)
    plan = lab.plan((task,), groups={"a": Each(items=items(3))})
    core = Core(plan)
    host = Host(core, core.start())
    for node in ("a[0]", "a[1]", "a[2]"):
        host.give(TaskEnded(node, 1, FAILED if node == "a[1]" else Outcome(output=node)))
    host.give(AgentDecision("a", 1, Action.RETRY))
    assert list(host.calls) == ["a[1]"]
    host.give(TaskEnded("a[1]", host.calls["a[1]"].epoch, Outcome(output="now")))
    assert host.finish.output == ["a[0]", "now", "a[2]"]


def test_from_names_one_item_and_what_depends_on_it(lab):
    first = run(Core(each(lab)))
    emits = [command for batch in first.batches for command in batch if isinstance(command, Emit)]
    known = previous_tasks([Event(e.number, "r", 0.0, e.kind, e.task, e.data) for e in emits])
    plan = lab.run_plan(each(lab).workflow, previous=known, rerun_from="a[1]")
    again = run(Core(plan))
    assert [key.rpartition("#")[2] for key, _ in again.keys] == ["2", "2"]
    assert next(child for child in again.finish.tasks[0].children if not child.reused).id == "a[1]"


@pytest.mark.parametrize(("more", "crowded"), [({}, True), ({"max_concurrent": 2}, False)])
def test_a_list_waits_for_a_place_if_only_the_limit_of_the_run_holds_its_items_back(lab, more, crowded):
    plan = lab.plan((lab.task("a"),), groups={"a": Each(items=items(3), **more)}, max_concurrent=2)
    core = Core(plan)
    core.start()
    assert core.crowded is crowded
    core.on(TaskEnded("a[0]", 1, Outcome()))
    assert not core.crowded  # the third is under way
