from __future__ import annotations

import asyncio

import pytest

from nika_core.plugin import Keyword, Provider
from nika_core.registry.description_rules import description_error
from nika_core.registry.event_loop import preserve_event_loop
from nika_core.registry.kinds import Kind


def test_asyncio_is_afterwards_as_it_was_before() -> None:
    sleep, policy = asyncio.sleep, asyncio.get_event_loop_policy()
    with preserve_event_loop() as changed:
        asyncio.sleep = None  # type: ignore[assignment]  # what a hostile plugin does
        asyncio.BaseEventLoop.time = lambda self: 0.0  # type: ignore[method-assign]  # ditto
        asyncio.set_event_loop_policy(type("P", (asyncio.DefaultEventLoopPolicy,), {})())
    assert asyncio.sleep is sleep
    assert asyncio.get_event_loop_policy() is policy
    assert set(changed) == {"asyncio.sleep", "BaseEventLoop.time", "asyncio's event loop policy"}


def test_it_is_put_back_after_an_error_too() -> None:
    sleep = asyncio.sleep

    def fail() -> None:
        with preserve_event_loop():
            asyncio.sleep = None  # type: ignore[assignment]  # what a hostile plugin does
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert asyncio.sleep is sleep


def test_asking_for_the_policy_changes_nothing() -> None:
    with preserve_event_loop() as changed:
        asyncio.get_event_loop_policy()
    assert changed == []


def test_a_description_is_told_what_is_wrong_with_it() -> None:
    assert description_error(Kind.PROVIDER, Provider(name="a", summary="b", client="m:C")) is None
    wrong = description_error(Kind.PROVIDER, Provider(name="a", summary="b", client="m:C", models="gpt-*"))  # type: ignore[arg-type]  # that
    assert wrong == "sets `models` to 'gpt-*', not names, in a set or a tuple"
    broken = Keyword(name="a", summary="b", primary="c", payload=None, step="m:S")
    assert "sets `payload` to None" in str(description_error(Kind.KEYWORD, broken))
