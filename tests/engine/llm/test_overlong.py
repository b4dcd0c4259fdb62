"""No server leads a run over its limits by more than its first surprise, however it counts and whatever it writes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from nika_core import codes
from nika_core.engine.core.ports import CallScope, InMemoryCallCache
from nika_core.engine.llm.budget import Budget
from nika_core.engine.llm.caller import ResilientCaller
from nika_core.engine.llm.ledger import Bound, Ledger, SpendingLimits
from nika_core.engine.llm.pricing import Prices
from nika_core.errors import Category, TaskError
from nika_core.model.message import Message, Role
from nika_core.model.usage import Usage
from nika_core.model.workflow import AgentBlock
from nika_core.plugin import Finished, ModelInfo, ModelRequest, Price, Provider, TextDelta, TokenEstimate

PROMPT, MOST = 10, 100  # tokens of each prompt, and `maxTokens`
ASKED = PROMPT + MOST


class Server:
    """Answers the n-th call with its n-th list of pieces (sizes in tokens), and figures made of the sum."""

    def __init__(self, replies: list[list[int]], tell: Any, free: bool = False) -> None:
        self.replies, self.tell, self.free = replies, tell, free
        self.calls = self.open = self.most_open = self.sent = 0

    def info(self, model: str) -> ModelInfo:
        return ModelInfo(model, price=None if self.free else Price(Decimal(1), Decimal(1)), free=self.free)

    async def estimate(self, request: ModelRequest) -> TokenEstimate:
        return TokenEstimate(PROMPT)

    async def stream(self, request: ModelRequest) -> AsyncIterator[Any]:
        pieces = self.replies[self.calls % len(self.replies)]
        self.calls += 1
        self.open += 1
        self.most_open = max(self.most_open, self.open)
        try:
            for size in pieces:
                await asyncio.sleep(0)
                self.sent += size
                yield TextDelta("word" * size)
            await asyncio.sleep(0)
            yield Finished("end", self.tell(sum(pieces)))
        finally:
            self.open -= 1

    async def close(self) -> None: ...


class Run:
    """Calls to one model, at most ten at a time, within limits of tokens and dollars."""

    def __init__(self, server: Server, tokens: int | None = None, task: int | None = None, cost: str | None = None):
        self.server = server
        bounds = SpendingLimits(
            None if task is None else Bound(task, "NIKA_MAX_TOKENS_TASK"),
            None if tokens is None else Bound(tokens, "NIKA_MAX_TOKENS_TOTAL"),
            None if cost is None else Bound(Decimal(cost), "NIKA_MAX_COST"),
        )
        self.budget = Budget(bounds)
        self.errors: list[TaskError] = []
        self.replies = 0
        self.usage = Usage()

    @property
    def total(self) -> int:
        return self.budget.ledger.spent_tokens

    def choose(self, provider: str | None, model: str, *, fallback: bool = False) -> tuple[Provider, str]:
        return Provider(name="acme", summary="x", client="x:Y"), model

    def connect(self, provider: Provider) -> Server:
        return self.server

    async def calls(self, count: int, at_once: int = 10) -> None:
        caller = ResilientCaller(self, self.budget, prices=Prices(public=False))
        places = asyncio.Semaphore(at_once)

        async def barrier() -> None: ...

        def used(usage: Usage) -> None:
            self.usage += usage

        async def one(number: int) -> None:
            agent = AgentBlock(model="m", max_tokens=MOST)
            scope = CallScope(
                run_id="r", task_id=f"t{number}", key=f"r/t{number}#1", attempt=1, keyword="llm", workflow="w",
                agent=agent, on_text=None, on_usage=used, call_cache=InMemoryCallCache(), notice=str, barrier=barrier,
            )  # fmt: skip
            async with places:
                try:
                    await caller.complete(ModelRequest((Message(Role.USER, "hi"),)), scope)
                    self.replies += 1
                except TaskError as error:
                    self.errors.append(error)

        await asyncio.gather(*(one(number) for number in range(count)))
        ledger = self.budget.ledger
        assert (ledger.in_flight, ledger.waiting, self.server.open) == (0, 0, 0)


def no_figures(tokens: int) -> Usage:
    return Usage()


def honest(tokens: int) -> Usage:
    return Usage(PROMPT, tokens)


@pytest.mark.parametrize("tell", [no_figures, honest, lambda tokens: Usage(1, 0), lambda tokens: Usage(-5, -5)])
async def test_replies_that_never_end_do_not_lead_over_a_limit(tell: Any) -> None:
    run = Run(Server([[2500] * 10], tell), tokens=20_000, cost="0.02")
    await run.calls(60)
    assert 10_000 <= run.total <= 20_000
    assert run.usage.total_tokens <= 20_000
    assert run.budget.ledger.overdrafts() == []
    assert {error.category for error in run.errors} == {Category.BUDGET}


async def test_a_stopped_reply_says_which_limit_stopped_it_and_keeps_what_came() -> None:
    run = Run(Server([[600] * 10], no_figures), tokens=2000)
    await run.calls(1)
    [error] = run.errors
    assert error.code == codes.TOKEN_BUDGET
    assert error.output == "word" * 1800
    assert "NIKA_MAX_TOKENS_TOTAL leaves no room" in error.message
    assert "1,800 tokens of text had come" in error.message


async def test_the_limit_of_cost_stops_a_reply_as_that_of_tokens_does() -> None:
    run = Run(Server([[600] * 10], no_figures), cost="0.002")
    await run.calls(1)
    assert [error.code for error in run.errors] == [codes.COST_BUDGET]
    assert run.budget.ledger.spent_usd == Decimal("0.00181")


async def test_a_reply_that_runs_away_is_stopped_at_the_limit_of_its_task_and_others_go_on() -> None:
    run = Run(Server([[100] * 1000, *([[50]] * 9)], no_figures), tokens=100_000, task=10_000)
    await run.calls(10)
    assert run.replies == 9
    assert [error.message.count("NIKA_MAX_TOKENS_TASK") for error in run.errors] == [1]
    assert run.total < 12_000


async def test_a_call_reserves_what_its_model_took_beyond_what_it_was_asked_for() -> None:
    run = Run(Server([[700]], no_figures), tokens=3000)
    await run.calls(4, at_once=1)
    assert (run.replies, run.server.calls) == (3, 3)  # each may take 1,410: the text and one more piece
    assert "'m' has taken 1,300 tokens more than it was asked to" in str(run.errors[0].hint)


async def test_figures_that_are_higher_than_reserved_are_reserved_the_next_time() -> None:
    run = Run(Server([[10]], lambda tokens: Usage(PROMPT, 900)), tokens=3000)
    await run.calls(9, at_once=1)
    assert run.replies == 3
    assert run.total <= 3000


async def test_while_there_is_room_a_long_reply_is_an_answer_like_any_other() -> None:
    run = Run(Server([[300, 400, 500]], no_figures), tokens=100_000)
    await run.calls(20)
    assert run.replies == 20
    assert run.usage.output_tokens == 20 * 1200


async def test_a_reply_that_may_have_the_tokens_it_tells_of_is_never_stopped() -> None:
    run = Run(Server([[50] * 10], lambda tokens: Usage(PROMPT, MOST)), tokens=ASKED, cost="0.00011")
    await run.calls(1)  # long words: 2,000 bytes in 100 tokens
    assert (run.replies, run.total) == (1, ASKED)


REPLIES = st.lists(st.lists(st.integers(1, 60), min_size=1, max_size=30), min_size=1, max_size=6)


@settings(max_examples=60, deadline=None)
@given(REPLIES, st.integers(1, 4000), st.integers(0, 1500), st.sampled_from([None, 1500]), st.integers(1, 12))
def test_no_server_leads_over_a_limit_by_more_than_is_in_flight(
    replies: list[list[int]], limit: int, told: int, task: int | None, at_once: int
) -> None:
    server = Server(replies, lambda tokens: Usage(PROMPT if told else 0, told))
    run = Run(server, tokens=limit, task=task, cost=str(Decimal(limit) / 1_000_000))
    asyncio.run(run.calls(15, at_once))
    # Until it is certain that a text is too long, it may have five times the tokens; figures come at the end.
    surprise = max(told - MOST, 4 * MOST + 60, 0)
    over = run.total - limit
    assert over <= server.most_open * surprise
    assert bool(run.budget.ledger.overdrafts()) == (over > 0)
    assert run.total == run.budget.ledger.spent_usd * 1_000_000


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.lists(st.integers(1, 25), min_size=1, max_size=4), min_size=1, max_size=6),
    st.integers(1, 3000),
    st.sampled_from([honest, no_figures]),
    st.integers(1, 12),
)
def test_honest_servers_never_lead_over_a_limit(replies: list[list[int]], limit: int, tell: Any, at_once: int) -> None:
    run = Run(Server(replies, tell), tokens=limit, cost=str(Decimal(limit) / 1_000_000))
    asyncio.run(run.calls(15, at_once))
    assert run.total <= limit
    assert run.budget.ledger.overdrafts() == []
    assert all("Nothing was sent" in error.message for error in run.errors)


class LedgerMachine(RuleBasedStateMachine):
    """Requests, growth and ends in any order; `lies` is what calls took beyond what they held."""

    def __init__(self) -> None:
        super().__init__()
        self.limit = 500
        self.ledger = Ledger(SpendingLimits(Bound(300, "t"), Bound(self.limit, "r"), Bound(Decimal(5), "c")))
        self.held: dict[int, tuple[int, Decimal | None]] = {}
        self.waiting: dict[int, tuple[int, Decimal | None]] = {}
        self.lies, self.lied_usd = 0, Decimal(0)

    def take(self, grants: Any) -> None:
        for grant in grants:
            wants = self.waiting.pop(grant.call)
            if grant.refusal is None:
                self.held[grant.call] = wants

    @rule(task=st.integers(0, 2), tokens=st.integers(0, 200), cents=st.none() | st.integers(0, 200))
    def request(self, task: int, tokens: int, cents: int | None) -> None:
        cost = None if cents is None else Decimal(cents) / 100
        number, grants = self.ledger.request(f"t{task}", tokens, cost)
        self.waiting[number] = tokens, cost
        self.take(grants)

    @precondition(lambda self: self.held)
    @rule(data=st.data(), tokens=st.integers(0, 600), cents=st.none() | st.integers(0, 600))
    def grow(self, data: Any, tokens: int, cents: int | None) -> None:
        call = data.draw(st.sampled_from(sorted(self.held)))
        had, cost = self.held[call]
        wants = None if cents is None or cost is None else Decimal(cents) / 100
        if self.ledger.grow(call, tokens, wants) is None:
            self.held[call] = max(had, tokens), cost if wants is None or cost is None else max(cost, wants)

    @precondition(lambda self: self.held)
    @rule(data=st.data(), how=st.sampled_from(["settle", "lie", "release", "worst"]), tokens=st.integers(0, 900))
    def end(self, data: Any, how: str, tokens: int) -> None:
        call = data.draw(st.sampled_from(sorted(self.held)))
        had, cost = self.held.pop(call)
        usd = Decimal(tokens) / 100
        if how == "release":
            self.take(self.ledger.release(call))
        elif how == "worst":
            self.take(self.ledger.charge_worst_case(call))
        elif how == "settle":
            self.take(self.ledger.settle(call, min(tokens, had), min(usd, cost or Decimal(0))))
        else:
            self.lies += max(0, tokens - had)
            self.lied_usd += max(Decimal(0), usd - (cost or Decimal(0)))
            self.take(self.ledger.settle(call, tokens, usd if cost is not None else Decimal(0)))

    @invariant()
    def no_more_than_allowed_but_what_was_never_told(self) -> None:
        in_flight = sum(tokens for tokens, _ in self.held.values())
        assert self.ledger.spent_tokens + in_flight <= self.limit + self.lies
        usd = sum((cost or Decimal(0) for _, cost in self.held.values()), Decimal(0))
        assert self.ledger.spent_usd + usd <= 5 + self.lied_usd
        assert self.ledger.in_flight == len(self.held)

    @invariant()
    def nobody_waits_for_nothing(self) -> None:
        assert self.held or not self.waiting


TestLedger = LedgerMachine.TestCase
TestLedger.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
