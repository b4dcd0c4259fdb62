"""Economy: calls that can wait go together, at the batch price, and nothing is sent twice when the run is stopped."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from decimal import Decimal
from typing import Any

import pytest

from nika_core.engine.budget import Bound, Bounds, Budget
from nika_core.engine.models.batching import Economy
from nika_core.engine.models.caller import ResilientCaller
from nika_core.engine.models.pricing import Prices
from nika_core.engine.services import CallScope, NoMemo
from nika_core.errors import Category, TaskError
from nika_core.model.message import Message, Role
from nika_core.model.usage import Usage
from nika_core.model.workflow import AgentBlock
from nika_core.plugin import (
    BatchReply,
    BatchResult,
    Chunk,
    Finished,
    ModelInfo,
    ModelRequest,
    Price,
    Provider,
    TextDelta,
    TokenEstimate,
)


class Time:
    def __init__(self) -> None:
        self.now = 0.0

    def time(self) -> float:
        return self.now

    def monotonic(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds
        for _ in range(3):
            await asyncio.sleep(0)


class Shop:
    """The provider's side: outlives the processes that ask it."""

    def __init__(self) -> None:
        self.batches: dict[str, dict[str, ModelRequest]] = {}
        self.done = True
        self.polls = 0
        self.wrong: dict[str, str] = {}  # text of the message -> error
        self.poll_errors: list[TaskError] = []
        self.submit_error: Exception | None = None


class BatchClient:
    def __init__(self, shop: Shop) -> None:
        self.shop = shop
        self.streamed = 0

    def info(self, model: str) -> ModelInfo:
        return ModelInfo(
            model, batch=model != "no-batch", price=Price(Decimal(100), Decimal(100)), batch_discount=Decimal("0.5")
        )

    def models(self) -> list[ModelInfo]:
        return []

    async def estimate(self, request: ModelRequest) -> TokenEstimate:
        return TokenEstimate(10)

    async def stream(self, request: ModelRequest) -> AsyncIterator[Chunk]:
        self.streamed += 1
        yield TextDelta("streamed")
        yield Finished("end", Usage(10, 10))

    async def health(self) -> Any: ...

    async def submit_batch(self, requests: Mapping[str, ModelRequest]) -> str:
        if self.shop.submit_error is not None:
            raise self.shop.submit_error
        name = f"b{len(self.shop.batches) + 1}"
        self.shop.batches[name] = dict(requests)
        return name

    async def poll_batch(self, batch_id: str) -> BatchResult:
        self.shop.polls += 1
        if self.shop.poll_errors:
            raise self.shop.poll_errors.pop(0)
        if not self.shop.done:
            return BatchResult(False)
        return BatchResult(True, {n: self._reply(r) for n, r in self.shop.batches[batch_id].items()})

    def _reply(self, request: ModelRequest) -> BatchReply:
        text = request.messages[0].content
        if text in self.shop.wrong:
            return BatchReply(error=self.shop.wrong[text])
        return BatchReply(f"re: {text}", Finished("end", Usage(10, 10)))

    async def close(self) -> None: ...


class House:
    def __init__(self, shop: Shop | None = None, memo: NoMemo | None = None, bounds: Bounds | None = None) -> None:
        self.shop = shop or Shop()
        self.memo = memo or NoMemo()
        self.client = client = BatchClient(self.shop)
        self.budget = Budget(bounds or Bounds())
        self.used: list[Usage] = []
        self.notices: list[str] = []
        self.shown: list[str] = []

        class Directory:
            def choose(self, provider: str | None, model: str) -> Provider:
                return Provider(name="acme", summary="x", client="x:Y")

            def connect(self, provider: Provider) -> BatchClient:
                return client

        self.caller = ResilientCaller(
            Directory(),
            self.budget,
            prices=Prices(public=False),
            clock=Time(),
            economy=Economy(lambda call, request: call.keyword == "llm"),
        )

    async def ask(self, text: str, *, attempt: int = 1, keyword: str = "llm", model: str = "m") -> Any:
        async def barrier() -> None: ...

        scope = CallScope(
            run_id="r",
            task_id=text,
            key=f"r/{text}#1",
            attempt=attempt,
            keyword=keyword,
            workflow="w",
            agent=AgentBlock(model=model, max_tokens=50),
            on_text=self.shown.append,
            on_usage=self.used.append,
            memo=self.memo,
            notice=self.notices.append,
            barrier=barrier,
        )
        return await self.caller.complete(ModelRequest((Message(Role.USER, text),)), scope)


