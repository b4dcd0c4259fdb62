"""What the core decides, case by case."""

import itertools
from dataclasses import replace

import pytest

from nika_core.engine.core.messages import (
    Action,
    AgentDecision,
    AskDecision,
    AttemptFailed,
    AttemptStarted,
    CancelRequested,
    CancelTask,
    CancelTimer,
    Emit,
    Finish,
    Outcome,
    StartTask,
    StartTimer,
    TaskEnded,
    TimerFired,
)
from nika_core.engine.core.previous_tasks import PreviousTask
from nika_core.errors import Category
from nika_core.model.codec import failure_of
from nika_core.model.events import EventKind
from nika_core.model.state import Failed, Failure, Running, RunStatus, Skipped, SkipReason, Success
from nika_core.model.usage import Usage
from nika_core.model.workflow import Flow, Mode, OnError

FAILURE = Failure("NIKA-080", Category.EXECUTION, "it broke")
FAILED = Outcome(has_output=False, failure=FAILURE)


class Drive:
    """A core, and what it has said."""

    def __init__(self, core):
        self.core = core
        self.said = core.start()
        self.running = {}
        self._note(self.said)

    def on(self, event):
        commands = self.core.on(event)
        self.said += commands
        self._note(commands)
        return commands

    def end(self, task, outcome=None):
        return self.on(TaskEnded(task, self.running.pop(task), outcome or Outcome(output=task)))

    def end_all(self, **failing):
        while self.running:
            task = next(iter(self.running))
            self.end(task, failing.get(task))
        return self.result

    def _note(self, commands):
        for command in commands:
            if isinstance(command, StartTask):
                self.running[command.call.node] = command.call.epoch

    def of(self, kind):
        return [command for command in self.said if isinstance(command, kind)]

    def told(self, *kinds):
        return [(e.kind.value, e.task) for e in self.of(Emit) if not kinds or e.kind in kinds]

    @property
    def started(self):
        return [command.call.node for command in self.of(StartTask)]

    @property
    def result(self):
        (finish,) = self.of(Finish)
        return finish.result

    def why(self, task):
        state = self.core.states[task]
        return state.reason if isinstance(state, Skipped) else type(state).__name__


def test_ready_tasks_start_in_declared_order(lab):
    drive = Drive(lab.core(lab.tasks("d c b a"), lab.flows("b>a"), max_concurrent=1))
    drive.end_all()
    assert drive.started == ["d", "c", "b", "a"]


def test_a_task_that_becomes_ready_goes_before_those_declared_after_it(lab):
    drive = Drive(lab.core(lab.tasks("a b c d"), lab.flows("a>b"), max_concurrent=1))
    drive.end_all()
    assert drive.started == ["a", "b", "c", "d"]


def test_no_more_than_max_concurrent_run_at_once(lab):
    drive = Drive(lab.core(lab.tasks("a b c d"), max_concurrent=2))
    assert drive.started == ["a", "b"]
    drive.end("b")
    assert drive.started == ["a", "b", "c"]


def test_without_tasks_a_run_succeeds_at_once(lab):
    assert Drive(lab.core(())).result.status is RunStatus.SUCCEEDED


def test_a_failure_skips_everything_below_it_as_upstream_failed(lab):
    drive = Drive(lab.core(lab.tasks("a b c"), lab.flows("a>b b>c")))
    result = drive.end_all(a=FAILED)
    assert (drive.why("b"), drive.why("c")) == (SkipReason.UPSTREAM_FAILED,) * 2
    assert result.status is RunStatus.FAILED


def test_independent_branches_go_on_after_a_failure(lab):
    drive = Drive(lab.core(lab.tasks("a b c"), lab.flows("b>c"), max_concurrent=1))
    drive.end_all(a=FAILED)
    assert drive.started == ["a", "b", "c"]


def test_one_failed_source_is_enough_even_beside_an_active_one(lab):
    drive = Drive(lab.core(lab.tasks("a b c"), lab.flows("a>c b>c")))
    drive.end_all(a=FAILED)
    assert drive.why("c") is SkipReason.UPSTREAM_FAILED


def test_what_was_skipped_for_a_failure_blocks_like_the_failure_itself(lab):
    drive = Drive(lab.core(lab.tasks("a b c d"), lab.flows("a>b b>d c>d")))
    drive.end_all(a=FAILED)
    assert drive.why("d") is SkipReason.UPSTREAM_FAILED


