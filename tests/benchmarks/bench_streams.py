"""Answers of models as they come: `python tests/benchmarks/bench_streams.py [--json] [--only PART] [--provider NAME]`.

A model server on loopback, in a process of its own, sends its answers as fast as it can, so that all the time that is
measured is the client's.

- Time: 1,000 `llm` tasks, 10 at once, through the public interface and with the journal on, beside the bare SDK with
  `asyncio.gather` on the same server. CPU time of this process, the best of several rounds in turns: the server, and
  whatever else runs on the machine, does not count.
- Stall: 500 `llm` tasks at once. The longest CPU time between two turns of something else in the event loop, the worst
  of three runs. Each is in a process of its own, as with `nika run`: after other runs, the garbage collector also has
  to look at what these have left.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

from model_server import model_server
from rows import Row, best_in_turns, duration, tell

import nika_core as nika
from nika_core.cli import collect_rarely

CALLS, AT_ONCE = 1000, 10
MANY = 500
MOST_STALL = 0.1  # seconds
BOUNDS = {20: 1.0, 200: 0.5}
MODELS = {"openai": "gpt-4o-mini", "claude": "claude-sonnet-4-5"}
HEAD = "agent: {{provider: {provider}, model: {model}, maxTokens: 500}}\ntasks:\n"
TASK = '  - {{id: ask{number}, llm: "{kind}: one word about {number}."}}\n'
LIMITS = ("NIKA_MAX_TOKENS_TOTAL", "NIKA_MAX_TOKENS_PER_TASK", "NIKA_MAX_TASKS", "NIKA_MAX_CONCURRENT")


@contextlib.contextmanager
def prepared(provider: str, kind: str, count: int, at_once: int) -> Iterator[Any]:
    """A run that can be started, in a project of its own."""
    with tempfile.TemporaryDirectory() as name:
        path = Path(name, "streams.nika.yaml")
        tasks = "".join(TASK.format(number=number, kind=kind) for number in range(count))
        path.write_text(HEAD.format(provider=provider, model=MODELS[provider]) + tasks)
        yield nika.prepare(path, max_concurrent=at_once)


def ours(provider: str, kind: str, count: int, at_once: int, beside: Callable[[], Awaitable[None]]) -> float:
    """CPU seconds that a run takes, once."""

    async def run(ready: Any) -> Any:
        stalls = asyncio.create_task(beside())
        try:
            return await nika.carry_out(nika.start(ready))
        finally:
            stalls.cancel()

    with prepared(provider, kind, count, at_once) as ready:
        gc.collect()
        start = time.process_time()
        result = asyncio.run(run(ready))
        took = time.process_time() - start
    assert result.status is nika.RunStatus.SUCCEEDED, result
    return took


def bare(provider: str, kind: str, count: int, at_once: int) -> float:
    """CPU seconds that the SDK takes for the same calls, once."""

    async def openai(number: int, client: Any, turns: asyncio.Semaphore) -> str:
        async with turns:
            stream = await client.chat.completions.create(
                model=MODELS[provider],
                messages=[{"role": "user", "content": f"{kind}: one word about {number}."}],
                max_tokens=500,
                stream=True,
                stream_options={"include_usage": True},
            )
            return "".join([chunk.choices[0].delta.content or "" async for chunk in stream if chunk.choices])

    async def claude(number: int, client: Any, turns: asyncio.Semaphore) -> str:
        async with turns:
            stream = await client.messages.create(
                model=MODELS[provider],
                messages=[{"role": "user", "content": f"{kind}: one word about {number}."}],
                max_tokens=500,
                stream=True,
            )
            return "".join([event.delta.text async for event in stream if event.type == "content_block_delta"])

    async def run() -> list[str]:
        turns = asyncio.Semaphore(at_once)
        if provider == "openai":
            from openai import AsyncOpenAI

            async with AsyncOpenAI(max_retries=0) as client:
                return await asyncio.gather(*(openai(number, client, turns) for number in range(count)))
        from anthropic import AsyncAnthropic

        async with AsyncAnthropic(max_retries=0) as client:
            return await asyncio.gather(*(claude(number, client, turns) for number in range(count)))

    gc.collect()
    start = time.process_time()
    texts = asyncio.run(run())
    assert len(texts) == count
    assert all(texts)
    return time.process_time() - start


async def nothing() -> None:
    """What runs beside a run that is timed."""


def longest_stall(provider: str, kind: str) -> float:
    """CPU seconds of the event loop for which nothing else had a turn while many answers came at once."""
    longest = 0.0

    async def beside() -> None:
        nonlocal longest
        while True:
            before = time.thread_time()
            await asyncio.sleep(0.001)
            longest = max(longest, time.thread_time() - before)

    ours(provider, kind, MANY, MANY, beside)
    return longest


def stall_elsewhere(provider: str, kind: str) -> float:
    """The same, measured in a new process."""
    command = [sys.executable, __file__, "--provider", provider, "--stall-of", kind]
    return float(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)


def times(provider: str) -> Iterator[Row]:
    """Beside the SDK."""
    for count, bound in BOUNDS.items():
        kind = f"chunks-{count}"
        works = {
            "ours": lambda kind=kind: ours(provider, kind, CALLS, AT_ONCE, nothing),
            "bare": lambda kind=kind: bare(provider, kind, CALLS, AT_ONCE),
        }
        best = best_in_turns(works, least=3, still=3, most=30.0)
        measure = f"1,000 calls of {count} chunks: {provider}"
        ratio = best["ours"] / best["bare"]
        yield Row(measure, duration(best["ours"]), f"the SDK: {duration(best['bare'])}", ratio, bound)


def rate(provider: str) -> Row:
    """How much faster many answers at once are read than by the SDK."""
    works = {
        "ours": lambda: ours(provider, "chunks-200", MANY, MANY, nothing),
        "bare": lambda: bare(provider, "chunks-200", MANY, MANY),
    }
    best = best_in_turns(works, least=3, still=2, most=30.0)
    mine, theirs = (f"{MANY * 200 / best[name]:,.0f} chunks/s" for name in ("ours", "bare"))
    measure = f"500 calls at once, 200 chunks: {provider}"
    return Row(measure, mine, f"the SDK: {theirs}", best["bare"] / best["ours"], 1.2, at_least=True)


def stalls(provider: str) -> Iterator[Row]:
    """The longest ones."""
    for kind in ("chunks", "burst"):
        for count in BOUNDS:
            stall = max(stall_elsewhere(provider, f"{kind}-{count}") for _ in range(3))
            measure = (
                f"500 calls at once, {count} chunks{' in one piece' * (kind == 'burst')}: {provider}, longest stall"
            )
            yield Row(measure, duration(stall), duration(MOST_STALL), stall / MOST_STALL, 1.0)


def main() -> None:
    """Print the rows."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--only", choices=("stall", "time"))
    parser.add_argument("--provider", choices=("openai", "claude"))
    parser.add_argument("--stall-of", help=argparse.SUPPRESS)
    given = parser.parse_args()
    collect_rarely()  # as `nika run` does
    if given.stall_of:
        print(longest_stall(given.provider, given.stall_of))
        return
    os.environ |= dict.fromkeys(LIMITS, "1000000000") | {"OPENAI_API_KEY": "none", "ANTHROPIC_API_KEY": "none"}
    rows: list[Row] = []
    with model_server() as address:
        os.environ |= {"OPENAI_BASE_URL": f"{address}/v1", "ANTHROPIC_BASE_URL": address}
        for provider in [given.provider] if given.provider else ("openai", "claude"):
            if given.only != "time":
                rows += stalls(provider)
            if given.only != "stall":
                rows += times(provider)
                rows.append(rate(provider))
    tell(rows)


if __name__ == "__main__":
    main()
