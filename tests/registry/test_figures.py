"""A figure that is none is reported with the name of the plugin that returns it."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from nika_core.errors import PluginError
from nika_core.plugin import CallEstimate, Estimate, Facets, ModelInfo, ModelRequest, Price, TokenEstimate
from nika_core.registry import Kind, PluginRecord
from nika_core.registry.guarded_client import GuardedClient
from nika_core.registry.guarded_facets import GuardedFacets

NAN, INF = float("nan"), float("inf")
CALL = CallEstimate("m", 1, 2, 3)
PRICE = Price(Decimal(1), Decimal(2))
INFO = ModelInfo("m", price=PRICE)


def facets(name: str, answer: Any) -> GuardedFacets:
    own = Facets()
    setattr(own, name, lambda *_: answer)
    return GuardedFacets(own, PluginRecord(Kind.KEYWORD, "ask", "ask", "acme-ask", "1.0"))


@pytest.mark.parametrize(
    "estimate",
    [
        Estimate(cost_low=NAN),
        Estimate(cost_low=-1.0),
        Estimate(cost_high=INF),
        Estimate(cost_low=None),  # type: ignore[arg-type]  # a mistake of a plugin
        *(
            Estimate((replace(CALL, **{name: wrong}),))
            for name in ("input_low", "calls_low")
            for wrong in (NAN, None, -1)
        ),
        *(
            Estimate((replace(CALL, **{name: wrong}),))
            for name in ("input_high", "output_high", "calls_high")
            for wrong in (NAN, INF, 1.5, True)
        ),
    ],
    ids=repr,
)
def test_an_estimate_that_is_no_figure_names_the_plugin(estimate: Estimate) -> None:
    with pytest.raises(PluginError, match=r"'ask' \(acme-ask 1\.0\) returns from `estimate` \w+="):
        facets("estimate", estimate).estimate(None)  # type: ignore[arg-type]  # it is not looked at


def test_an_estimate_without_bounds_is_one() -> None:
    estimate = Estimate((CallEstimate(None, 0, None, None, 0, None),), 0.5, None)
    assert facets("estimate", estimate).estimate(None) is estimate  # type: ignore[arg-type]  # it is not looked at


@pytest.mark.parametrize("name", ["mock", "redact", "sections", "render"])
@pytest.mark.parametrize("wrong", [NAN, INF, -INF])
def test_no_facet_returns_a_number_that_has_no_form_in_json(name: str, wrong: float) -> None:
    arguments: dict[str, tuple[Any, ...]] = {
        "mock": ({},),
        "redact": ({},),
        "sections": (None,),
        "render": ("x", "", ()),
    }
    ask: Any = getattr(facets(name, {"deep": [{"x": wrong}]}), name)
    with pytest.raises(PluginError, match=rf"acme-ask 1\.0\) returns from `{name}` the number -?(nan|inf)"):
        ask(*arguments[name])


@pytest.mark.parametrize("wrong", [{"temperature": NAN}, {"max_tokens": INF}])
def test_a_first_request_has_figures(wrong: dict[str, Any]) -> None:
    with pytest.raises(PluginError, match=r"acme-ask 1\.0\) returns from `first_request` (temperature|max_tokens)="):
        facets("first_request", ModelRequest((), **wrong)).first_request(None)  # type: ignore[arg-type]  # not looked at


class Asked:
    """A client that gives one answer."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer

    def info(self, model: str) -> Any:
        return self.answer

    def models(self) -> Any:
        return [self.answer]

    async def estimate(self, request: ModelRequest) -> Any:
        return self.answer


def client(answer: Any) -> GuardedClient:
    own: Any = Asked(answer)
    return GuardedClient(own, PluginRecord(Kind.PROVIDER, "acme", "acme", "acme", "1.0"))


@pytest.mark.parametrize(
    "info",
    [
        *(
            replace(INFO, price=replace(PRICE, **{name: wrong}))
            for name in ("input_per_million", "output_per_million", "cached_per_million")
            for wrong in (Decimal("NaN"), Decimal("Infinity"), Decimal(-1), 1.0, NAN)
        ),
        replace(INFO, price=replace(PRICE, batch_discount=Decimal("NaN"))),
        replace(INFO, batch_discount=Decimal(2)),
        replace(INFO, price=3.0),
        replace(INFO, context_tokens=NAN),
        replace(INFO, max_output_tokens=-1),
    ],
    ids=repr,
)
def test_a_model_with_a_figure_that_is_none_names_the_plugin(info: ModelInfo) -> None:
    with pytest.raises(PluginError, match=r"'acme' \(acme 1\.0\) returns from `info` [\w.]+="):
        client(info).info("m")
    with pytest.raises(PluginError, match=r"'acme' \(acme 1\.0\) returns from `models` [\w.]+="):
        client(info).models()


def test_a_model_with_sound_figures_is_passed_on() -> None:
    assert client(INFO).info("m") is INFO
    assert client(ModelInfo("m")).models() == (ModelInfo("m"),)


@pytest.mark.parametrize("wrong", [TokenEstimate(NAN), TokenEstimate(-1), None])  # type: ignore[arg-type]  # mistakes
async def test_an_estimate_of_tokens_is_a_whole_number(wrong: Any) -> None:
    with pytest.raises(PluginError, match=r"acme 1\.0\) returns .* from `estimate`"):
        await client(wrong).estimate(ModelRequest(()))
