"""What a server says beside its answer: its limits, its bill, its prices."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest
from nika_provider_openai.client import Client
from nika_provider_openai.models import prices_in

from nika_core.plugin import Finished, Message, ModelRequest, Price, RateLimit, RateState, Role
from nika_core.testing import run_workflow
from nika_core.testing.fault_server import FaultAnswer, FaultServer, ReceivedRequest, openai_wire

WORKFLOW = """\
agent: {model: house-7b, provider: openai, maxTokens: 50}
tasks:
  - {id: a, llm: hi}
  - {id: b, llm: "again: {{a}}"}
"""


def wire(request: ReceivedRequest) -> FaultAnswer:
    if request.method == "GET":
        listed = [{"id": "house-7b", "pricing": {"prompt": "0.000001", "completion": "0.000002"}}]
        return FaultAnswer([json.dumps({"data": listed}).encode()])
    return openai_wire(request)


def billing(request: ReceivedRequest) -> FaultAnswer:
    answer = wire(request)
    parts = [part.replace(b'"prompt_tokens"', b'"cost": 0.125, "prompt_tokens"') for part in answer.parts]
    return FaultAnswer(parts, answer.content_type)


def environ(server: FaultServer) -> dict[str, str]:
    return {"OPENAI_BASE_URL": server.url}


async def test_the_limits_of_an_answer_come_with_its_end() -> None:
    with FaultServer() as server:
        server.headers = {"x-ratelimit-remaining-requests": "7", "x-ratelimit-reset-requests": "12ms"}
        client = Client(environ(server))
        request = ModelRequest((Message(Role.USER, "hi"),), model="m", max_tokens=10)
        chunks = [chunk async for chunk in client.stream(request)]
        await client.close()
    end = chunks[-1]
    assert isinstance(end, Finished)
    assert end.rates == RateState(RateLimit(7, 0.012))


def test_a_gateways_prices_are_asked_for_once_in_a_run() -> None:
    with FaultServer(wire) as server:
        ran = run_workflow(WORKFLOW, environ=environ(server))
        asked = [each for each in server.requests if each.method == "GET"]
    assert ran.result.usage.cost_usd == 2 * (11 * Decimal("0.000001") + 7 * Decimal("0.000002"))
    assert ran.result.usage.unpriced == ()
    assert len(asked) == 1


def test_a_servers_bill_is_what_a_run_costs() -> None:
    with FaultServer(billing) as server:
        ran = run_workflow(WORKFLOW, environ=environ(server))
    assert ran.result.usage.cost_usd == Decimal("0.25")


@pytest.mark.parametrize(
    "pricing",
    [None, "free", {}, {"prompt": "-1", "completion": "-1"}, {"prompt": "x", "completion": "1"}, {"prompt": "1"}],
)
def test_what_is_no_price_is_none(pricing: Any) -> None:
    assert prices_in({"data": [{"id": "m", "pricing": pricing}, "m", None]}) == {}


@pytest.mark.parametrize("listed", [{}, {"data": None}, {"data": {}}])
def test_a_list_without_models_has_no_prices(listed: Mapping[str, Any]) -> None:
    assert prices_in(listed) == {}


def test_prices_for_one_token_are_read_as_prices_for_a_million() -> None:
    pricing = {"prompt": "0.0000025", "completion": "0.00001", "input_cache_read": "0.00000125"}
    assert prices_in({"data": [{"id": "m", "pricing": pricing}]}) == {
        "m": Price(Decimal("2.5"), Decimal(10), Decimal("1.25"))
    }