def test_on_error_continue_makes_a_failure_like_a_success(lab):
    tasks = (lab.task("a", on_error=OnError.CONTINUE), lab.task("b", 1))
    drive = Drive(lab.core(tasks, lab.flows("a>b")))
    result = drive.end_all(a=FAILED)
    assert (drive.started, result.status) == (["a", "b"], RunStatus.SUCCEEDED)
    assert result.tasks[0].failure == FAILURE


def test_a_false_condition_skips_and_what_is_below_is_skipped_for_that(lab):
    tasks = lab.tasks("a b c")
    flows = (Flow("a", "b", lab.When(lambda a: a == "no", "a")), Flow("b", "c"))
    drive = Drive(lab.core(tasks, flows))
    result = drive.end_all()
    assert (drive.why("b"), drive.why("c")) == (SkipReason.CONDITION, SkipReason.UPSTREAM_SKIPPED)
    assert (result.status, result.output) == (RunStatus.SUCCEEDED, "a")


def test_one_active_edge_is_enough_beside_a_false_one(lab):
    flows = (Flow("a", "c", lab.When(lambda a: False, "a")), Flow("b", "c"))
    drive = Drive(lab.core(lab.tasks("a b c"), flows))
    drive.end_all()
    assert drive.started == ["a", "b", "c"]


def test_of_two_flows_between_the_same_tasks_one_is_enough(lab):
    flows = (Flow("a", "b", lab.When(lambda a: False, "a")), Flow("a", "b", lab.When(lambda a: True, "a")))
    drive = Drive(lab.core(lab.tasks("a b"), flows))
    drive.end_all()
    assert drive.started == ["a", "b"]


def test_a_condition_waits_for_what_it_reads_but_that_alone_makes_nothing_run(lab):
    flows = (Flow("a", "b", lab.When(lambda c: c == "c", "c")),)
    drive = Drive(lab.core(lab.tasks("a b c"), flows))
    drive.end("a")
    assert "b" not in drive.started
    drive.end("c")
    assert "b" in drive.started
    flows = (Flow("a", "b", lab.When(lambda c: False, "c")),)
    drive = Drive(lab.core(lab.tasks("a b c"), flows))
    drive.end_all()
    assert drive.why("b") is SkipReason.CONDITION


def test_a_failure_of_what_a_condition_reads_counts_as_upstream_failed(lab):
    drive = Drive(lab.core(lab.tasks("a b c"), (Flow("a", "b", lab.When(lambda c: True, "c")),)))
    drive.end_all(c=FAILED)
    assert drive.why("b") is SkipReason.UPSTREAM_FAILED


def test_a_flow_whose_condition_needs_a_task_without_output_is_inactive(lab):
    flows = (
        Flow("a", "b", lab.When(lambda a: False, "a")),
        Flow("a", "c", lab.When(lambda b: True, "b")),
        Flow("c", "d"),
    )
    drive = Drive(lab.core(lab.tasks("a b c d"), flows))
    result = drive.end_all()
    assert (drive.why("c"), drive.why("d")) == (SkipReason.CONDITION, SkipReason.UPSTREAM_SKIPPED)
    assert result.status is RunStatus.SUCCEEDED


def test_a_condition_with_a_wrong_path_in_a_value_fails_its_target_with_category_template(lab):
    flows = (Flow("a", "b", lab.When(lambda a: a["no"], "a")), Flow("b", "c"))
    drive = Drive(lab.core(lab.tasks("a b c"), flows))
    result = drive.end_all(a=Outcome(output={"yes": 1}))
    failure = result.tasks[1].failure
    assert failure.category is Category.TEMPLATE
    assert "the condition `a function of a` of the flow from `a`" in failure.message
    assert (drive.why("c"), result.status) == (SkipReason.UPSTREAM_FAILED, RunStatus.FAILED)


def test_a_condition_that_raises_anything_fails_only_its_target(lab):
    flows = (Flow("a", "b", lab.When(lambda a: 1 / 0, "a")),)
    drive = Drive(lab.core(lab.tasks("a b c"), flows))
    drive.end_all()
    assert "ZeroDivisionError" in drive.result.tasks[1].failure.message
    assert isinstance(drive.core.states["c"], Success)


