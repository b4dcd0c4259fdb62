"""Economy: calls that can wait go together, at the batch price, and nothing is sent twice when the run is stopped."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

import pytest

from nika_core.engine.core.messages import Signal
from nika_core.engine.core.ports import CallScope, InMemoryCallCache, Suspended
from nika_core.engine.llm.batching import BatchPolicy
from nika_core.engine.llm.budget import Budget
from nika_core.engine.llm.caller import ResilientCaller
from nika_core.engine.llm.ledger import Bound, SpendingLimits
from nika_core.engine.llm.pricing import Prices
from nika_core.errors import Category, TaskError
from nika_core.model.ids import NodeId
from nika_core.model.message import Message, Role
from nika_core.model.usage import Usage
from nika_core.model.workflow import AgentBlock
from nika_core.plugin import (
    BatchReply,
    BatchResult,
    BatchSearch,
    BatchTrace,
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
        self.full = ""  # the model that takes no batches for now
        self.lost: Exception | None = None  # raised when a batch has been taken: its id does not come back
        self.hangs: asyncio.Event | None = None  # nor ever, when this is there
        self.traces: list[BatchTrace] = []  # what `find_batch` says before it looks
        self.searches = 0
        self.figures = Usage(10, 10)


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
        if self.shop.full in {request.model for request in requests.values()}:
            raise TaskError("too many batches", category=Category.RATE_LIMIT)
        name = f"b{len(self.shop.batches) + 1}"
        self.shop.batches[name] = dict(requests)
        if self.shop.lost is not None:
            raise self.shop.lost
        if self.shop.hangs is not None:
            await self.shop.hangs.wait()
        return name

    async def poll_batch(self, batch_id: str) -> BatchResult:
        self.shop.polls += 1
        if self.shop.poll_errors:
            raise self.shop.poll_errors.pop(0)
        if not self.shop.done:
            return BatchResult(False)
        return BatchResult(True, {n: self._reply(r) for n, r in self.shop.batches[batch_id].items()})

    def _reply(self, request: ModelRequest) -> BatchReply:
        text = request.messages[0].text
        if text in self.shop.wrong:
            return BatchReply(error=self.shop.wrong[text])
        return BatchReply(f"re: {text}", Finished("end", self.shop.figures))

    async def close(self) -> None: ...


class FindingClient(BatchClient):
    async def find_batch(self, names: Sequence[str], since: float) -> BatchSearch:
        self.shop.searches += 1
        if self.shop.traces:
            return BatchSearch(self.shop.traces.pop(0))
        for batch, requests in self.shop.batches.items():
            if requests.keys() == set(names):
                return BatchSearch(BatchTrace.TAKEN, batch)
        return BatchSearch(BatchTrace.ABSENT)


class Killed(InMemoryCallCache):
    """What had been durable when a run was killed."""

    def __init__(self, call_cache: InMemoryCallCache) -> None:
        super().__init__()
        self._kept = dict(call_cache._kept)


class House:
    def __init__(
        self,
        shop: Shop | None = None,
        call_cache: InMemoryCallCache | None = None,
        bounds: SpendingLimits | None = None,
        kind: type[BatchClient] = FindingClient,
    ) -> None:
        self.shop = shop or Shop()
        self.call_cache = call_cache or InMemoryCallCache()
        self.client = client = kind(self.shop)
        self.time = Time()
        self.budget = Budget(bounds or SpendingLimits())
        self.used: list[Usage] = []
        self.notices: list[str] = []
        self.shown: list[str] = []
        self.barrier: Callable[[], None] = lambda: None

        class ProviderLookup:
            def choose(self, provider: str | None, model: str, *, fallback: bool = False) -> tuple[Provider, str]:
                return Provider(name="acme", summary="x", client="x:Y"), model

            def connect(self, provider: Provider) -> BatchClient:
                return client

        self.caller = ResilientCaller(
            ProviderLookup(),
            self.budget,
            prices=Prices(public=False),
            clock=self.time,
            batch_policy=BatchPolicy(lambda call, request: call.keyword == "llm"),
        )

    fallback: tuple[str, ...] = ()

    async def ask(self, text: str, *, attempt: int = 1, keyword: str = "llm", model: str = "m") -> Any:
        """Do as the core does: a task that waits for a batch is run again when its signal has come."""
        signals: dict[str, Any] = {}
        while True:
            try:
                return await self._ask(text, attempt, keyword, model, signals)
            except Suspended as suspended:
                signal: asyncio.Future[Signal] = asyncio.get_running_loop().create_future()
                self.caller.attend(NodeId(text), suspended.wait, signal.set_result)
                signals[(await signal).key] = None

    async def _ask(self, text: str, attempt: int, keyword: str, model: str, signals: dict[str, Any]) -> Any:
        async def barrier() -> None:
            self.barrier()

        scope = CallScope(
            run_id="r",
            task_id=text,
            key=f"r/{text}#1",
            attempt=attempt,
            keyword=keyword,
            workflow="w",
            agent=AgentBlock(model=model, max_tokens=50, fallback=self.fallback),
            on_text=self.shown.append,
            on_usage=self.used.append,
            call_cache=self.call_cache,
            notice=self.notices.append,
            barrier=barrier,
            signals=signals,
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
    for task in tasks:
        task.cancel()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert all(isinstance(result, asyncio.CancelledError) for result in results)
    await h.caller.close()
    assert h.used == []

    h.shop.done = True
    later = House(h.shop, h.call_cache)
    replies = await asyncio.gather(*(later.ask(name) for name in "ab"))
    assert [reply.text for reply in replies] == ["re: a", "re: b"]
    assert len(h.shop.batches) == 1
    assert sum(usage.total_tokens for usage in later.used) == 40
    await later.caller.close()


async def killed(kind: type[BatchClient] = FindingClient, *, taken: bool = True) -> House:
    """A run that was killed when its batch was on its way; `taken`: the provider has it."""
    h = House(kind=kind)
    h.shop.hangs = asyncio.Event()
    tasks = [asyncio.create_task(h.ask(name)) for name in "ab"]
    while not h.shop.batches:
        await asyncio.sleep(0)
    later = House(h.shop, Killed(h.call_cache), kind=kind)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    h.shop.hangs.set()
    await h.caller.close()
    if not taken:
        h.shop.batches.clear()
    h.shop.hangs = None
    return later


async def test_a_batch_whose_id_never_came_is_found_by_the_run_that_goes_on() -> None:
    later = await killed()
    replies = await asyncio.gather(*(later.ask(name) for name in "ab"))
    assert [reply.text for reply in replies] == ["re: a", "re: b"]
    assert (len(later.shop.batches), later.shop.searches) == (1, 1)
    assert later.notices == ["The batch that was on its way to 'acme' when its sending was cut off is there."]
    await later.caller.close()

    again = House(later.shop, Killed(later.call_cache))  # it is known now
    assert (await again.ask("a")).reused
    assert again.shop.searches == 1


async def test_a_batch_that_never_arrived_is_sent_when_it_cannot_arrive_any_more() -> None:
    later = await killed(taken=False)
    replies = await asyncio.gather(*(later.ask(name) for name in "ab"))
    assert [reply.text for reply in replies] == ["re: a", "re: b"]
    assert len(later.shop.batches) == 1
    assert later.time.now >= 30
    assert "paid twice" not in " ".join(later.notices)
    await later.caller.close()


async def test_while_a_provider_cannot_say_yet_nothing_is_sent_and_the_run_can_be_paused() -> None:
    later = await killed()
    later.shop.traces = [BatchTrace.UNDECIDED] * 20
    tasks = [asyncio.create_task(later.ask(name)) for name in "ab"]
    while later.shop.searches < 10:
        await asyncio.sleep(0)
    assert len(later.notices) == 1
    assert "until then nothing is sent again" in later.notices[0]
    assert [reply.text for reply in await asyncio.gather(*tasks)] == ["re: a", "re: b"]
    assert len(later.shop.batches) == 1
    await later.caller.close()


@pytest.mark.parametrize("kind", [BatchClient, FindingClient])
async def test_where_a_provider_cannot_say_it_is_sent_again_and_the_user_is_told(kind: type[BatchClient]) -> None:
    later = await killed(kind)
    later.shop.traces = [BatchTrace.UNKNOWN]
    await asyncio.gather(*(later.ask(name) for name in "ab"))
    assert len(later.shop.batches) == 2
    (told,) = (notice for notice in later.notices if "paid twice" in notice)
    assert "'acme' cannot say" in told
    await later.caller.close()


async def test_a_question_for_a_batch_that_fails_sends_nothing() -> None:
    later = await killed()

    async def find_batch(names: Sequence[str], since: float) -> BatchSearch:
        raise TaskError("wrong key", category=Category.CONFIG)

    later.client.find_batch = find_batch  # type: ignore[attr-defined]  # takes the place of its own
    with pytest.raises(TaskError, match="wrong key"):
        await later.ask("a")
    assert len(later.shop.batches) == 1
    del later.client.find_batch  # type: ignore[attr-defined]  # its own again
    assert (await later.ask("a", attempt=2)).text == "re: a"
    assert len(later.shop.batches) == 1
    await later.caller.close()


async def test_when_a_connection_breaks_under_a_batch_the_next_attempt_looks_for_it() -> None:
    h = House()
    h.shop.lost = TaskError("connection reset", category=Category.NETWORK)
    results = await asyncio.gather(h.ask("a"), h.ask("b"), return_exceptions=True)
    assert [str(result) for result in results] == ["connection reset"] * 2
    h.shop.lost = None
    assert (await h.ask("a", attempt=2)).text == "re: a"
    assert (len(h.shop.batches), h.shop.searches) == (1, 1)
    await h.caller.close()


async def test_a_batch_that_was_refused_is_not_looked_for() -> None:
    h = House()
    h.shop.submit_error = TaskError("no", category=Category.VALIDATION)
    with pytest.raises(TaskError, match="no"):
        await h.ask("a")
    h.shop.submit_error = None
    assert (await h.ask("a", attempt=2)).text == "re: a"
    assert (len(h.shop.batches), h.shop.searches) == (1, 0)
    await h.caller.close()


async def test_that_a_batch_will_be_sent_is_durable_before_it_is() -> None:
    order: list[str] = []
    h = House()
    put, submit = h.call_cache.put, h.client.submit_batch

    def noted(key: str, call: str, value: Any) -> None:
        order.append("named" if key.endswith("/batches") else "known" if value.get("batch") else "marked")
        put(key, call, value)

    async def submitted(requests: Mapping[str, ModelRequest]) -> str:
        order.append("sent")
        return await submit(requests)

    h.call_cache.put = noted  # type: ignore[method-assign]  # to see the order
    h.client.submit_batch = submitted  # type: ignore[method-assign]  # to see the order
    h.barrier = lambda: order.append("durable")
    await h.ask("a")
    assert order[: order.index("known")] == ["marked", "named", "durable", "sent"]
    assert order[order.index("known") + 1] == "durable"
    await h.caller.close()


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
    assert h.budget.ledger.in_flight == 0
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


async def test_a_batch_that_was_refused_as_a_whole_is_asked_for_once_and_sent_anew_by_a_resumed_run() -> None:
    h = House()
    h.shop.poll_errors = [TaskError("line 1 is bad", category=Category.PROVIDER, retriable=False)]
    with pytest.raises(TaskError, match="line 1 is bad"):
        await h.ask("a")
    assert h.shop.polls == 1
    await h.caller.close()
    later = House(h.shop, Killed(h.call_cache))
    assert (await later.ask("a")).text == "re: a"
    assert (len(h.shop.batches), h.shop.searches) == (2, 0)
    await later.caller.close()


async def test_a_call_that_leaves_before_the_batch_is_sent_is_not_in_it() -> None:
    h = House()
    tasks = [asyncio.create_task(h.ask(name)) for name in "ab"]
    for _ in range(3):
        await asyncio.sleep(0)
    tasks[0].cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert tasks[0].cancelled()
    assert [[r.messages[0].text for r in batch.values()] for batch in h.shop.batches.values()] == [["b"]]
    await h.caller.close()


async def test_the_budget_holds_for_batches_too() -> None:
    h = House(bounds=SpendingLimits(run_cost=Bound(Decimal("0.0029"), "NIKA_MAX_COST")))
    with pytest.raises(TaskError, match="NIKA_MAX_COST"):
        await h.ask("a")
    assert h.shop.batches == {}
    enough = House(bounds=SpendingLimits(run_cost=Bound(Decimal("0.003"), "NIKA_MAX_COST")))
    await enough.ask("a")
    await h.caller.close()
    await enough.caller.close()


@pytest.mark.parametrize(
    ("figures", "counted"),
    [
        (Usage(), (10, 101)),
        (Usage(-5, -5), (10, 101)),
        (Usage(3, 0), (3, 101)),
        (Usage(3, 1), (3, 101)),
        (Usage(3, 30), (3, 30)),
        (Usage(3, 5000), (3, 5000)),
    ],
)
async def test_odd_figures_of_a_batch_count_at_least_as_its_text(figures: Usage, counted: tuple[int, int]) -> None:
    h = House()
    h.shop.figures = figures
    reply = await h.ask("x" * 400)  # the reply has 404 bytes
    assert (reply.usage.input_tokens, reply.usage.output_tokens) == counted
    assert h.budget.ledger.spent_tokens >= sum(counted)
    await h.caller.close()


async def test_another_model_answers_if_a_batch_is_refused() -> None:
    h = House()
    h.fallback, h.shop.full = ("no-batch",), "m"
    reply = await h.ask("a")
    assert (reply.text, reply.model, reply.instead_of) == ("streamed", "no-batch", ("m",))
    assert h.budget.ledger.in_flight == 0
    await h.caller.close()


async def test_no_other_model_is_asked_while_a_batch_may_have_arrived() -> None:
    h = House()
    h.fallback, h.shop.lost = ("no-batch",), TaskError("broken", category=Category.NETWORK)
    with pytest.raises(TaskError, match="broken"):
        await h.ask("a")
    assert h.client.streamed == 0
    h.shop.lost = None
    assert (await h.ask("a", attempt=2)).text == "re: a"  # the next attempt finds it
    assert len(h.shop.batches) == 1
    await h.caller.close()


async def test_a_resumed_run_asks_for_the_batch_of_the_model_that_took_it() -> None:
    h = House()
    h.fallback, h.shop.full, h.shop.done = ("other",), "m", False
    task = asyncio.create_task(h.ask("a"))
    while h.shop.polls < 3:
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await h.caller.close()
    later = House(h.shop, h.call_cache)
    later.fallback, h.shop.full, h.shop.done = ("other",), "", True
    reply = await later.ask("a")
    assert (reply.text, reply.model) == ("re: a", "other")
    assert [next(iter(batch.values())).model for batch in h.shop.batches.values()] == ["other"]
    await later.caller.close()
