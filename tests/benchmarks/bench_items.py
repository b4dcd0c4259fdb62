"""What an item of a long list costs: `python tests/benchmarks/bench_items.py [--json]`.

A list of mocked `llm` items, beside as many `llm` tasks of their own, through the public interface and with the
journal on. Reading the file and preparing the run are not measured: only one of the two has 10,000 tasks to read. The
best of several rounds each, taken in turns. Memory is the most that the run of a list needs at once, beside what its
result keeps.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import tempfile
import time
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rows import Row, best_in_turns, duration, tell

import nika_core as nika
from nika_core.cli import collect_rarely

MANY, FEW = 10_000, 1000
HEAD = "agent: {provider: mock, model: mock-small}\ntasks:\n"
TASK = '  - {{id: ask{number}, llm: "One word about {number}."}}\n'
BYTES_AN_ITEM = 2048
LIMITS = ("NIKA_MAX_TOKENS_TOTAL", "NIKA_MAX_NODES", "NIKA_MAX_ITEMS", "NIKA_MAX_TASKS")


def document(kind: str, count: int) -> str:
    """A workflow with one list, or with so many tasks."""
    if kind == "tasks":
        return HEAD + "".join(TASK.format(number=number) for number in range(count))
    numbers = ", ".join(map(str, range(count)))
    return HEAD + f'  - id: ask\n    forEach: [{numbers}]\n    llm: "One word about ${{each.item}}."\n'


@contextlib.contextmanager
def prepared(kind: str, count: int) -> Iterator[Any]:
    """A run that can be started, in a project of its own."""
    with tempfile.TemporaryDirectory() as name:
        path = Path(name, "items.nika.yaml")
        path.write_text(document(kind, count))
        yield nika.prepare(path, mock=True)


def ended(ready: Any) -> Any:
    """The result of a run."""
    result = asyncio.run(nika.carry_out(nika.start(ready)))
    assert result.status is nika.RunStatus.SUCCEEDED, result
    return result


def seconds(kind: str, count: int) -> float:
    """How long a run takes, once."""
    with prepared(kind, count) as ready:
        gc.collect()
        start = time.perf_counter()
        ended(ready)
        return time.perf_counter() - start


def memory(count: int) -> float:
    """Bytes an item at the peak of a run, beside what its result keeps."""
    with prepared("items", count) as ready:
        gc.collect()
        tracemalloc.start()
        try:
            result = ended(ready)
            peak = tracemalloc.get_traced_memory()[1]
            gc.collect()
            kept = tracemalloc.get_traced_memory()[0]
        finally:
            tracemalloc.stop()
        assert result is not None
    return (peak - kept) / count


def main() -> None:
    """Print the rows."""
    collect_rarely()  # as `nika run` does
    os.environ |= dict.fromkeys(LIMITS, "1000000000")
    works = {
        "tasks": lambda: seconds("tasks", MANY),
        "items": lambda: seconds("items", MANY),
        "few": lambda: seconds("items", FEW),
    }
    best = best_in_turns(works, still=3)
    used = memory(MANY)
    each, of_few = best["items"] / MANY, best["few"] / FEW
    name = "10,000 mocked llm items"
    tasks, few = f"10,000 tasks: {duration(best['tasks'])}", f"of 1,000: {duration(of_few)}"
    tell(
        [
            Row(name, duration(best["items"]), tasks, best["items"] / best["tasks"], 1.5),
            Row(f"{name}: linear", f"{duration(each)} an item", few, each / of_few, 1.5),
            Row(f"{name}: memory", f"{used:.0f} bytes an item", f"{BYTES_AN_ITEM} bytes", used / BYTES_AN_ITEM, 1.0),
        ]
    )


if __name__ == "__main__":
    main()