def test_a_template_without_a_value_fails_its_task_before_it_starts(lab):
    tasks = (lab.task("a"), lab.task("b", 1, payload={"x": lab.ref("a.field")}))
    drive = Drive(lab.core(tasks))
    result = drive.end_all()
    assert drive.started == ["a"]
    assert (result.tasks[1].state, result.tasks[1].attempts) == ("failed", 0)


def test_payloads_are_rendered_with_the_outputs_of_ancestors(lab):
    tasks = (lab.task("a"), lab.task("b", 1, payload={"x": lab.ref("a")}))
    drive = Drive(lab.core(tasks))
    drive.end("a", Outcome(output={"n": 1}))
    assert drive.of(StartTask)[1].call.payload == {"x": {"n": 1}}


def test_fail_fast_cancels_what_runs_and_skips_the_rest(lab):
    drive = Drive(lab.core(lab.tasks("a b c d"), lab.flows("a>d"), fail_fast=True, max_concurrent=2))
    commands = drive.end("a", FAILED)
    assert CancelTask("b", 1, "`a` failed") in commands
    assert (drive.why("c"), drive.why("d")) == (SkipReason.RUN_CANCELLED,) * 2
    drive.end("b", Outcome(failure=Failure("NIKA-087", Category.CANCELLED, "x")))
    assert drive.result.status is RunStatus.FAILED


def test_cancelling_twice_is_cancelling_once(lab):
    drive = Drive(lab.core(lab.tasks("a b"), lab.flows("a>b")))
    drive.on(CancelRequested("stop"))
    assert drive.on(CancelRequested("stop")) == []
    drive.end("a")
    assert (drive.result.status, drive.why("b")) == (RunStatus.CANCELLED, SkipReason.RUN_CANCELLED)
    assert drive.result.tasks[0].state == "success"


def test_the_time_of_a_run_is_a_timer_of_the_core(lab):
    drive = Drive(lab.core(lab.tasks("a"), timeout=3.0))
    assert drive.of(StartTimer) == [StartTimer("run", 3.0)]
    assert drive.on(TimerFired("other")) == []
    assert drive.on(TimerFired("run")) == [CancelTask("a", 1, "the run took longer than 3 s")]
    drive.end("a", FAILED)
    assert (drive.result.status, drive.of(CancelTimer)) == (RunStatus.FAILED, [CancelTimer("run")])


def test_events_that_mean_nothing_change_nothing(lab):
    drive = Drive(lab.core(lab.tasks("a b"), lab.flows("a>b")))
    before = drive.core.snapshot()
    for event in (
        TaskEnded("a", 2, Outcome()),
        TaskEnded("b", 1, Outcome()),
        TaskEnded("nobody", 1, Outcome()),
        AttemptStarted("a", 1, 1),
        AttemptStarted("b", 1, 2),
        AttemptFailed("a", 1, 7, 0.0, FAILURE),
        AgentDecision("a", 1, Action.RETRY),
        TimerFired("run"),
    ):
        assert drive.on(event) == []
    assert drive.core.snapshot() == before


def test_attempts_are_numbered_states_of_their_own(lab):
    drive = Drive(lab.core(lab.tasks("a")))
    drive.on(AttemptFailed("a", 1, 1, 0.5, FAILURE))
    drive.on(AttemptStarted("a", 1, 2))
    assert drive.core.states["a"] == Running(1, 2)
    drive.end("a", Outcome(attempts=2))
    assert [kind for kind, task in drive.told() if task] == [
        "task.ready",
        "task.started",
        "task.retrying",
        "task.started",
        "task.succeeded",
    ]
    assert [emit.number for emit in drive.of(Emit)] == list(range(1, 8))


# ---- the workflow's output


def test_the_output_is_that_of_the_last_declared_task_that_has_one(lab):
    tasks = (lab.task("a"), lab.task("b", 1), lab.task("c", 2, on_error=OnError.CONTINUE))
    drive = Drive(lab.core(tasks, lab.flows("c>b")))
    assert drive.end_all(b=FAILED).status is RunStatus.FAILED
    flows = (Flow("a", "b", lab.When(lambda a: False, "a")),)
    assert Drive(lab.core(lab.tasks("a b"), flows)).end_all().output == "a"


