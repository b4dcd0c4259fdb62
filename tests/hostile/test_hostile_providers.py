"""A provider that misbehaves fails the task that asked it, in one sentence; nothing hangs and nothing is lost."""

from __future__ import annotations

import pytest

from .conftest import Place

CLIENT = """
import asyncio, os, sys, time
from nika_core.errors import TaskError
from nika_core.model.usage import Usage
from nika_core.plugin import Finished, Health, ModelInfo, Provider, TextDelta, TokenEstimate, hookimpl
NIKA_API = 1
@hookimpl
def nika_providers():
    return [Provider(name="odd", summary="x", models=("odd",), client="acme_provider:Client")]
class Good:
    def __init__(self, environ):
        pass
    def info(self, model):
        return ModelInfo(model, free=True)
    def models(self):
        return ()
    async def stream(self, request):
        yield TextDelta("hello")
        yield Finished("end", Usage(3, 2, calls=1))
    async def estimate(self, request):
        return TokenEstimate(5)
    async def health(self):
        return Health(True)
    async def submit_batch(self, requests):
        raise TaskError("none")
    async def poll_batch(self, batch_id):
        raise TaskError("none")
    async def close(self):
        pass
class Client(Good):
"""

METHODS = {
    "nothing wrong": ("pass", 0),
    "a client that cannot be made": ("def __init__(self, environ): 1 / 0", 2),
    "a client that exits": ("def __init__(self, environ): sys.exit(9)", 2),
    "info raises": ("def info(self, model): 1 / 0", 2),
    "info exits": ("def info(self, model): sys.exit(9)", 2),
    "info gives a text": ("def info(self, model): return model", 2),
    "stream raises": ("async def stream(self, request):\n        raise ValueError('no luck')\n        yield", 1),
    "stream exits": ("async def stream(self, request):\n        sys.exit(9)\n        yield", 1),
    "stream is not a generator": ("async def stream(self, request): return 3", 1),
    "stream gives texts": ("async def stream(self, request):\n        yield 'hello'", 1),
    "stream has no end": ("async def stream(self, request):\n        yield TextDelta('hello')", 1),
    "stream gives numbers as text": ("async def stream(self, request):\n        yield TextDelta(3)", 1),
    "stream never ends": (
        "async def stream(self, request):\n        while True:\n            await asyncio.sleep(0)\n"
        "            yield TextDelta('x')",
        1,
    ),
    "stream is silent": ("async def stream(self, request):\n        await asyncio.sleep(600)\n        yield", 1),
    "stream swallows its cancellation": (
        "async def stream(self, request):\n        while True:\n            try: await asyncio.sleep(600)\n"
        "            except asyncio.CancelledError: pass\n        yield",
        1,
    ),
    "usage that is none": ("async def stream(self, request):\n        yield Finished('end', 'much')", 1),
    "estimate raises": ("async def estimate(self, request): 1 / 0", None),
    "estimate gives nothing": ("async def estimate(self, request): return None", None),
    "estimate is silent": ("async def estimate(self, request): await asyncio.sleep(600)", 1),
    "close raises": ("async def close(self): 1 / 0", 0),
    "close exits": ("async def close(self): sys.exit(9)", 0),
    "close is silent": ("async def close(self): await asyncio.sleep(600)", 0),
}


@pytest.mark.parametrize("case", METHODS)
def test_a_provider_that_misbehaves_fails_only_who_asks_it(place: Place, case: str) -> None:
    method, code = METHODS[case]
    place.install(points={"providers": {"odd": "acme_provider"}}, acme_provider=f"{CLIENT}    {method}\n")
    place.write(
        "ask.nika.yaml",
        "agent: {model: odd}\n"
        "tasks:\n  - {id: a, shell: echo fine}\n  - {id: b, llm: hi, timeout: 700ms, retry: {max: 1}}\n",
    )
    done = place.nika("run", "ask.nika.yaml", "--no-journal", "--format", "json")
    assert code is None or done.code == code, done.err + done.out
    if done.code == 2:
        assert "odd" in done.err
        assert "NIKA-089" not in done.err
        return
    assert done.tasks["a"]["output"] == "fine"
    if done.code == 0:
        assert done.tasks["b"]["output"] == "hello"
    else:
        assert done.tasks["b"]["state"] == "failed"
    assert place.nika("run", "innocent.nika.yaml", "--no-journal").out == "fine\n"
