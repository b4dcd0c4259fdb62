"""The one wrapper around every provider: what it sends, refuses, reserves, settles, keeps and gives again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

import pytest

from nika_core import codes
from nika_core.engine.core.ports import CallScope, InMemoryCallCache
from nika_core.engine.fair_turns import SLICE, FairTurns
from nika_core.engine.llm.budget import Budget
from nika_core.engine.llm.caller import ResilientCaller
from nika_core.engine.llm.ledger import Bound, SpendingLimits
from nika_core.engine.llm.pricing import Prices
from nika_core.engine.llm.recorded_usage import charge_earlier, noted_by_task
from nika_core.errors import Category, PluginError, TaskError
from nika_core.model.message import Message, ReasoningPart, Role, TextPart, ToolCall, ToolSpec
from nika_core.model.usage import NOTHING, Usage
from nika_core.model.workflow import AgentBlock
from nika_core.plugin import (
    Chunk,
    ClientNotice,
    Finished,
    ModelInfo,
    ModelRequest,
    Price,
    Provider,
    RateLimit,
    RateState,
    Refusal,
    TextDelta,
    TokenEstimate,
    estimate_tokens,
)
from tests.policy_gates import Gate

OK = (TextDelta("hel"), TextDelta("lo"), Finished("end", Usage(10, 2)))
Script = tuple[Any, ...]


class Time:
    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []

    def time(self) -> float:
        return self.now

    def monotonic(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds
        await asyncio.sleep(0)


class FakeClient:
    """Plays one script per call; the last one for ever. An exception in it is raised, a callable is called."""

    def __init__(self, *scripts: Script, info: ModelInfo | None = None) -> None:
        self.scripts = list(scripts) or [OK]
        self.asked: list[ModelRequest] = []
        self.model_info = info or ModelInfo("m", price=Price(Decimal(1), Decimal(10)))
        self.prompt: TokenEstimate | Exception = TokenEstimate(10, exact=True)
        self.open = 0
        self.closed = 0

    def info(self, model: str) -> ModelInfo:
        return replace(self.model_info, name=model)

    def models(self) -> list[ModelInfo]:
        return []

    async def estimate(self, request: ModelRequest) -> TokenEstimate:
        if isinstance(self.prompt, Exception):
            raise self.prompt
        return self.prompt

    async def stream(self, request: ModelRequest) -> AsyncIterator[Chunk]:
        self.asked.append(request)
        script = self.scripts.pop(0) if len(self.scripts) > 1 else self.scripts[0]
        self.open += 1
        try:
            for step in script:
                if isinstance(step, BaseException):
                    raise step
                if callable(step):
                    await step()
                else:
                    yield step
        finally:
            self.open -= 1

    async def health(self) -> Any: ...
    async def submit_batch(self, requests: Any) -> str:
        return ""

    async def poll_batch(self, batch_id: str) -> Any: ...
    async def close(self) -> None:
        self.closed += 1


@dataclass
class House:
    """A caller with everything around it in reach."""

    client: FakeClient
    caller: ResilientCaller
    budget: Budget
    time: Time
    call_cache: InMemoryCallCache = field(default_factory=InMemoryCallCache)
    shown: list[str] = field(default_factory=list)
    used: list[Usage] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    connected: list[str] = field(default_factory=list)
    barriers: int = 0

    def scope(self, **changes: Any) -> CallScope:
        async def barrier() -> None:
            self.barriers += 1

        known: dict[str, Any] = {
            "run_id": "r",
            "task_id": "t",
            "key": "r/t#1",
            "attempt": 1,
            "keyword": "llm",
            "workflow": "w",
            "agent": AgentBlock(model="m", max_tokens=100),
            "on_text": self.shown.append,
            "on_usage": self.used.append,
            "call_cache": self.call_cache,
            "notice": self.notices.append,
            "barrier": barrier,
        }
        return CallScope(**{**known, **changes})

    @property
    def free(self) -> bool:
        return self.budget.ledger.in_flight == 0 and self.budget.ledger.waiting == 0


def house(
    *scripts: Script,
    bounds: SpendingLimits | None = None,
    info: ModelInfo | None = None,
    provider: Provider | None = None,
    policies: Gate | None = None,
    choose: Exception | None = None,
    client: FakeClient | None = None,
    labels: dict[str, str] | None = None,
    turns: FairTurns | None = None,
) -> House:
    client = client or FakeClient(*scripts, info=info)
    time = Time()
    budget = Budget(bounds or SpendingLimits())
    described = provider or Provider(name="acme", summary="x", client="x:Y")

    class ProviderLookup:
        def choose(self, provider: str | None, model: str, *, fallback: bool = False) -> tuple[Provider, str]:
            if choose is not None:
                raise choose
            return described, model

        def connect(self, provider: Provider) -> FakeClient:
            made.connected.append(provider.name)
            return client

    caller = ResilientCaller(
        ProviderLookup(),
        budget,
        prices=Prices(public=False),
        policies=policies,
        clock=time,
        labels=labels,
        turns=turns,
    )
    made = House(client, caller, budget, time)
    return made


def ask(text: str = "hi", **more: Any) -> ModelRequest:
    return ModelRequest((Message(Role.USER, text),), **more)


def tokens(task: int | None = None, run: int | None = None, cost: str | None = None) -> SpendingLimits:
    return SpendingLimits(
        None if task is None else Bound(task, "NIKA_MAX_TOKENS_TASK"),
        None if run is None else Bound(run, "NIKA_MAX_TOKENS_TOTAL"),
        None if cost is None else Bound(Decimal(cost), "NIKA_MAX_COST"),
    )


async def test_a_reply_comes_with_its_text_its_price_and_its_usage() -> None:
    h = house()
    reply = await h.caller.complete(ask(), h.scope())
    assert (reply.text, reply.stop_reason, reply.model, reply.reused) == ("hello", "end", "m", False)
    assert reply.usage == Usage(10, 2, Decimal("0.00003"), calls=1)
    assert h.shown == ["hel", "lo"]
    assert h.used == [reply.usage]
    assert (h.budget.ledger.spent_tokens, h.budget.ledger.spent_usd) == (12, Decimal("0.00003"))
    assert h.client.open == 0


async def test_the_agent_block_fills_what_the_request_leaves_open() -> None:
    h = house()
    agent = AgentBlock(model="m", max_tokens=77, temperature=0.5, system_prompt="be careful")
    await h.caller.complete(ask(), h.scope(agent=agent))
    sent = h.client.asked[0]
    assert (sent.model, sent.max_tokens, sent.temperature, sent.system) == ("m", 77, 0.5, "be careful")
    await h.caller.complete(ask(model="n", max_tokens=5, temperature=0.0, system=""), h.scope(agent=agent))
    sent = h.client.asked[1]
    assert (sent.model, sent.max_tokens, sent.temperature, sent.system) == ("n", 5, 0.0, "")


async def test_without_a_model_anywhere_it_says_where_to_set_one() -> None:
    h = house()
    with pytest.raises(TaskError, match="No model is named") as caught:
        await h.caller.complete(ask(), h.scope(agent=AgentBlock()))
    assert (caught.value.code, caught.value.category) == (codes.MISSING_MODEL, Category.CONFIG)


async def test_a_provider_that_cannot_be_had_fails_the_task_for_its_configuration() -> None:
    h = house(choose=PluginError(codes.UNKNOWN_PROVIDER, "no such provider", hint="install it"))
    with pytest.raises(TaskError, match="no such provider") as caught:
        await h.caller.complete(ask(), h.scope())
    assert (caught.value.code, caught.value.category, caught.value.hint) == (
        codes.UNKNOWN_PROVIDER,
        Category.CONFIG,
        "install it",
    )


async def test_a_provider_is_connected_once_however_many_calls_come_at_once() -> None:
    h = house()
    await asyncio.gather(*(h.caller.complete(ask(str(i)), h.scope()) for i in range(20)))
    assert h.connected == ["acme"]
    await h.caller.close()
    assert h.client.closed == 1


class LoopTurns:
    """Counts what happens in each turn of the event loop, on a clock that only the work itself turns."""

    def __init__(self) -> None:
        self.now = 0.0
        self.work = [0.0]  # seconds in each turn

    def busy(self, seconds: float) -> None:
        self.now += seconds
        self.work[-1] += seconds

    async def count(self, work: Any) -> None:
        """Await it, and count meanwhile."""
        task = asyncio.ensure_future(work)
        while not task.done():
            self.work.append(0.0)
            await asyncio.sleep(0)
        task.result()


class BusyClient(FakeClient):
    """Takes time to begin an answer and for each of its pieces, all of which are at hand."""

    turns: LoopTurns
    begin = 0.0
    piece = 0.0

    async def stream(self, request: ModelRequest) -> AsyncIterator[Chunk]:
        self.turns.busy(self.begin)
        for _ in range(100):
            self.turns.busy(self.piece)
            yield TextDelta("x")
        yield Finished("end", Usage(10, 100))


@pytest.mark.parametrize(("begin", "piece"), [(0.4, 0.0), (0.0, 0.2)])
async def test_calls_begin_and_read_what_is_at_hand_in_turns(begin: float, piece: float) -> None:
    loop = LoopTurns()
    h = house(turns=FairTurns(lambda: loop.now))
    h.client.__class__ = BusyClient
    h.client.turns, h.client.begin, h.client.piece = loop, begin * SLICE, piece * SLICE  # type: ignore[attr-defined]  # as said above
    await h.caller.complete(ask(), h.scope())  # they would wait for the provider one by one
    await loop.count(asyncio.gather(*(h.caller.complete(ask(str(i)), h.scope(key=f"r/{i}#1")) for i in range(50))))
    assert sum(loop.work[1:]) == pytest.approx(50 * SLICE * (begin + 100 * piece))
    assert max(loop.work[1:]) <= SLICE * (1 + max(begin, piece)) * 1.001


async def test_calls_that_waited_for_one_commit_begin_in_turns() -> None:
    loop, committed, waiting = LoopTurns(), asyncio.Event(), 0

    async def barrier() -> None:
        nonlocal waiting
        waiting += 1
        if waiting == 50:
            committed.set()
        await committed.wait()

    h = house(turns=FairTurns(lambda: loop.now))
    h.client.__class__ = BusyClient
    h.client.turns, h.client.begin = loop, 0.4 * SLICE  # type: ignore[attr-defined]  # as said above
    calls = (h.caller.complete(ask(str(i)), h.scope(key=f"r/{i}#1", barrier=barrier)) for i in range(50))
    await loop.count(asyncio.gather(*calls))
    assert sum(loop.work) == pytest.approx(50 * SLICE * 0.4)
    assert max(loop.work) <= SLICE * 1.4 * 1.001


async def test_what_a_model_can_do_is_known_without_calling_it() -> None:
    h = house(info=ModelInfo("m", context_tokens=5))
    info = await h.caller.model(ask(model="other"), AgentBlock(model="m"))
    assert (info.name, info.context_tokens) == ("other", 5)
    assert h.client.asked == []


@pytest.mark.parametrize(
    ("info", "more", "message"),
    [
        (ModelInfo("m", tools=False), {"tools": (ToolSpec("shell", "x"),)}, "cannot use tools"),
        (ModelInfo("m", temperature=False), {"temperature": 0.3}, "takes no temperature"),
        (ModelInfo("m", max_output_tokens=50), {"max_tokens": 51}, "at most 50 tokens, and 51 are asked for"),
    ],
)
async def test_what_the_model_cannot_do_is_refused_before_the_call_and_never_left_out(
    info: ModelInfo, more: dict[str, Any], message: str
) -> None:
    h = house(info=info)
    with pytest.raises(TaskError, match=message) as caught:
        await h.caller.complete(ask(**{"max_tokens": 50, **more}), h.scope())
    assert (caught.value.code, caught.value.category) == (codes.MODEL_CANNOT, Category.CONFIG)
    assert h.client.asked == []


async def test_a_default_reply_takes_what_is_left_of_the_tasks_limit() -> None:
    h = house(bounds=tokens(task=1000))
    await h.caller.complete(ask(), h.scope(agent=AgentBlock(model="m")))
    assert h.client.asked[0].max_tokens == 990


@pytest.mark.parametrize(("context", "fits"), [(110, True), (109, False)])
async def test_what_does_not_fit_the_models_context_is_refused_with_the_figures(context: int, fits: bool) -> None:
    h = house(info=ModelInfo("m", context_tokens=context, free=True))
    if fits:
        await h.caller.complete(ask(), h.scope())
        return
    with pytest.raises(TaskError) as caught:
        await h.caller.complete(ask(), h.scope())
    assert caught.value.code == codes.CONTEXT_TOO_LONG
    for figure in ("10 tokens", "100", "110", "holds 109"):
        assert figure in caught.value.message
    assert h.client.asked == []
    assert h.free


async def test_a_call_beyond_the_budget_is_refused_before_anything_is_sent() -> None:
    h = house(bounds=tokens(run=109))
    with pytest.raises(TaskError, match="110 tokens") as caught:
        await h.caller.complete(ask(), h.scope())
    assert caught.value.category is Category.BUDGET
    assert h.client.asked == []


async def settled() -> None:
    """Until whoever can go on without the others has gone on."""
    for _ in range(50):
        await asyncio.sleep(0)


async def test_a_call_waits_for_another_that_may_give_something_back() -> None:
    gate = asyncio.Event()
    h = house((gate.wait, *OK), OK, bounds=tokens(run=150))
    first = asyncio.create_task(h.caller.complete(ask("a"), h.scope()))
    await settled()
    second = asyncio.create_task(h.caller.complete(ask("b"), h.scope()))
    await settled()
    assert len(h.client.asked) == 1
    gate.set()
    await asyncio.gather(first, second)
    assert h.budget.ledger.spent_tokens == 24


async def test_calls_that_wait_for_a_budget_say_so_once_and_know_what_for() -> None:
    gate = asyncio.Event()
    h = house((gate.wait, *OK), OK, OK, bounds=tokens(run=200))
    first = asyncio.create_task(h.caller.complete(ask("a"), h.scope()))
    await settled()
    waits: list[list[str]] = [[], []]
    others = [
        asyncio.create_task(h.caller.complete(ask(str(number)), h.scope(on_wait=each.append, task_id=f"t{number}")))
        for number, each in enumerate(waits)
    ]
    await settled()
    cause = "other calls hold what NIKA_MAX_TOKENS_TOTAL leaves until they have ended"
    assert [each[-1] for each in waits] == [f"a call to 'm' still waited to be sent: {cause}"] * 2
    assert [cause in each for each in h.notices] == [True]
    gate.set()
    await asyncio.gather(first, *others)
    assert [each[-1] for each in waits] == ["", ""]


async def test_a_policy_that_refuses_wins_and_is_told_the_worst_case() -> None:
    gate = Gate(lambda request: Refusal("not on Sundays", "wait until Monday"))
    seen = gate.asked
    h = house(policies=gate)
    with pytest.raises(TaskError, match="not on Sundays") as caught:
        await h.caller.complete(ask(), h.scope())
    assert (caught.value.code, caught.value.hint) == (codes.POLICY_REFUSED, "wait until Monday")
    assert (seen[0].stage, seen[0].provider, seen[0].model, seen[0].tokens) == ("model", "acme", "m", 110)
    assert seen[0].cost_usd == Decimal("0.00101")
    assert h.client.asked == []
    assert h.free


async def test_an_unpriced_model_is_said_to_be_where_a_cost_is_limited() -> None:
    h = house(info=ModelInfo("m"), bounds=tokens(cost="1"))
    for text in "ab":
        reply = await h.caller.complete(ask(text), h.scope())
        assert reply.usage.unpriced == ("m",)
    assert len(h.notices) == 1
    assert "NIKA_MAX_COST" in h.notices[0]


async def test_a_later_attempt_is_given_the_replies_that_were_paid_for() -> None:
    h = house(OK, (TaskError("down", category=Category.PROVIDER),), OK)
    scope = h.scope()
    paid = await h.caller.complete(ask("first"), scope)
    with pytest.raises(TaskError, match="down"):
        await h.caller.complete(ask("second"), scope)
    h.shown.clear()
    again = h.scope(attempt=2)
    known = await h.caller.complete(ask("first"), again)
    assert (known.text, known.reused, known.usage) == (paid.text, True, paid.usage)
    assert h.shown == []
    assert h.used[-1] == NOTHING
    assert not (await h.caller.complete(ask("second"), again)).reused
    assert [sent.messages[0].text for sent in h.client.asked] == ["first", "second", "second"]
    assert h.barriers == 5  # before each call that was sent, and after each reply


async def test_a_reply_is_given_again_in_another_process() -> None:
    calls = (ToolCall("1", "shell", {"command": "ls"}, '{"command":"ls"}'), ToolCall("2", "x", None, "{"))
    h = house((TextDelta("x"), Finished("toolUse", Usage(5, 5, cached_tokens=2), calls, "m-2026")))
    paid = await h.caller.complete(ask(), h.scope())
    other = house((AssertionError("called"),))
    other.call_cache = h.call_cache
    assert await other.caller.complete(ask(), other.scope()) == replace(paid, reused=True)


async def test_the_same_question_twice_in_one_attempt_is_two_calls() -> None:
    h = house()
    for _ in range(2):
        assert not (await h.caller.complete(ask(), h.scope())).reused
    assert len(h.client.asked) == 2
    for _ in range(2):
        assert (await h.caller.complete(ask(), h.scope(attempt=2))).reused


async def test_another_question_model_or_epoch_is_never_given_an_old_reply() -> None:
    h = house()
    await h.caller.complete(ask(), h.scope())
    assert not (await h.caller.complete(ask("other"), h.scope(attempt=2))).reused
    assert not (await h.caller.complete(ask(model="n"), h.scope(attempt=2))).reused
    assert not (await h.caller.complete(ask(), h.scope(key="r/t#2", attempt=1))).reused


async def test_a_stream_without_an_end_has_failed_and_keeps_its_reservation() -> None:
    h = house((TextDelta("half"),), bounds=tokens(run=1000))
    with pytest.raises(TaskError, match="ended before it was complete") as caught:
        await h.caller.complete(ask(), h.scope())
    assert caught.value.category is Category.NETWORK
    assert h.budget.ledger.spent_tokens == 110  # the worst case
    assert h.used == [Usage(10, 1, Decimal("0.00002"), calls=1, estimated=True)]
    assert h.call_cache.get("r/t#1", "anything") is None
    assert h.free


async def test_a_disconnect_after_text_is_not_tried_again_here() -> None:
    h = house((TextDelta("half"), TaskError("gone", category=Category.NETWORK)), OK)
    with pytest.raises(TaskError, match="gone") as caught:
        await h.caller.complete(ask(), h.scope())
    assert not caught.value.retriable
    assert len(h.client.asked) == 1
    assert h.budget.ledger.spent_tokens == 110


async def test_a_disconnect_before_any_text_or_without_any_use_may_be_tried_again() -> None:
    h = house(
        (TaskError("early", category=Category.NETWORK),),
        (TextDelta("x"), TaskError("free", category=Category.NETWORK, usage=Usage())),
    )
    for attempt, message in enumerate(("early", "free"), start=1):
        with pytest.raises(TaskError, match=message) as caught:
            await h.caller.complete(ask(), h.scope(attempt=attempt))
        assert caught.value.retriable


@pytest.mark.parametrize("category", [Category.RATE_LIMIT, Category.PROVIDER, Category.VALIDATION, Category.CONFIG])
async def test_a_call_that_the_provider_turned_down_gives_everything_back(category: Category) -> None:
    h = house((TaskError("no", category=category),), bounds=tokens(run=110))
    for attempt in (1, 2):
        with pytest.raises(TaskError, match="no"):
            await h.caller.complete(ask(), h.scope(attempt=attempt))
    assert h.budget.ledger.spent_tokens == 0
    assert h.used[0] == Usage(calls=1)


async def test_a_connection_that_was_never_made_gives_everything_back_and_a_lost_one_nothing() -> None:
    refused = TaskError("no connection", category=Category.NETWORK)
    refused.__cause__ = ConnectionRefusedError()
    h = house((refused,), (TaskError("reset", category=Category.NETWORK),), bounds=tokens(run=1000))
    with pytest.raises(TaskError, match="no connection"):
        await h.caller.complete(ask(), h.scope())
    assert h.budget.ledger.spent_tokens == 0
    with pytest.raises(TaskError, match="reset"):
        await h.caller.complete(ask(), h.scope(attempt=2))
    assert h.budget.ledger.spent_tokens == 110


async def test_what_a_failed_call_is_known_to_have_used_is_priced_and_counted() -> None:
    h = house(
        (TextDelta("x"), TaskError("died", category=Category.PROVIDER, usage=Usage(10, 7))), bounds=tokens(run=1000)
    )
    with pytest.raises(TaskError) as caught:
        await h.caller.complete(ask(), h.scope())
    assert caught.value.usage == Usage(10, 7, Decimal("0.00008"), calls=1)
    assert h.used == [caught.value.usage]
    assert h.budget.ledger.spent_tokens == 17


async def test_a_reply_without_figures_is_estimated_and_keeps_its_reservation() -> None:
    h = house((TextDelta("x" * 40), Finished("end", Usage())), bounds=tokens(run=1000))
    reply = await h.caller.complete(ask(), h.scope())
    assert reply.usage == Usage(10, 10, Decimal("0.00011"), calls=1, estimated=True)
    assert h.budget.ledger.spent_tokens == 110


@pytest.mark.parametrize("told", [Usage(-900, -900), Usage(-10_000, 10_001), Usage(20, 5, cached_tokens=-1)])
@pytest.mark.parametrize("fails", [False, True])
async def test_figures_below_nothing_are_none_and_give_a_budget_nothing(told: Usage, fails: bool) -> None:
    end = TaskError("died", category=Category.NETWORK, usage=told) if fails else Finished("end", told)
    h = house((TextDelta("x" * 40), end), bounds=tokens(run=1000, cost="1"))
    with pytest.raises(TaskError) if fails else nullcontext():
        await h.caller.complete(ask(), h.scope())
    assert h.used == [Usage(10, 10, Decimal("0.00011"), calls=1, estimated=True)]
    assert h.budget.ledger.spent_tokens == 110
    assert h.free


@pytest.mark.parametrize("told", [Usage(), Usage(10, 0), Usage(10, 1), Usage(10, 199)])
async def test_a_reply_longer_than_asked_for_counts_as_its_text_if_its_figures_cannot_hold_it(told: Usage) -> None:
    h = house((TextDelta("x" * 4000), Finished("end", told)), bounds=tokens(run=10_000))
    reply = await h.caller.complete(ask(max_tokens=100), h.scope())
    assert reply.usage == Usage(10, 1000, Decimal("0.01001"), calls=1, estimated=True)
    assert h.budget.ledger.spent_tokens == 1010


async def test_figures_that_can_hold_the_text_are_believed() -> None:
    h = house((TextDelta("x" * 4000), Finished("end", Usage(10, 200))), bounds=tokens(run=10_000))
    reply = await h.caller.complete(ask(max_tokens=100), h.scope())
    assert (reply.usage.output_tokens, reply.usage.estimated) == (200, False)
    assert h.budget.ledger.spent_tokens == 210


async def test_an_end_of_the_wrong_shape_leaves_no_other_call_waiting() -> None:
    h = house((Finished("end", "much"),), OK, bounds=tokens(run=220))  # type: ignore[arg-type]  # a plugin's fault
    with pytest.raises(AttributeError):
        await h.caller.complete(ask(), h.scope())
    assert h.free
    assert h.budget.ledger.spent_tokens == 110


@pytest.mark.parametrize("counted", [TokenEstimate(-5000), None])
async def test_a_counter_that_counts_nonsense_gives_way_to_an_estimate(counted: Any) -> None:
    gate = Gate()
    h = house(policies=gate)
    h.client.prompt = counted
    await h.caller.complete(ask(), h.scope())
    assert gate.asked[0].tokens == estimate_tokens(h.client.asked[0]) + 100


async def test_a_plugin_that_raises_anything_else_is_named() -> None:
    h = house((KeyError("choices"),))
    with pytest.raises(TaskError, match=r"'acme' failed in a way that it does not explain: KeyError") as caught:
        await h.caller.complete(ask(), h.scope())
    assert caught.value.category is Category.UNKNOWN
    assert not caught.value.retriable
    assert h.free


async def test_cancelling_a_call_closes_its_stream_and_keeps_its_reservation() -> None:
    h = house((TextDelta("x"), asyncio.Event().wait), bounds=tokens(run=1000))
    task = asyncio.create_task(h.caller.complete(ask(), h.scope()))
    while not h.shown:
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert h.client.open == 0
    assert h.budget.ledger.spent_tokens == 110
    assert h.used[0].estimated
    assert h.free


async def test_cancelling_a_call_before_it_is_sent_costs_nothing() -> None:
    h = house(
        OK, provider=Provider(name="acme", summary="x", client="x:Y", requests_per_minute=1), bounds=tokens(run=500)
    )
    await h.caller.complete(ask("a"), h.scope())

    async def forever(seconds: float) -> None:
        await asyncio.Event().wait()

    h.time.sleep = forever  # type: ignore[method-assign]  # on purpose
    task = asyncio.create_task(h.caller.complete(ask("b"), h.scope()))
    await settled()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert len(h.client.asked) == 1
    assert h.budget.ledger.spent_tokens == 12
    assert h.free


async def test_after_three_failures_the_provider_is_left_alone() -> None:
    h = house((TaskError("down", category=Category.PROVIDER),))
    for attempt in (1, 2, 3):
        with pytest.raises(TaskError, match="down"):
            await h.caller.complete(ask(), h.scope(attempt=attempt))
    with pytest.raises(TaskError, match="not called for now") as caught:
        await h.caller.complete(ask(), h.scope(attempt=4))
    assert caught.value.category is Category.CIRCUIT_OPEN
    assert len(h.client.asked) == 3
    h.time.now += 60
    h.client.scripts = [OK]
    assert (await h.caller.complete(ask(), h.scope(attempt=5))).text == "hello"


async def test_a_provider_that_hangs_until_the_task_times_out_counts_as_down() -> None:
    h = house((asyncio.Event().wait,))
    for attempt in (1, 2, 3):
        task = asyncio.create_task(h.caller.complete(ask(), h.scope(attempt=attempt)))
        while h.client.open == 0:
            await asyncio.sleep(0)
        h.time.now += 30.0
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    with pytest.raises(TaskError, match="not called for now"):
        await h.caller.complete(ask(), h.scope(attempt=4))


async def test_a_retry_after_holds_all_calls_to_that_provider() -> None:
    h = house((TaskError("slow down", category=Category.RATE_LIMIT, retry_after=7.0),), OK)
    with pytest.raises(TaskError):
        await h.caller.complete(ask("a"), h.scope())
    await h.caller.complete(ask("b"), h.scope(task_id="other", key="r/other#1"))
    assert h.time.slept == [pytest.approx(7.0)]


async def test_a_counter_that_fails_gives_way_to_an_estimate_and_a_wrong_key_does_not() -> None:
    h = house()
    for broken in (TaskError("down", category=Category.NETWORK), RuntimeError("bug")):
        h.client.prompt = broken
        await h.caller.complete(ask(str(broken)), h.scope())
    h.client.prompt = TaskError("wrong key", category=Category.CONFIG)
    with pytest.raises(TaskError, match="wrong key"):
        await h.caller.complete(ask("c"), h.scope())
    assert len(h.client.asked) == 2


async def test_parallel_calls_never_overspend() -> None:
    h = house((TextDelta("x"), Finished("end", Usage(10, 100))), bounds=tokens(run=1000))
    results = await asyncio.gather(
        *(h.caller.complete(ask(str(i)), h.scope(task_id=str(i), key=str(i))) for i in range(50)),
        return_exceptions=True,
    )
    done = [result for result in results if not isinstance(result, BaseException)]
    assert len(done) == 9
    assert {error.category for error in results if isinstance(error, TaskError)} == {Category.BUDGET}
    assert h.budget.ledger.spent_tokens == 990
    assert h.free


def noted(h: House) -> tuple[int, int]:
    """Tokens that are told, and tokens that nobody knows of."""
    told, unknown = noted_by_task(h.call_cache._kept).get("t", (NOTHING, NOTHING))
    return told.total_tokens, unknown.total_tokens


async def test_a_run_that_is_killed_during_a_call_does_not_take_it_for_unspent() -> None:
    gate = asyncio.Event()
    h = house((gate.wait, *OK))
    task = asyncio.create_task(h.caller.complete(ask(), h.scope()))
    while h.client.open == 0:
        await asyncio.sleep(0)
    assert noted(h) == (0, 110)  # what a kill would leave behind
    assert h.barriers == 1
    resumed = Budget(tokens(run=1000, cost="1"))
    charge_earlier(resumed, {}, h.call_cache._kept)
    with pytest.raises(TaskError, match=r"890 tokens left.*110 tokens of it by calls whose usage is unknown"):
        await resumed.reserve("t", 891, Decimal(0))
    gate.set()
    await task
    assert noted(h) == (12, 0)
    after = Budget(tokens(run=1000))
    charge_earlier(after, {}, h.call_cache._kept)
    assert after.ledger.spent_tokens == 12


async def test_what_a_failed_call_leaves_unknown_is_what_its_events_do_not_tell() -> None:
    h = house((TaskError("reset", category=Category.NETWORK),), (TaskError("no", category=Category.PROVIDER),), OK)
    for attempt, message in enumerate(("reset", "no"), start=1):
        with pytest.raises(TaskError, match=message):
            await h.caller.complete(ask(), h.scope(attempt=attempt))
    assert sum(usage.total_tokens for usage in h.used) == 10
    assert noted(h) == (10, 100)
    await h.caller.complete(ask(), h.scope(attempt=3))
    assert noted(h) == (22, 100)  # the later reply says nothing about the lost one


async def test_a_free_model_needs_no_note_of_what_was_sent_and_waits_for_no_disk() -> None:
    h = house(info=ModelInfo("m", free=True))
    await h.caller.complete(ask(), h.scope())
    assert (noted(h), h.barriers) == ((0, 0), 0)
    assert len(h.call_cache._kept) == 1


@pytest.mark.parametrize("word", ["network_error", "error", "sensitive", "length", ""])
async def test_only_a_reply_that_ended_well_is_an_answer_and_the_word_for_another_end_is_told(word: str) -> None:
    h = house((TextDelta("half"), Finished(word, Usage(5, 5))))
    with pytest.raises(TaskError) as caught:
        await h.caller.complete(ask(), h.scope())
    assert (word or "no reason") in caught.value.message
    assert (caught.value.category, caught.value.retriable) == (Category.PROVIDER, False)
    assert h.budget.ledger.spent_tokens == 10
    assert caught.value.usage == h.used[0]


async def test_an_end_that_is_a_failure_and_cost_nothing_is_tried_again() -> None:
    h = house((Finished("error", Usage(5, 0)),))
    with pytest.raises(TaskError) as caught:
        await h.caller.complete(ask(), h.scope())
    assert caught.value.retriable


@pytest.mark.parametrize("word", ["maxTokens", "refusal"])
async def test_calls_of_a_reply_that_is_not_whole_are_not_made(word: str) -> None:
    h = house((Finished(word, Usage(5, 5), (ToolCall("1", "f", {}),)),))
    assert (await h.caller.complete(ask(), h.scope())).tool_calls == ()


async def test_a_reply_that_ends_to_call_a_tool_and_calls_none_is_a_failure() -> None:
    h = house((TextDelta("x"), Finished("toolUse", Usage(5, 5))))
    with pytest.raises(TaskError, match="calls none"):
        await h.caller.complete(ask(), h.scope())


@pytest.mark.parametrize(("told", "tokens"), [(Usage(0, 5), 15), (Usage(10, 0), 12), (Usage(0, 0), 12)])
async def test_tokens_that_the_provider_does_not_tell_are_estimated(told: Usage, tokens: int) -> None:
    h = house((TextDelta("12345678"), Finished("end", told)))
    usage = (await h.caller.complete(ask(), h.scope())).usage
    assert (usage.total_tokens, usage.estimated) == (tokens, True)


async def test_the_reasoning_of_a_reply_is_given_again_with_it() -> None:
    h = house((TextDelta("x"), Finished("end", Usage(5, 5), (ReasoningPart({"signature": "S"}),))))
    scope = h.scope()
    parts = (ReasoningPart({"signature": "S"}, "acme"), TextPart("x"))
    assert (await h.caller.complete(ask(), scope)).parts == parts
    again = await h.caller.complete(ask(), replace(scope, attempt=2))
    assert (again.reused, again.parts) == (True, parts)


async def test_the_text_of_a_reply_stays_between_the_parts_that_have_places_for_it() -> None:
    call, thought = ToolCall("1", "f", {}), ReasoningPart({"thinking": "hm"})
    end = Finished("toolUse", Usage(5, 5), (thought, TextPart("I "), thought, TextPart("see"), call))
    h = house((TextDelta("I see"), end), (TextDelta("other"), end))
    own = ReasoningPart({"thinking": "hm"}, "acme")
    assert (await h.caller.complete(ask(), h.scope())).parts == (own, TextPart("I "), own, TextPart("see"), call)
    assert (await h.caller.complete(ask("b"), h.scope())).parts == (own, own, TextPart("other"), call)


async def test_a_provider_is_not_sent_the_reasoning_of_another() -> None:
    h = house(OK)
    own, foreign = ReasoningPart({"a": 1}, "acme"), ReasoningPart({"a": 1}, "elsewhere")
    await h.caller.complete(ModelRequest((Message(Role.ASSISTANT, (foreign, TextPart("x"), own)),)), h.scope())
    assert h.client.asked[0].messages[0].parts == (TextPart("x"), own)


async def test_a_notice_of_a_client_is_told_once_and_is_no_text() -> None:
    h = house((ClientNotice("no temperature"), *OK))
    told: list[str] = []
    scope = replace(h.scope(), notice=told.append)
    for text in ("one", "two"):
        assert (await h.caller.complete(ask(text), scope)).text == "hello"
    assert told == ["no temperature"]


async def test_each_piece_of_a_stream_is_a_sign_of_life_even_if_nobody_watches() -> None:
    h = house()
    beats: list[None] = []
    await h.caller.complete(ask(), h.scope(on_text=None, heartbeat=lambda: beats.append(None)))
    assert len(beats) == 3  # two pieces of text, and the end


class AskingClient(FakeClient):
    """One whose counter is another request."""

    counts_by_asking = True

    def __init__(self, *scripts: Script, info: ModelInfo | None = None) -> None:
        super().__init__(*scripts, info=info)
        self.counted = 0

    async def estimate(self, request: ModelRequest) -> TokenEstimate:
        self.counted += 1
        return await super().estimate(request)


@pytest.mark.parametrize(
    ("bounds", "info", "counted"),
    [
        (tokens(), {}, 0),
        (tokens(task=10_000, run=10_000, cost="1"), {"context_tokens": 10_000}, 0),
        (tokens(task=500), {}, 1),
        (tokens(run=500), {}, 1),
        (tokens(cost="0.0015"), {}, 1),
        (tokens(), {"context_tokens": 500}, 1),
    ],
    ids=["no limit", "room everywhere", "the task's tokens", "the run's tokens", "the run's cost", "the context"],
)
async def test_a_counter_that_is_asked_over_the_network_is_asked_only_if_the_most_that_can_be_does_not_fit(
    bounds: SpendingLimits, info: dict[str, Any], counted: int
) -> None:
    client = AskingClient(info=ModelInfo("m", price=Price(Decimal(1), Decimal(10)), **info))
    h = house(bounds=bounds, client=client)
    reply = await h.caller.complete(ask("x" * 500), h.scope())
    assert (client.counted, reply.text) == (counted, "hello")
    assert (h.budget.ledger.spent_tokens, h.free) == (12, True)


async def test_a_counter_is_asked_before_an_answer_is_cut_short_for_a_prompt_that_may_be_shorter() -> None:
    client = AskingClient(info=ModelInfo("m", price=Price(Decimal(1), Decimal(10))))
    h = house(bounds=tokens(task=4300), client=client)
    await h.caller.complete(ask("x" * 500), h.scope(agent=AgentBlock(model="m")))
    assert client.counted == 1
    assert client.asked[0].max_tokens == 4096


async def test_what_is_reserved_without_counting_is_no_less_than_any_tokenizer_makes_of_the_prompt() -> None:
    gate = Gate()
    h = house(bounds=tokens(), client=AskingClient(), policies=gate)
    await h.caller.complete(ask("x" * 500), h.scope())
    assert gate.asked[0].tokens is not None
    assert gate.asked[0].tokens >= 500 + 100


async def test_the_bill_of_the_provider_counts_in_place_of_the_price_list() -> None:
    h = house((TextDelta("x"), Finished("end", Usage(10, 2), billed_usd=Decimal("0.7"))), bounds=tokens(cost="1"))
    reply = await h.caller.complete(ask(), h.scope())
    assert (reply.usage.cost_usd, h.budget.ledger.spent_usd) == (Decimal("0.7"), Decimal("0.7"))


async def test_a_bill_makes_a_model_without_a_price_a_priced_one() -> None:
    end = Finished("end", Usage(10, 2), billed_usd=Decimal("0.7"))
    h = house((TextDelta("x"), end), info=ModelInfo("m"))
    reply = await h.caller.complete(ask(), h.scope())
    assert (reply.usage.cost_usd, reply.usage.unpriced) == (Decimal("0.7"), ())


@pytest.mark.parametrize("bill", [Decimal(0), Decimal(-1), Decimal("NaN"), Decimal("Infinity"), "much"])
async def test_a_bill_that_is_no_amount_is_not_believed(bill: Any) -> None:
    h = house((TextDelta("x"), Finished("end", Usage(10, 2), billed_usd=bill)))
    assert (await h.caller.complete(ask(), h.scope())).usage.cost_usd == Decimal("0.00003")


async def test_the_next_call_waits_for_what_the_server_says_is_used_up() -> None:
    rates = RateState(requests=RateLimit(left=0, reset_seconds=12, limit=1))
    h = house((TextDelta("x"), Finished("end", Usage(10, 2), rates=rates)))
    await h.caller.complete(ask(), h.scope())
    assert h.time.slept == []
    await h.caller.complete(ask("again"), h.scope())
    assert sum(h.time.slept) == pytest.approx(12)


@pytest.mark.parametrize(
    ("limits", "cause"),
    [
        ({"requests": RateLimit(0, 12, 4)}, "the server allows about 20 requests a minute"),
        ({"tokens": RateLimit(0, 60, 1200), "requests": RateLimit(9, 1, 9)}, "about 1,200 tokens a minute"),
        ({"input_tokens": RateLimit(0, 60, 90)}, "about 90 tokens of prompts a minute"),
        ({"output_tokens": RateLimit(0, 60, 600)}, "about 600 tokens of answers a minute"),
    ],
)
async def test_the_user_is_told_once_for_each_model_why_calls_wait(limits: dict[str, RateLimit], cause: str) -> None:
    h = house((TextDelta("x"), Finished("end", Usage(10, 2), rates=RateState(**limits))))
    waits: list[str] = []
    for number in range(4):
        await h.caller.complete(ask(str(number)), h.scope(on_wait=waits.append))
    assert len(h.notices) == 1
    assert f"Calls to 'm' (acme) have to wait, this one for about {h.time.slept[0]:.0f} s: " in h.notices[0]
    assert cause in h.notices[0]
    assert [cause in each for each in waits if each] == [True] * 3
    assert waits[-1] == ""  # it is sent
    await h.caller.complete(ask("0", model="n"), h.scope())
    await h.caller.complete(ask("1", model="n"), h.scope())
    assert len(h.notices) == 2


async def test_a_short_wait_is_not_worth_a_word() -> None:
    h = house((TextDelta("x"), Finished("end", Usage(10, 2), rates=RateState(requests=RateLimit(0, 1.5, 1)))))
    await h.caller.complete(ask(), h.scope())
    await h.caller.complete(ask("again"), h.scope())
    assert sum(h.time.slept) == pytest.approx(1.5)
    assert h.notices == []


async def test_calls_behind_one_that_waits_know_what_for_and_a_cancelled_one_waits_no_more() -> None:
    h = house(provider=Provider(name="acme", summary="x", client="x:Y", requests_per_minute=1))
    await h.caller.complete(ask(), h.scope())
    asleep = asyncio.Event()
    h.time.sleep = lambda seconds: asleep.wait()  # type: ignore[assignment]  # for ever
    waits: list[list[str]] = [[], []]
    calls = [
        asyncio.create_task(h.caller.complete(ask(str(number)), h.scope(on_wait=each.append)))
        for number, each in enumerate(waits)
    ]
    while not all(waits):
        await asyncio.sleep(0)
    assert all("the plugin of the provider allows 1 requests a minute" in each[-1] for each in waits)
    for call in calls:
        call.cancel()
    await asyncio.gather(*calls, return_exceptions=True)
    assert [each[-1] for each in waits] == ["", ""]
    assert len(h.notices) == 1


async def test_a_pause_that_the_server_asked_for_is_told() -> None:
    h = house((TaskError("slow down", category=Category.RATE_LIMIT, retry_after=7.0),), OK)
    with pytest.raises(TaskError):
        await h.caller.complete(ask("a"), h.scope())
    await h.caller.complete(ask("b"), h.scope(task_id="other", key="r/other#1"))
    assert "this one for about 7 s: the server asked to wait" in h.notices[0]


async def test_a_provider_is_told_the_run_the_task_and_the_projects_labels() -> None:
    h = house(labels={"costCentre": "research"})
    await h.caller.complete(ask(), h.scope())
    sent = h.client.asked[0]
    assert (sent.run, sent.task, sent.labels) == ("r", "t", {"costCentre": "research"})
    assert (await h.caller.complete(ask(), h.scope(attempt=2))).reused


class ListingClient(FakeClient):
    """One whose server knows prices."""

    def __init__(self, listed: Any) -> None:
        super().__init__(info=ModelInfo("m"))
        self.listed = listed
        self.asked_prices = 0

    async def prices(self) -> Any:
        self.asked_prices += 1
        if isinstance(self.listed, Exception):
            raise self.listed
        return self.listed


@pytest.mark.parametrize(
    ("listed", "cost"),
    [
        ({"m": Price(Decimal(1), Decimal(10))}, "0.00003"),
        ({"another": Price(Decimal(1), Decimal(10))}, None),
        ({"m": Price(Decimal(-1), Decimal(10))}, None),
        ({"m": "cheap"}, None),
        (None, None),
        (TaskError("no", category=Category.NETWORK), None),
        (ValueError("no"), None),
    ],
)
async def test_a_servers_prices_are_asked_for_once_and_nothing_depends_on_the_answer(
    listed: Any, cost: str | None
) -> None:
    client = ListingClient(listed)
    h = house(client=client)
    for text in ("one", "two"):
        reply = await h.caller.complete(ask(text), h.scope())
        assert reply.usage.unpriced == (() if cost else ("m",))
        assert reply.usage.cost_usd == Decimal(cost or 0)
    await h.caller.complete(ask(model="another-one"), h.scope())
    assert client.asked_prices == 1


async def test_what_a_thinking_model_may_write_stays_the_same_from_turn_to_turn() -> None:
    turn = (TextDelta("x"), Finished("end", Usage(10, 900)))
    h = house(turn, turn, turn, info=ModelInfo("m", efforts=("high",)), bounds=tokens(task=10_000))
    for text in "abc":
        await h.caller.complete(ask(text, effort="high"), h.scope(agent=AgentBlock(model="m")))
    assert [sent.max_tokens for sent in h.client.asked] == [8192, 8192, 4096]