def test_a_run_that_failed_has_no_output(lab):
    result = Drive(lab.core(lab.tasks("a b"))).end_all(b=FAILED)
    assert (result.status, result.has_output) == (RunStatus.FAILED, False)


def test_the_output_is_that_of_the_named_task_and_nothing_else(lab):
    assert Drive(lab.core(lab.tasks("a b"), output="a")).end_all().output == "a"
    assert not Drive(lab.core(lab.tasks("a b"), output="a")).end_all(a=FAILED).has_output


# ---- agentic mode


@pytest.fixture
def agentic(lab):
    return lambda tasks, flows="", **more: Drive(
        lab.core(lab.tasks(tasks), lab.flows(flows), mode=Mode.AGENTIC, **more)
    )


def test_the_main_agent_is_asked_when_a_task_failed_for_good_and_dependents_wait(agentic):
    drive = agentic("a b", "a>b")
    commands = drive.end("a", FAILED)
    assert commands[-1] == AskDecision("a", 1, FAILURE, may_retry=True)
    assert not drive.of(Finish)


def test_a_strict_task_in_an_agentic_workflow_is_not_asked_about(lab):
    drive = Drive(lab.core(lab.tasks("a", mode=Mode.STRICT), mode=Mode.AGENTIC))
    assert drive.end_all(a=FAILED).status is RunStatus.FAILED


def test_a_retry_is_a_new_epoch(agentic):
    drive = agentic("a b", "a>b")
    drive.end("a", FAILED)
    drive.on(AgentDecision("a", 1, Action.RETRY, "once more"))
    assert drive.running == {"a": 2}
    assert drive.of(StartTask)[1].call.key == "r/a#2"
    assert drive.end_all().status is RunStatus.SUCCEEDED
    decided = next(emit for emit in drive.of(Emit) if emit.kind is EventKind.DECISION)
    assert (decided.task, decided.data["action"], decided.data["reason"]) == ("a", "retry_task", "once more")


def test_what_earlier_epochs_and_decisions_used_counts_for_the_task(agentic):
    drive = agentic("a")
    drive.end("a", FAILED._replace(usage=Usage(10, calls=1)))
    drive.on(AgentDecision("a", 1, Action.RETRY, "", Usage(5, calls=1)))
    drive.end("a", Outcome(usage=Usage(1, calls=1)))
    assert (drive.result.tasks[0].usage, drive.result.usage) == (Usage(16, calls=3),) * 2


def test_retries_by_decision_are_bounded(agentic):
    drive = agentic("a")
    for epoch in range(1, 5):
        drive.end("a", FAILED)
        drive.on(AgentDecision("a", epoch, Action.RETRY))
    assert drive.result.status is RunStatus.FAILED
    assert [question.may_retry for question in drive.of(AskDecision)] == [True, True, True, False]


def test_a_skipped_failure_no_longer_counts(agentic):
    drive = agentic("a b c", "a>b")
    drive.end("a", FAILED)
    drive.on(AgentDecision("a", 1, Action.SKIP))
    result = drive.end_all()
    assert (drive.why("a"), drive.why("b")) == (SkipReason.DECISION, SkipReason.UPSTREAM_SKIPPED)
    assert result.status is RunStatus.SUCCEEDED


def test_going_on_leaves_the_failure_what_it_is(agentic):
    drive = agentic("a b", "a>b")
    drive.end("a", FAILED)
    drive.on(AgentDecision("a", 1, Action.CONTINUE))
    assert (drive.why("b"), drive.result.status) == (SkipReason.UPSTREAM_FAILED, RunStatus.FAILED)


def test_aborting_ends_the_run(agentic):
    drive = agentic("a b c", max_concurrent=2)
    drive.end("a", FAILED)
    commands = drive.on(AgentDecision("a", 1, Action.ABORT, "no use"))
    assert any(isinstance(command, CancelTask) and command.node == "b" for command in commands)
    drive.end("c")
    drive.end("b", FAILED)
    assert drive.result.status is RunStatus.FAILED


def test_an_answer_counts_once(agentic):
    drive = agentic("a b", "a>b")
    drive.end("a", FAILED)
    assert drive.on(AgentDecision("a", 2, Action.SKIP)) == []
    assert drive.on(AgentDecision("b", 1, Action.SKIP)) == []
    drive.on(AgentDecision("a", 1, Action.RETRY))
    assert drive.on(AgentDecision("a", 1, Action.SKIP)) == []


