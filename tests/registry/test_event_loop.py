from __future__ import annotations

import asyncio
import subprocess
import sys

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


def test_asyncio_is_as_it_comes_if_a_plugin_is_the_first_to_import_and_to_change_it() -> None:
    code = """
import sys
from nika_core.registry.event_loop import preserve_event_loop
assert "asyncio" not in sys.modules
with preserve_event_loop() as changed:
    import asyncio
    sleep, asyncio.sleep = asyncio.sleep, None
    asyncio.BaseEventLoop.time = lambda self: 0.0
    asyncio.set_event_loop_policy(type("P", (asyncio.DefaultEventLoopPolicy,), {})())
assert asyncio.sleep is sleep and "BaseEventLoop.time" in changed, changed
assert type(asyncio.get_event_loop_policy()) is asyncio.DefaultEventLoopPolicy
assert asyncio.__spec__.loader is asyncio.__loader__ and hasattr(asyncio.__loader__, "get_source")
assert [finder for finder in sys.meta_path if type(finder).__module__.startswith("nika")] == []
asyncio.run(asyncio.sleep(0))
print(sorted(changed))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "['BaseEventLoop.time', \"asyncio's event loop policy\", 'asyncio.sleep']\n"


def test_a_description_is_told_what_is_wrong_with_it() -> None:
    assert description_error(Kind.PROVIDER, Provider(name="a", summary="b", client="m:C")) is None
    wrong = description_error(Kind.PROVIDER, Provider(name="a", summary="b", client="m:C", models="gpt-*"))  # type: ignore[arg-type]  # that
    assert wrong == "sets `models` to 'gpt-*', not names, in a set or a tuple"
    broken = Keyword(name="a", summary="b", primary="c", payload=None, step="m:S")
    assert "sets `payload` to None" in str(description_error(Kind.KEYWORD, broken))
