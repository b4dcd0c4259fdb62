"""What items, rounds and inner tasks use: limits of their own, each counted once in the run, also after a resume."""

import random
from decimal import Decimal

import pytest

from nika_core.engine.core.core import Core
from nika_core.engine.core.messages import (
    Action,
    AgentDecision,
    AskDecision,
    Emit,
    Finish,
    Outcome,
    StartTask,
    TaskEnded,
)
from nika_core.engine.core.ports import CallScope, InMemoryCallCache, note_sent
from nika_core.engine.core.previous_tasks import previous_tasks
from nika_core.engine.core.run_plan import Child, Each, Item, Loop
from nika_core.engine.core.task_usage import usage_by_task
from nika_core.engine.llm.budget import Budget
from nika_core.engine.llm.ledger import Bound, SpendingLimits
from nika_core.engine.llm.recorded_usage import charge_earlier, noted_by_task
from nika_core.errors import Category, TaskError
from nika_core.model.events import Event
from nika_core.model.ids import identity_in
from nika_core.model.state import Failure, RunStatus
from nika_core.model.usage import NOTHING, Usage
from nika_core.model.workflow import AgentBlock, Mode

FAILURE = Failure("NIKA-080", Category.EXECUTION, "it broke")
ONE = Usage(10, 5, Decimal("0.1"), calls=1)


async def no_barrier():
    pass


def items(*values):
    return lambda _: [Item(value) for value in values]


def list_plan(lab, *values, body=None, previous=None, **more):
    task = lab.task("a", payload={"x": lab.binding("each", "item")}, **more)
    groups = {"a": Each(items=items(*values), body=body)}
    return lab.plan((task,), groups=groups, previous=previous or {})


class Life:
    """One life of a run: its events, its result, and the keys of what it started."""

    def __init__(self, plan, outcome, *, decide=Action.CONTINUE, kill_after=None):
        self.events, self.keys, self.result = [], [], None
        core, todo = Core(plan), []
        todo.extend(core.start())
        while todo:
            command = todo.pop(0)
            match command:
                case Emit(number, kind, task, data):
                    self.events.append(Event(number, "r", 0.0, kind, task, data))
                    if kill_after is not None and len(self.events) == kill_after:
                        return
                case StartTask(call):
                    self.keys.append(call.key)
                    todo.extend(core.on(TaskEnded(call.node, call.epoch, outcome(call))))
                case AskDecision(node=node, epoch=epoch):
                    action, decide = decide, Action.CONTINUE
                    todo.extend(core.on(AgentDecision(node, epoch, action, usage=Usage(1, 0, calls=1))))
                case Finish(result):
                    self.result = result


def used(call):
    return Outcome(output=call.payload.get("x"), usage=ONE)


def scope(key, node, cache):
    return CallScope(
        run_id="r",
        task_id=node,
        key=key,
        attempt=1,
        keyword="llm",
        workflow="w",
        agent=AgentBlock(),
        on_text=lambda text: None,
        on_usage=lambda usage: None,
        call_cache=cache,
        notice=lambda text: None,
        barrier=no_barrier,
    )


def test_the_account_of_a_call_is_the_identity_in_its_key(lab):
    life = Life(list_plan(lab, "p", "q"), used)
    identities = [identity_in(key) for key in life.keys]
    assert len(set(identities)) == 2
    assert all(identity.startswith("a[") and identity not in ("a[0]", "a[1]") for identity in identities)
    assert [scope(f"{key}/tool#1", "a[0]", None).account for key in life.keys] == identities
    assert {node for node, usage in usage_by_task(life.events).items() if usage != NOTHING} == set(identities)


async def test_each_item_has_its_own_token_limit_and_a_refusal_names_it(lab):
    first, second = Life(list_plan(lab, "p", "q"), used).keys
    budget = Budget(SpendingLimits(task_tokens=Bound(100, "NIKA_TASK_TOKENS"), run_tokens=Bound(250, "run")))
    (await budget.reserve(identity_in(first), 90, None, title="a[0]")).settle(90, Decimal(0))
    (await budget.reserve(identity_in(second), 90, None, title="a[1]")).settle(90, Decimal(0))
    with pytest.raises(TaskError, match=r"task 'a\[1\]' has 10 tokens left"):
        await budget.reserve(identity_in(second), 11, None, title="a[1]")
    assert budget.ledger.spent_tokens == 180