def test_what_cannot_be_rendered_is_not_retried_by_decision(lab):
    tasks = (lab.task("a"), lab.task("b", 1, payload={"x": lab.ref("a.field")}))
    drive = Drive(lab.core(tasks, mode=Mode.AGENTIC))
    drive.end("a")
    (question,) = drive.of(AskDecision)
    assert not question.may_retry
    drive.on(AgentDecision("b", 1, Action.RETRY))
    assert isinstance(drive.core.states["b"], Failed)
    assert drive.result.status is RunStatus.FAILED


# ---- resume


def earlier_of(drive, **changes):
    found = {}
    for emit in drive.of(Emit):
        if emit.kind is EventKind.TASK_STARTED:
            found[emit.task] = PreviousTask(
                "running", emit.data["epoch"], emit.data["definition"], emit.data["payload"]
            )
    for emit in drive.of(Emit):
        if emit.kind is EventKind.TASK_SUCCEEDED:
            outcome = Outcome(emit.data["output"])
            found[emit.task] = replace(found[emit.task], state="success", outcome=outcome)
        elif emit.kind is EventKind.TASK_FAILED and emit.task in found:
            outcome = Outcome(has_output=False, failure=failure_of(emit.data["error"]))
            found[emit.task] = replace(found[emit.task], state="failed", outcome=outcome)
    return {**found, **changes}


def reasons(drive):
    kinds = (EventKind.TASK_STARTED, EventKind.TASK_REUSED)
    return {emit.task: emit.data.get("reason") for emit in drive.of(Emit) if emit.kind in kinds}


def chain(lab, **more):
    tasks = (
        lab.task("a", payload={"x": "1"}),
        lab.task("b", 1, payload={"x": lab.ref("a")}),
        lab.task("c", 2, payload={"x": lab.ref("b")}),
    )
    return Drive(lab.core(tasks, **more))


def test_resume_takes_over_what_succeeded_and_is_unchanged(lab):
    first = chain(lab)
    first.end("a")
    first.end("b", FAILED)
    again = chain(lab, previous=earlier_of(first))
    assert again.started == ["b"]
    assert "unchanged" in reasons(again)["a"]
    assert reasons(again)["b"] == "it had failed"
    result = again.end_all()
    assert [task.reused for task in result.tasks] == [True, False, False]
    assert reasons(again)["c"] == "it had not been started"


def test_a_runs_usage_is_that_of_all_its_lives(lab):
    first = chain(lab)
    first.end("a")
    first.end("b", FAILED)
    was = earlier_of(first)
    was["a"], was["b"] = (
        replace(was["a"], outcome=was["a"].outcome._replace(usage=Usage(100))),
        replace(was["b"], outcome=was["b"].outcome._replace(usage=Usage(10))),
    )
    again = chain(lab, previous=was)
    again.end("b", Outcome(output="b", usage=Usage(1)))
    result = again.end_all()
    assert [task.usage.input_tokens for task in result.tasks] == [100, 11, 0]
    assert result.usage == Usage(111)


def test_resume_runs_again_what_is_given_something_else(lab):
    first = chain(lab)
    first.end_all()
    changed = earlier_of(first)
    changed["a"] = PreviousTask("success", 1, changed["a"].definition, "other", Outcome("x"))
    again = chain(lab, previous=changed)
    assert again.started == ["a"]
    assert reasons(again)["a"] == "what it is given has changed"
    again.end("a", Outcome(output="new"))
    assert reasons(again)["b"] == "what it is given has changed"
    assert again.of(StartTask)[1].call.key == "r/b#2"


def test_what_depends_on_a_task_that_has_changed_runs_again_even_if_the_output_is_the_same(lab):
    first = chain(lab)
    first.end_all()
    changed = earlier_of(first)
    changed["a"] = PreviousTask("success", 1, "other", changed["a"].payload, Outcome("x"))
    again = chain(lab, previous=changed)
    again.end_all()
    assert again.result.status is RunStatus.SUCCEEDED
    assert again.started == ["a", "b", "c"]
    assert reasons(again)["a"] == "its definition has changed"
    assert reasons(again)["b"] == reasons(again)["c"] == "a task that it depends on has changed"


