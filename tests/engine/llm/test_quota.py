"""What a server says of its limits is kept to before it has to refuse."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nika_core.engine.llm.quota import Quota
from nika_core.plugin import RateLimit, RateState
from nika_core.toolbox.providers import read_bill, read_rate_state

NOW = 1_700_000_000.0


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


async def test_without_a_word_from_the_server_nobody_waits() -> None:
    time = Time()
    quota = Quota(time)
    await quota.acquire(10**9)
    assert time.now == 1000


async def test_calls_wait_until_what_they_take_has_come_back() -> None:
    time = Time()
    quota = Quota(time)
    quota.learn(RateState(tokens=RateLimit(left=1000, reset_seconds=60, limit=7000)))  # 100 tokens a second
    await quota.acquire(1000)
    assert time.now == 1000
    await quota.acquire(500)
    assert time.now == pytest.approx(1005)


async def test_prompts_and_answers_have_limits_of_their_own() -> None:
    time = Time()
    quota = Quota(time)
    quota.learn(RateState(input_tokens=RateLimit(900, 10, 1000), output_tokens=RateLimit(10, 20, 210)))
    await quota.acquire(tokens=810, output=10)
    assert time.now == 1000
    await quota.acquire(tokens=10, output=10)
    assert time.now == pytest.approx(1001)  # ten tokens of answers a second


async def test_requests_are_counted_one_by_one() -> None:
    time = Time()
    quota = Quota(time)
    quota.learn(RateState(requests=RateLimit(left=1, reset_seconds=10, limit=11)))
    await quota.acquire(1)
    await quota.acquire(1)
    assert time.now == pytest.approx(1001)


async def test_a_call_above_the_whole_limit_waits_for_all_of_it_and_goes() -> None:
    time = Time()
    quota = Quota(time)
    quota.learn(RateState(tokens=RateLimit(left=0, reset_seconds=30, limit=3000)))
    await quota.acquire(1_000_000)
    assert time.now == pytest.approx(1030)


async def test_a_newer_word_replaces_the_last_one() -> None:
    time = Time()
    quota = Quota(time)
    quota.learn(RateState(requests=RateLimit(0, 50, 10)))
    quota.learn(RateState(requests=RateLimit(10, 0, 10)))
    await quota.acquire(1)
    assert time.now == 1000


async def test_a_server_that_asks_to_wait_is_waited_for() -> None:
    time = Time()
    quota = Quota(time)
    quota.pause(7)
    await quota.acquire(1)
    assert time.now == 1007


@pytest.mark.parametrize(
    "limit",
    [RateLimit(-1, 5), RateLimit(0, -5), RateLimit(0, 1e9), RateLimit(0, float("nan")), RateLimit(0, 5, 0)],
    ids=["less than nothing left", "a reset in the past", "a reset in years", "no number", "a limit of nothing"],
)
async def test_what_cannot_be_true_is_not_believed(limit: RateLimit) -> None:
    time = Time()
    quota = Quota(time)
    quota.learn(RateState(limit, limit))
    await quota.acquire(10)
    assert time.now == 1000


@pytest.mark.parametrize(
    ("headers", "state"),
    [
        (
            {
                "x-ratelimit-limit-requests": "60",
                "x-ratelimit-remaining-requests": "59",
                "x-ratelimit-reset-requests": "1s",
                "x-ratelimit-limit-tokens": "150000",
                "x-ratelimit-remaining-tokens": "149984",
                "x-ratelimit-reset-tokens": "6m0s",
            },
            RateState(RateLimit(59, 1, 60), RateLimit(149_984, 360, 150_000)),
        ),
        (
            {
                "anthropic-ratelimit-requests-limit": "50",
                "anthropic-ratelimit-requests-remaining": "49",
                "anthropic-ratelimit-requests-reset": "2023-11-14T22:13:30Z",
                "anthropic-ratelimit-tokens-remaining": "80",
                "anthropic-ratelimit-tokens-reset": "2023-11-14T22:13:21Z",
                "anthropic-ratelimit-input-tokens-remaining": "900",
                "anthropic-ratelimit-input-tokens-reset": "2023-11-14T22:14:20Z",
                "anthropic-ratelimit-output-tokens-remaining": "80",
                "anthropic-ratelimit-output-tokens-reset": "2023-11-14T22:13:21Z",
            },
            RateState(RateLimit(49, 10, 50), None, RateLimit(900, 60), RateLimit(80, 1)),
        ),
        ({"x-ratelimit-remaining-requests": "3", "x-ratelimit-reset-requests": "20ms"}, RateState(RateLimit(3, 0.02))),
        ({"x-ratelimit-remaining-requests": "3", "x-ratelimit-reset-requests": "59.5"}, RateState(RateLimit(3, 59.5))),
        (
            {"x-ratelimit-remaining-requests": "3", "x-ratelimit-reset-requests": "1700000007"},
            RateState(RateLimit(3, 7)),
        ),
        ({"x-ratelimit-remaining-requests": "3"}, None),
        ({"x-ratelimit-remaining-requests": "many", "x-ratelimit-reset-requests": "1s"}, None),
        ({"x-ratelimit-remaining-requests": "3", "x-ratelimit-reset-requests": "soon"}, None),
        ({}, None),
    ],
)
def test_the_headers_of_servers_are_read(headers: dict[str, str], state: RateState | None) -> None:
    assert read_rate_state(headers, NOW) == state


@given(st.text(max_size=50), st.text(max_size=50))
def test_no_header_breaks_the_reading(left: str, reset: str) -> None:
    state = read_rate_state({"x-ratelimit-remaining-tokens": left, "x-ratelimit-reset-tokens": reset}, NOW)
    assert state is None or (state.tokens is not None and state.tokens.left >= 0 and state.tokens.reset_seconds >= 0)


@pytest.mark.parametrize(
    ("told", "bill"),
    [
        ({"cost": 0.00014}, "0.00014"),
        ({"cost": "0.5"}, "0.5"),
        ({"cost": {"total_cost": 0.006}}, "0.006"),
        ({"cost": 0}, "0"),
        ({"cost": -1}, None),
        ({"cost": True}, None),
        ({"cost": "NaN"}, None),
        ({"cost": 1e9}, None),
        ({}, None),
        (None, None),
    ],
)
def test_a_servers_bill_is_read(told: Any, bill: str | None) -> None:
    found = read_bill(told)
    assert (None if found is None else str(found)) == bill