async def test_a_resumed_run_charges_the_right_item_of_a_reordered_list_and_each_call_once(lab):
    plan = list_plan(lab, "p", "q", "r")
    life = Life(plan, lambda call: Outcome(usage=ONE if call.payload["x"] == "p" else NOTHING))
    by_item = dict(zip("pqr", life.keys, strict=True))
    cache = InMemoryCallCache()
    note_sent(cache, by_item["p"], "1", ONE, NOTHING)
    note_sent(cache, by_item["q"], "1", NOTHING, Usage(7, 0))
    assert noted_by_task(cache._kept).keys() == {identity_in(by_item["p"]), identity_in(by_item["q"])}
    budget = Budget(SpendingLimits(task_tokens=Bound(100, "task"), run_tokens=Bound(1000, "run")))
    charge_earlier(budget, usage_by_task(life.events), cache._kept)
    assert budget.ledger.spent_tokens == ONE.total_tokens + 7
    again = Life(list_plan(lab, "r", "q", "p"), used)
    rooms = {name: budget.ledger.task_room(identity_in(key)) for name, key in zip("rqp", again.keys, strict=True)}
    assert rooms == {"r": 100, "q": 93, "p": 85}


@pytest.mark.parametrize("nested", [False, True])
def test_an_item_that_is_done_again_by_decision_is_counted_once_more_and_the_others_are_not(lab, nested):
    body = None
    if nested:
        inner = lab.workflow_plan((lab.task("i", payload={"x": lab.binding("input", "x")}),), name="inner")
        body = Child(plan=inner, inputs=lambda payload: payload)
    fails = {"q"}

    def outcome(call):
        value = call.payload["x"]
        if value in fails:
            fails.remove(value)
            return Outcome(has_output=False, failure=FAILURE, usage=ONE)
        return used(call)

    life = Life(list_plan(lab, "p", "q", "r", body=body, mode=Mode.AGENTIC), outcome, decide=Action.RETRY)
    assert life.result.status is RunStatus.SUCCEEDED
    spent = sum(usage_by_task(life.events).values(), NOTHING)
    assert (spent.calls, life.result.usage.calls) == (4, 5)  # the decision's own call is told by the host
    assert life.result.usage.total_tokens == 4 * ONE.total_tokens + 1
    assert len(set(life.keys)) == len(life.keys) == 4
    first, again = life.keys[1], life.keys[3]
    assert identity_in(first) == identity_in(again), "its limit and what it spent stay its own"


def test_no_key_is_used_twice_when_a_resumed_list_is_done_again_by_decision(lab):
    invalid = Failure("NIKA-080", Category.VALIDATION, "no")
    always = Life(
        list_plan(lab, "p", mode=Mode.AGENTIC),
        lambda call: Outcome(has_output=False, failure=invalid, usage=ONE),
        decide=Action.RETRY,
    )
    plan = list_plan(lab, "p", mode=Mode.AGENTIC, previous=previous_tasks(always.events))
    after = Life(plan, lambda call: Outcome(has_output=False, failure=invalid, usage=ONE), decide=Action.RETRY)
    keys = always.keys + after.keys
    assert len(keys) == len(set(keys)) == 4
    assert after.result.usage.total_tokens == 4 * ONE.total_tokens + 2  # both decisions of this life


@pytest.mark.parametrize("seed", range(20))
def test_the_totals_of_a_killed_and_resumed_run_are_those_of_all_its_calls(lab, seed):
    random_ = random.Random(seed)
    inner = lab.workflow_plan(
        (lab.task("i", payload={"x": lab.binding("input", "x")}), lab.task("j", 1)), lab.flows("i>j"), name="inner"
    )
    body = Child(plan=inner, inputs=lambda payload: payload)
    values = list("pqrst")
    calls = []

    def outcome(call):
        calls.append(call.key)
        return used(call)

    whole = Life(list_plan(lab, *values, body=body), outcome)
    calls.clear()
    killed = Life(list_plan(lab, *values, body=body), outcome, kill_after=random_.randrange(2, len(whole.events)))
    ended = sum(usage_by_task(killed.events).values(), NOTHING)
    random_.shuffle(values)
    before = len(calls)
    resumed = Life(list_plan(lab, *values, body=body, previous=previous_tasks(killed.events)), outcome)
    made = sum((ONE for _ in calls[before:]), NOTHING)
    assert resumed.result.usage == ended + made
    assert sum(usage_by_task([*killed.events, *resumed.events]).values(), NOTHING) == ended + made


def test_a_loop_has_an_account_for_each_round(lab):
    class Never:
        text = "never"
        placeholders = ()

        def evaluate(self, resolve):
            return False

    groups = {"a": Loop(until=Never(), max_rounds=3, fail_if_exhausted=False)}
    life = Life(lab.plan(lab.tasks("a"), groups=groups), used)
    assert [identity_in(key) for key in life.keys] == ["a@1", "a@2", "a@3"]
    assert life.result.usage == ONE + ONE + ONE