def test_what_depends_on_a_task_whose_output_was_lost_is_reused_if_the_output_is_the_same(lab):
    first = chain(lab)
    first.end_all()
    earlier = earlier_of(first)
    earlier["a"] = replace(earlier["a"], lost=True)
    again = chain(lab, previous=earlier)
    again.end("a")
    assert again.result.status is RunStatus.SUCCEEDED
    assert again.started == ["a"]


def test_from_runs_a_task_and_all_below_it_again(lab):
    first = chain(lab)
    first.end_all()
    again = chain(lab, previous=earlier_of(first), rerun_from="b")
    again.end_all()
    assert again.started == ["b", "c"]
    assert reasons(again)["b"] == reasons(again)["c"] == "you asked for it with --from"


def test_an_interrupted_task_runs_again_under_the_same_key(lab):
    again = chain(lab, previous=earlier_of(chain(lab)))
    assert again.of(StartTask)[0].call.key == "r/a#1"
    assert reasons(again)["a"] == "it had been interrupted"


@pytest.mark.parametrize(("category", "epoch"), [(Category.NETWORK, 1), (Category.VALIDATION, 2)])
def test_a_failed_task_keeps_its_key_unless_the_same_answers_would_fail_again(lab, category, epoch):
    first = chain(lab)
    first.end("a", Outcome(failure=Failure("NIKA-084", category, "x")))
    again = chain(lab, previous=earlier_of(first))
    assert again.running == {"a": epoch}


def test_an_output_that_history_withholds_is_made_again(lab):
    first = chain(lab)
    first.end_all()
    was = earlier_of(first)
    was["a"] = PreviousTask("success", 1, was["a"].definition, was["a"].payload, Outcome("***", withheld=True))
    again = chain(lab, previous=was)
    assert again.running == {"a": 2}
    assert "secret" in reasons(again)["a"]


@pytest.mark.parametrize("reader", ["nobody", "a condition", "a conversation"])
def test_an_output_that_history_withholds_is_made_again_only_for_who_needs_it(lab, reader):
    tasks = (lab.task("a"), lab.task("b", 1))
    flows = (Flow("a", "b", lab.When(bool, "a")),) if reader == "a condition" else lab.flows("a>b")
    more = {"context": frozenset({"a"})} if reader == "a conversation" else {}
    first = Drive(lab.core(tasks, flows, **more))
    first.end("a")
    was = earlier_of(first)
    was["a"] = PreviousTask("success", 1, was["a"].definition, was["a"].payload, Outcome("***", withheld=True))
    again = Drive(lab.core(tasks, flows, **more, previous=was))
    if reader != "nobody":
        assert again.running == {"a": 2}
        return
    assert again.running == {"b": 1}
    (reused,) = [emit for emit in again.of(Emit) if emit.kind is EventKind.TASK_REUSED]
    assert reused.data["withheld"] is True  # and so the next time, too


def test_a_decision_to_skip_holds_when_the_run_is_resumed(lab):
    first = chain(lab)
    was = earlier_of(first)["a"]
    skipped = PreviousTask("skipped", 1, was.definition, was.payload)
    again = chain(lab, previous={"a": skipped}, mode=Mode.AGENTIC)
    assert again.why("a") is SkipReason.DECISION
    assert again.result.status is RunStatus.SUCCEEDED


# ---- depth


def test_skips_cascade_through_ten_thousand_tasks_without_recursion(lab):
    names = [f"t{i}" for i in range(10_000)]
    flows = tuple(Flow(a, b) for a, b in itertools.pairwise(names))
    drive = Drive(lab.core(tuple(lab.task(name, i) for i, name in enumerate(names)), flows))
    drive.end("t0", FAILED)
    assert drive.why("t9999") is SkipReason.UPSTREAM_FAILED
    assert drive.result.status is RunStatus.FAILED


def test_ten_thousand_tasks_in_a_row_are_taken_over_without_recursion(lab):
    names = [f"t{i}" for i in range(10_000)]
    flows = tuple(Flow(a, b) for a, b in itertools.pairwise(names))
    tasks = tuple(lab.task(name, i) for i, name in enumerate(names))
    first = Drive(lab.core(tasks, flows))
    first.end_all()
    again = Drive(lab.core(tasks, flows, previous=earlier_of(first)))
    assert again.result.status is RunStatus.SUCCEEDED
    assert not again.started