async def test_calls_that_come_together_go_as_one_batch_at_its_price() -> None:
    h = House()
    replies = await asyncio.gather(*(h.ask(name) for name in "abc"))
    assert [reply.text for reply in replies] == ["re: a", "re: b", "re: c"]
    assert [len(batch) for batch in h.shop.batches.values()] == [3]
    saved = Decimal("0.001")
    assert all(reply.usage == Usage(10, 10, Decimal("0.001"), calls=1, saved_usd=saved) for reply in replies)
    assert h.budget.ledger.spent_usd == Decimal("0.003")
    assert h.client.streamed == 0
    assert sorted(h.shown) == ["re: a", "re: b", "re: c"]
    assert len(h.notices) == 1
    assert "3 calls were sent to 'acme' as a batch" in h.notices[0]
    assert h.caller.pending_batches == ()
    await h.caller.close()


@pytest.mark.parametrize(("keyword", "model"), [("agent", "m"), ("llm", "no-batch")])
async def test_what_cannot_wait_or_has_no_batches_is_called_at_once(keyword: str, model: str) -> None:
    h = House()
    reply = await h.ask("a", keyword=keyword, model=model)
    assert (reply.text, h.shop.batches) == ("streamed", {})
    await h.caller.close()


async def test_a_run_that_is_stopped_while_it_waits_asks_for_the_same_batch_later() -> None:
    h = House()
    h.shop.done = False
    tasks = [asyncio.create_task(h.ask(name)) for name in "ab"]
    while h.shop.polls < 3:
        await asyncio.sleep(0)
    assert h.caller.pending_batches == ("acme",)
    for task in tasks:
        task.cancel()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert all(isinstance(result, asyncio.CancelledError) for result in results)
    await h.caller.close()
    assert h.used == []

    h.shop.done = True
    later = House(h.shop, h.memo)
    replies = await asyncio.gather(*(later.ask(name) for name in "ab"))
    assert [reply.text for reply in replies] == ["re: a", "re: b"]
    assert len(h.shop.batches) == 1
    assert sum(usage.total_tokens for usage in later.used) == 40
    await later.caller.close()


async def test_a_call_that_a_batch_fails_is_asked_anew_by_the_next_attempt() -> None:
    h = House()
    h.shop.wrong["a"] = "expired"
    with pytest.raises(TaskError, match="batch b1 of 'acme' failed for this call: expired") as caught:
        await h.ask("a")
    assert caught.value.retriable
    assert h.budget.ledger.spent_tokens == 0
    h.shop.wrong.clear()
    assert (await h.ask("a", attempt=2)).text == "re: a"
    assert len(h.shop.batches) == 2
    await h.caller.close()


async def test_a_batch_that_is_not_taken_fails_its_calls() -> None:
    h = House()
    for error, category in (
        (TaskError("no", category=Category.VALIDATION), Category.VALIDATION),
        (KeyError("x"), Category.UNKNOWN),
    ):
        h.shop.submit_error = error
        results = await asyncio.gather(h.ask("a"), h.ask("b"), return_exceptions=True)
        assert [result.category for result in results if isinstance(result, TaskError)] == [category, category]
    assert (h.budget.ledger.in_flight, h.caller.pending_batches) == (0, ())
    await h.caller.close()


async def test_a_question_that_fails_for_a_while_is_asked_again_and_one_that_is_wrong_is_not() -> None:
    h = House()
    h.shop.poll_errors = [TaskError("down", category=Category.PROVIDER) for _ in range(5)]
    assert (await h.ask("a")).text == "re: a"
    h.shop.poll_errors = [TaskError("wrong key", category=Category.CONFIG)]
    with pytest.raises(TaskError, match="wrong key"):
        await h.ask("b")
    h.shop.poll_errors = []
    assert (await h.ask("b", attempt=2)).text == "re: b"  # the batch is still known
    assert len(h.shop.batches) == 2
    await h.caller.close()


async def test_a_call_that_leaves_before_the_batch_is_sent_is_not_in_it() -> None:
    h = House()
    tasks = [asyncio.create_task(h.ask(name)) for name in "ab"]
    for _ in range(3):
        await asyncio.sleep(0)
    tasks[0].cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert tasks[0].cancelled()
    assert [[r.messages[0].content for r in batch.values()] for batch in h.shop.batches.values()] == [["b"]]
    await h.caller.close()


async def test_the_budget_holds_for_batches_too() -> None:
    h = House(bounds=Bounds(run_cost=Bound(Decimal("0.0029"), "NIKA_MAX_COST")))
    with pytest.raises(TaskError, match="NIKA_MAX_COST"):
        await h.ask("a")
    assert h.shop.batches == {}
    enough = House(bounds=Bounds(run_cost=Bound(Decimal("0.003"), "NIKA_MAX_COST")))
    await enough.ask("a")
    await h.caller.close()
    await enough.caller.close()
