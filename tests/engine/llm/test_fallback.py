"""Chains of models: who is asked next, when nobody is, what is reserved, and what another attempt does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from nika_core.app.rate_governor import RateGovernor
from nika_core.engine.core.ports import CallScope, InMemoryCallCache
from nika_core.engine.llm.breaker import BreakerSettings
from nika_core.engine.llm.budget import Budget
from nika_core.engine.llm.caller import ResilientCaller
from nika_core.engine.llm.fallback import none_answered
from nika_core.engine.llm.ledger import Bound, SpendingLimits
from nika_core.engine.llm.pricing import Prices
from nika_core.errors import Category, TaskError
from nika_core.model.message import Message, ReasoningPart, Role, ToolCall, ToolResultPart
from nika_core.model.usage import NOTHING, Usage
from nika_core.model.workflow import AgentBlock
from nika_core.plugin import (
    Chunk,
    Finished,
    ModelInfo,
    ModelReply,
    ModelRequest,
    Price,
    Provider,
    RateLimit,
    RateState,
    TextDelta,
    TokenEstimate,
)

ACME = Provider(name="acme", summary="x", client="x:Y")
CHAIN = AgentBlock(model="a", fallback=("b", "c"), max_tokens=100)
PRICES = {"a": 1, "b": 10, "c": 2}  # US dollars for a million tokens


def fails(category: Category, **more: Any) -> TaskError:
    return TaskError(f"it failed: {category}", category=category, **more)


def overloaded() -> TaskError:
    return fails(Category.PROVIDER)


class Time:
    def __init__(self) -> None:
        self.now = 1000.0

    def time(self) -> float:
        return self.now

    def monotonic(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds
        await asyncio.sleep(0)


@dataclass
class Models:
    """One provider with a script for each model: texts, errors, and calls of functions, until the last one for ever."""

    scripts: dict[str, list[Any]]
    asked: list[ModelRequest] = field(default_factory=list)
    schema: frozenset[str] = frozenset()
    prices: dict[str, int] = field(default_factory=lambda: dict(PRICES))

    @property
    def names(self) -> list[str | None]:
        return [request.model for request in self.asked]

    def info(self, model: str) -> ModelInfo:
        price = Price(Decimal(self.prices[model]), Decimal(self.prices[model]))
        return ModelInfo(model, price=price, json_schema=model in self.schema)

    def models(self) -> list[ModelInfo]:
        return []

    async def estimate(self, request: ModelRequest) -> TokenEstimate:
        return TokenEstimate(10, exact=True)

    async def stream(self, request: ModelRequest) -> AsyncIterator[Chunk]:
        self.asked.append(request)
        script = self.scripts[request.model or ""]
        for step in script.pop(0) if len(script) > 1 else script[0]:
            if isinstance(step, BaseException):
                raise step
            if callable(step):
                await step()
            else:
                yield step

    async def health(self) -> Any: ...
    async def submit_batch(self, requests: Any) -> str:
        return ""

    async def poll_batch(self, batch_id: str) -> Any: ...
    async def close(self) -> None: ...


class Bench:
    """A caller with a chain of models."""

    def __init__(self, *, cost: str | None = None, governor: Path | None = None, **scripts: list[Any]) -> None:
        self.models = Models({name: [_steps(each) for each in script] for name, script in scripts.items()})
        self.time = Time()
        self.budget = Budget(SpendingLimits(run_cost=None if cost is None else Bound(Decimal(cost), "NIKA_MAX_COST")))
        self.call_cache = InMemoryCallCache()
        self.used: list[Usage] = []
        self.notices: list[str] = []
        models = self.models
        shared = None if governor is None else RateGovernor(governor, "run", {}, self.time, self.notices.append)

        class Lookup:
            def choose(self, provider: str | None, model: str, *, fallback: bool = False) -> tuple[Provider, str]:
                return ACME, model

            def connect(self, provider: Provider) -> Models:
                return models

        self.caller = ResilientCaller(
            Lookup(),
            self.budget,
            prices=Prices(public=False),
            clock=self.time,
            breaker=BreakerSettings(failures=2),
            governor=shared,
        )

    async def ask(self, request: ModelRequest | None = None, **scope: Any) -> ModelReply:
        async def barrier() -> None: ...

        known: dict[str, Any] = {
            "run_id": "r",
            "task_id": "t",
            "key": "r/t#1",
            "attempt": 1,
            "keyword": "llm",
            "workflow": "w",
            "agent": CHAIN,
            "on_text": None,
            "on_usage": self.used.append,
            "call_cache": self.call_cache,
            "notice": self.notices.append,
            "barrier": barrier,
        }
        return await self.caller.complete(request or question(), CallScope(**{**known, **scope}))

    @property
    def free(self) -> bool:
        return self.budget.ledger.in_flight == 0 and self.budget.ledger.waiting == 0


def _steps(what: Any) -> list[Any]:
    if isinstance(what, str):
        return [TextDelta(what), Finished("end", Usage(10, 2))]
    return what if isinstance(what, list) else [what]


def question(text: str = "hi", **more: Any) -> ModelRequest:
    return ModelRequest((Message(Role.USER, text),), **more)


@pytest.mark.parametrize(
    "error",
    [
        overloaded(),
        fails(Category.RATE_LIMIT, retry_after=30),
        fails(Category.NETWORK, usage=NOTHING),
        fails(Category.NETWORK, usage=NOTHING, retriable=False),
        fails(Category.TIMEOUT, usage=NOTHING),
    ],
    ids=["overloaded", "rate limited", "not reachable", "not to be trusted", "timed out"],
)
async def test_the_next_model_is_asked_if_one_cannot_answer_now(error: TaskError) -> None:
    bench = Bench(a=[error], b=["from b"], c=["from c"])
    reply = await bench.ask()
    assert (reply.text, reply.model, reply.instead_of) == ("from b", "b", ("a",))
    assert bench.models.names == ["a", "b"]
    assert reply.usage.models == ("b",)
    assert "'a'" in bench.notices[0]
    assert "'b' is asked instead" in bench.notices[0]
    assert bench.free


@pytest.mark.parametrize(
    "error",
    [
        fails(Category.CONFIG),
        fails(Category.VALIDATION),
        fails(Category.BUDGET),
        fails(Category.PROVIDER, retriable=False),
    ],
    ids=["a wrong key", "a refused request", "a budget", "an end that is not an answer"],
)
async def test_what_is_wrong_with_the_request_is_no_reason_to_ask_another_model(error: TaskError) -> None:
    bench = Bench(a=[error], b=["from b"], c=["from c"])
    with pytest.raises(TaskError) as caught:
        await bench.ask()
    assert caught.value is error
    assert bench.models.names == ["a"]


async def test_models_are_asked_in_order_and_all_that_failed_are_named() -> None:
    bench = Bench(a=[overloaded()], b=[fails(Category.RATE_LIMIT, retry_after=7)], c=[fails(Category.CONFIG)])
    with pytest.raises(TaskError) as caught:
        await bench.ask()
    assert bench.models.names == ["a", "b", "c"]
    error = caught.value
    assert (error.category, error.retriable) == (Category.PROVIDER, True)  # the first may answer another time
    assert all(f"{model}: it failed" in error.message for model in "abc")
    assert bench.free


def test_the_wait_before_another_attempt_is_the_shortest_that_any_model_asks_for() -> None:
    errors = [("a", fails(Category.RATE_LIMIT, retry_after=60)), ("b", fails(Category.RATE_LIMIT, retry_after=5))]
    assert none_answered(errors).retry_after == 5
    assert none_answered([*errors, ("c", overloaded())]).retry_after is None


async def test_nobody_is_asked_after_text_was_shown() -> None:
    bench = Bench(a=[[TextDelta("half"), overloaded()]], b=["from b"], c=["from c"])
    shown: list[str] = []
    with pytest.raises(TaskError):
        await bench.ask(on_text=shown.append)
    assert (bench.models.names, shown) == (["a"], ["half"])


async def test_text_that_nobody_has_seen_does_not_keep_the_next_model_from_answering() -> None:
    bench = Bench(a=[[TextDelta("half"), fails(Category.NETWORK)]], b=["from b"], c=["from c"])
    reply = await bench.ask()
    assert reply.text == "from b"
    assert [usage.calls for usage in bench.used] == [1, 1]  # what was paid for the half counts, too


async def test_nobody_is_asked_while_a_models_own_state_waits_for_its_tools() -> None:
    turn = (
        Message(Role.USER, "hi"),
        Message(Role.ASSISTANT, [ReasoningPart({"type": "thinking"}), ToolCall("1", "shell", {})]),
        Message(Role.TOOL, [ToolResultPart("1", "done")]),
    )
    bench = Bench(a=[overloaded()], b=["from b"], c=["from c"])
    with pytest.raises(TaskError):
        await bench.ask(ModelRequest(turn))
    assert bench.models.names == ["a"]


async def test_the_model_that_answered_goes_on_for_the_rest_of_the_attempt() -> None:
    bench = Bench(a=[overloaded(), "from a"], b=["from b"], c=["from c"])
    await bench.ask()
    reply = await bench.ask(question("and then?"))
    assert (reply.model, reply.instead_of) == ("b", ("a",))
    assert (await bench.ask(question("and then?"), attempt=2)).reused
    assert (await bench.ask(question("another"), key="r/u#1")).model == "a"


async def test_another_attempt_begins_with_the_first_model_and_pays_for_no_answer_twice() -> None:
    bench = Bench(a=[overloaded()], b=["from b"], c=["from c"])
    await bench.ask()
    bench.models.asked.clear()
    again = await bench.ask(attempt=2)
    assert (again.text, again.reused, again.instead_of) == ("from b", True, ("a",))
    assert bench.models.names == []
    bench.models.scripts["a"] = [_steps("from a")]
    assert (await bench.ask(key="r/u#1", attempt=2)).model == "a"


async def test_a_model_whose_circuit_is_open_is_passed_over_and_the_others_of_its_provider_are_not() -> None:
    bench = Bench(a=[overloaded()], b=["from b"], c=["from c"])
    for number in range(4):
        reply = await bench.ask(key=f"r/{number}#1")
        assert reply.model == "b"
    assert bench.models.names == ["a", "b", "a", "b", "b", "b"]
    passed_over = [notice for notice in bench.notices if "not called for now" in notice]
    assert len(passed_over) == 1


async def test_after_a_model_that_hung_until_the_tasks_time_was_over_the_next_attempt_asks_the_one_after_it() -> None:
    started = asyncio.Event()

    async def hang() -> None:
        bench.time.now += 60
        started.set()
        await asyncio.Event().wait()

    bench = Bench(a=[[hang]], b=["from b"], c=["from c"])
    call = asyncio.create_task(bench.ask())
    await started.wait()
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    reply = await bench.ask(attempt=2)
    assert (reply.model, bench.models.names) == ("b", ["a", "b"])
    assert bench.free


async def test_the_dearest_of_the_chain_is_reserved_and_only_what_was_used_is_paid() -> None:
    held: list[Decimal] = []

    async def look() -> None:
        ledger = bench.budget.ledger
        held.append(sum((cost for call in ledger._flying.values() if (cost := call.cost)), Decimal(0)))

    ok = [look, TextDelta("x"), Finished("end", Usage(10, 2))]
    bench = Bench(a=[ok], b=["from b"], c=["from c"], cost="1")
    await bench.ask()
    assert held[0] >= Decimal(100 * PRICES["b"]) / 1_000_000
    assert bench.budget.ledger.spent_usd == Decimal("0.000012")
    assert bench.free


async def test_a_call_is_refused_if_the_dearest_of_the_chain_cannot_be_paid() -> None:
    bench = Bench(a=["from a"], b=["from b"], c=["from c"], cost="0.0005")
    with pytest.raises(TaskError) as caught:
        await bench.ask()
    assert caught.value.category is Category.BUDGET
    assert "fallback" in (caught.value.hint or "")
    assert bench.models.names == []
    alone = AgentBlock(model="a", max_tokens=100)
    assert (await bench.ask(agent=alone)).model == "a"


async def test_what_is_reserved_for_the_chain_goes_from_a_model_that_took_nothing_to_the_next() -> None:
    bench = Bench(a=[overloaded()], b=["from b"], c=["from c"], cost="0.002")
    other: list[asyncio.Task[ModelReply]] = []

    async def another_call_waits() -> None:
        other.append(asyncio.create_task(bench.ask(question("other"), key="r/u#1")))
        for _ in range(20):
            await asyncio.sleep(0)

    bench.models.scripts["a"] = [[another_call_waits, overloaded()], [overloaded()]]
    assert (await bench.ask()).model == "b"
    assert bench.models.names[:2] == ["a", "b"]  # the other call did not come between them
    assert (await other[0]).model == "b"
    assert bench.free


async def test_a_model_whose_usage_is_unknown_keeps_its_own_worst_case_not_the_dearest() -> None:
    bench = Bench(a=[fails(Category.TIMEOUT)], b=["from b"], c=["from c"], cost="1")
    await bench.ask()
    spent = bench.budget.ledger.spent_usd
    assert Decimal("0.000110") + Decimal("0.000120") == spent  # of a: 110 tokens at most; of b: 12 tokens
    assert bench.free


async def test_a_task_with_a_model_of_its_own_has_only_its_own_fallback() -> None:
    bench = Bench(a=[overloaded()], b=["from b"], c=["from c"])
    with pytest.raises(TaskError):
        await bench.ask(question(model="a"))
    reply = await bench.ask(question(model="a", fallback=("c",)), key="r/u#1")
    assert (reply.model, bench.models.names) == ("c", ["a", "a", "c"])
    assert all(request.fallback is None for request in bench.models.asked)


async def test_a_fallback_without_schemas_of_its_own_is_asked_for_json_in_words() -> None:
    bench = Bench(a=[overloaded()], b=["{}"], c=["from c"])
    bench.models.schema = frozenset({"a"})
    await bench.ask(question(output_schema={"type": "object"}, system="be brief"))
    first, second = bench.models.asked
    assert (first.output_schema, first.system) == ({"type": "object"}, "be brief")
    assert second.output_schema is None
    assert second.system is not None
    assert second.system.startswith("be brief")
    assert '{"type": "object"}' in second.system


async def test_the_first_model_alone_is_named_the_same_with_and_without_a_chain() -> None:
    bench = Bench(a=["from a"], b=["from b"], c=["from c"])
    first = await bench.ask()
    alone = await bench.ask(agent=replace(CHAIN, fallback=()), attempt=2)
    assert (first.reused, alone.reused) == (False, True)


async def test_a_model_that_is_known_to_be_rate_limited_is_passed_over() -> None:
    bench = Bench(a=[fails(Category.RATE_LIMIT, retry_after=30)], b=["from b"], c=["from c"])
    for number in range(3):
        assert (await bench.ask(key=f"r/{number}#1")).model == "b"
    assert bench.models.names == ["a", "b", "b", "b"]
    assert bench.time.now == 1000
    bench.time.now += 31
    bench.models.scripts["a"] = [_steps("from a")]
    assert (await bench.ask(key="r/later#1")).model == "a"


async def test_a_model_that_another_run_has_found_rate_limited_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "rates.db"
    bench = Bench(a=["from a"], b=["from b"], c=["from c"], governor=path)
    other = RateGovernor(path, "other", {}, bench.time, bench.notices.append)
    other.pause(ACME, "a", 30)
    await other.close()
    assert (await bench.ask()).model == "b"
    bench.time.now += 31
    assert (await bench.ask(key="r/later#1")).model == "a"
    await bench.caller.close()


async def test_other_runs_are_told_what_the_server_says(tmp_path: Path) -> None:
    path = tmp_path / "rates.db"
    told = RateState(requests=RateLimit(left=0, reset_seconds=20, limit=1))
    end = Finished("end", Usage(10, 2), rates=told)
    limited = fails(Category.RATE_LIMIT, retry_after=40)
    bench = Bench(a=[[TextDelta("x"), end]], b=[limited], c=["from c"], governor=path)
    await bench.ask()
    assert (await bench.ask(question(model="b", fallback=("c",)))).model == "c"
    await bench.caller.close()
    other = RateGovernor(path, "other", {}, bench.time, bench.notices.append)
    waits = [await other.wait(ACME, model, {"requests": 1}) for model in "abc"]
    await other.close()
    assert waits == [pytest.approx(20), pytest.approx(40), 0]


async def test_another_model_takes_over_between_two_turns_of_a_tool_loop() -> None:
    call = ToolCall("1", "look", {})
    bench = Bench(a=[[Finished("toolUse", Usage(10, 2), (call,))], overloaded()], b=["from b"], c=["from c"])
    asked = Message(Role.USER, "hi")
    first = await bench.ask(ModelRequest((asked,)))
    turns = (asked, Message(Role.ASSISTANT, first.parts), Message(Role.TOOL, (ToolResultPart("1", "nothing"),)))
    second = await bench.ask(ModelRequest(turns))
    assert (first.tool_calls, second.text, bench.models.names) == ((call,), "from b", ["a", "a", "b"])
    assert bench.models.asked[-1].messages == turns
