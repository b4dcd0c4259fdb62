"""Prices: the project's, the model's own, the public list; unpriced is never 0."""

from __future__ import annotations

import sys
from decimal import Decimal

import genai_prices
import pytest
from genai_prices.data import providers
from hypothesis import given, settings
from hypothesis import strategies as st

from nika_core.engine.llm.pricing import Prices
from nika_core.model.usage import Usage
from nika_core.plugin import ModelInfo, Price

MILLION = Usage(1_000_000, 1_000_000)
OWN = Price(Decimal(1), Decimal(4))


def test_the_projects_price_comes_before_all_others() -> None:
    prices = Prices({"acme-large": OWN})
    assert prices.cost("acme", ModelInfo("acme-large", price=Price(Decimal(9), Decimal(9))), MILLION) == 5
    assert prices.cost("acme", ModelInfo("acme-large", free=True), MILLION) == 5


def test_the_models_own_price_comes_before_the_public_list() -> None:
    assert Prices().cost("openai", ModelInfo("gpt-4o", price=OWN), MILLION) == 5


def test_a_free_model_costs_nothing() -> None:
    assert Prices().cost("mock", ModelInfo("mock", free=True), MILLION) == 0


def test_the_public_list_knows_models_of_providers_that_it_does_not_know_by_name() -> None:
    cost = Prices().cost("claude", ModelInfo("claude-sonnet-4-5"), Usage(1000, 1000))
    assert cost == Decimal("0.018")


def test_a_model_that_nobody_knows_is_unpriced_and_not_free() -> None:
    assert Prices().cost("acme", ModelInfo("acme-large-of-nowhere"), MILLION) is None


def test_a_provider_that_the_list_knows_has_the_last_word_on_its_models() -> None:
    assert Prices().cost("openai", ModelInfo("claude-sonnet-4-5"), MILLION) is None


def test_without_the_public_list_its_models_are_unpriced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "genai_prices", None)
    assert Prices().cost("openai", ModelInfo("gpt-4o"), MILLION) is None
    assert Prices(public=False).cost("openai", ModelInfo("gpt-4o"), MILLION) is None


def test_cached_tokens_have_their_own_price_where_there_is_one() -> None:
    usage = Usage(1_000_000, 0, cached_tokens=400_000)
    with_cache = Price(Decimal(10), Decimal(0), cached_per_million=Decimal(1))
    assert Prices({"m": with_cache}).cost("p", ModelInfo("m"), usage) == Decimal("6.4")
    assert Prices({"m": Price(Decimal(10), Decimal(0))}).cost("p", ModelInfo("m"), usage) == 10


def test_a_batch_has_its_discount() -> None:
    price = Price(Decimal(1), Decimal(4), batch_discount=Decimal("0.5"))
    assert Prices({"m": price}).cost("p", ModelInfo("m"), MILLION, batch=True) == Decimal("2.5")


def test_a_list_that_is_broken_leaves_the_model_unpriced(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("the list is broken")

    monkeypatch.setattr(genai_prices, "calc_price", broken)
    assert Prices().cost("openai", ModelInfo("gpt-4o"), MILLION) is None


async def test_the_list_is_loaded_only_for_a_model_whose_price_stands_nowhere_else() -> None:
    prices = Prices({"m": OWN})
    await prices.prepare(ModelInfo("m"))
    await prices.prepare(ModelInfo("local", free=True))
    assert not prices._public.loaded
    await prices.prepare(ModelInfo("gpt-4o"))
    assert prices._public.loaded


def test_tokens_that_are_written_to_the_cache_have_their_own_price_where_there_is_one() -> None:
    usage = Usage(1_000_000, 0, cached_tokens=400_000, cache_write_tokens=100_000)
    price = Price(Decimal(10), Decimal(0), Decimal(1), cache_write_per_million=Decimal(20))
    own = Prices({"m": price}, public=False)
    assert own.cost("p", ModelInfo("m"), usage) == Decimal(5) + Decimal("0.4") + Decimal(2)


LISTED = [(provider.id, model.id) for provider in providers for model in provider.models]
TOKENS = st.one_of(st.integers(0, 3000), st.integers(190_000, 280_000))


def of_the_list(provider: str, model: str, usage: Usage) -> Decimal | None:
    """What the library itself works out; of more tokens of the cache than the prompt has, as many as it has."""
    read = min(usage.cached_tokens, usage.input_tokens)
    written = min(usage.cache_write_tokens, usage.input_tokens - read)
    tokens = genai_prices.Usage(
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        cache_read_tokens=read or None,
        cache_write_tokens=written or None,
    )
    try:
        return genai_prices.calc_price(tokens, model, provider_id=provider).total_price
    except Exception:  # as `Prices`: a price is no reason to lose a reply
        return None


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(LISTED), st.lists(st.tuples(TOKENS, TOKENS, TOKENS, TOKENS), min_size=2, max_size=4))
def test_a_price_that_was_kept_is_that_of_the_list(listed: tuple[str, str], all_tokens: list[tuple[int, ...]]) -> None:
    provider, model = listed
    prices = Prices()
    for tokens in all_tokens:
        usage = Usage(tokens[0], tokens[1], cached_tokens=tokens[2], cache_write_tokens=tokens[3])
        assert prices.cost(provider, ModelInfo(model), usage) == of_the_list(provider, model, usage)


@pytest.mark.parametrize(
    ("provider", "model"), [("openai", "gpt-4o-mini"), ("claude", "claude-sonnet-4-5"), ("acme", "nobodys")]
)
def test_the_list_is_asked_once_for_a_model(provider: str, model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    prices = Prices()
    first = prices.cost(provider, ModelInfo(model), Usage(10, 20))
    monkeypatch.setattr(genai_prices, "calc_price", None)
    monkeypatch.setattr(genai_prices, "Usage", None)
    assert prices.cost(provider, ModelInfo(model), Usage(10, 20)) == first
    assert (first is None) == (model == "nobodys")


def test_more_tokens_of_the_cache_than_of_the_prompt_leave_a_model_priced() -> None:
    prices, model = Prices(), ModelInfo("gpt-4o")
    odd = prices.cost("openai", model, Usage(10, 5, cached_tokens=900, cache_write_tokens=900))
    assert odd == prices.cost("openai", model, Usage(10, 5, cached_tokens=10))
