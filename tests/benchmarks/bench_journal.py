"""What the history costs: `python tests/benchmarks/bench_journal.py [--json]`. Ratios against work of the same machine.

Prints microseconds an event: to record it, to have it durable in a stream, with 20 tasks each waiting for every one of
its own, and alone; beside them what one plain durable commit of one row takes, which bounds the last figure from below.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from nika_core.journal import Journal, RunInfo, RunRecorder
from nika_core.model.events import Event, EventKind

DATA = {"epoch": 1, "output": "x" * 50, "definition": "a" * 32, "payload": "b" * 32, "durationMs": 3}
MANY = 30_000  # what 10,000 tasks tell
WAITERS = 20


def event(seq: int) -> Event:
    return Event(seq, "r", 1.7e9, EventKind.TASK_SUCCEEDED, f"task-{seq}", DATA)


async def stream(log: RunRecorder) -> dict[str, float]:
    """Record without waiting, as tasks without effects do."""
    events = [event(seq) for seq in range(1, MANY + 1)]
    cpu, start = time.process_time(), time.perf_counter()
    for each in events:
        log.record([each])
    recorded = time.perf_counter()
    await log.barrier()
    return {
        "record": (recorded - start) / MANY,
        "durable, in a stream": (time.perf_counter() - start) / MANY,
        "processor time, all threads": (time.process_time() - cpu) / MANY,
    }


async def waiting(log: RunRecorder, tasks: int, count: int) -> float:
    """Every task waits until each of its events is durable before it goes on."""
    numbers: Iterator[int] = iter(range(count))

    async def work() -> None:
        for seq in numbers:
            log.record([event(seq + 1)])
            await log.barrier()

    start = time.perf_counter()
    await asyncio.gather(*(work() for _ in range(tasks)))
    return (time.perf_counter() - start) / count


def plain_commit(folder: Path, count: int = 500) -> float:
    """One row, one durable commit, with SQLite alone."""
    database = sqlite3.connect(folder / "plain.db", isolation_level=None)
    database.execute("PRAGMA journal_mode=WAL")
    database.execute("PRAGMA synchronous=FULL")
    database.execute("CREATE TABLE events (data TEXT)")
    text = json.dumps(DATA)
    start = time.perf_counter()
    for _ in range(count):
        database.execute("INSERT INTO events VALUES (?)", (text,))
    seconds = (time.perf_counter() - start) / count
    database.close()
    return seconds


async def measure() -> dict[str, float]:
    """Microseconds an event."""
    with tempfile.TemporaryDirectory() as folder, Journal.open(Path(folder)) as journal:
        log = journal.begin(RunInfo("bench", "bench.nika.yaml", "", started=time.time()))
        found = await stream(log)
        found[f"durable, {WAITERS} tasks waiting"] = await waiting(log, WAITERS, 20_000)
        found["durable, alone"] = await waiting(log, 1, 2_000)
        found["one commit of one row, SQLite alone"] = plain_commit(Path(folder))
        await log.finish("succeeded", time.time())
    return {name: round(seconds * 1e6, 2) for name, seconds in found.items()}


def main() -> None:
    """Print the figures, as JSON where that is asked for."""
    figures = asyncio.run(measure())
    if "--json" in sys.argv:
        print(json.dumps(figures))
        return
    for name, microseconds in figures.items():
        print(f"{microseconds:10.2f} us  {name}")


if __name__ == "__main__":
    main()
