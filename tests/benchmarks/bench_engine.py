"""What the engine costs: `python tests/benchmarks/bench_engine.py [--json]`. Ratios to a bare asyncio + graphlib loop.

Chains and fans of tasks that do nothing, with the journal on (durable before the result is there), each measured
beside the smallest loop that runs the same graph: no states, no limits, no history; and the items of a list that do
nothing, beside as many tasks of their own. The best of several rounds each, taken in turns, so that a busy machine
slows both.
"""

from __future__ import annotations

import asyncio
import gc
import json
import sys
import tempfile
import time
from collections.abc import Callable
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

from rows import best_in_turns

from nika_core.cli import collect_rarely
from nika_core.engine.core.run_plan import Each, Group, Item, RunRequest
from nika_core.engine.local.host import Run
from nika_core.engine.local.services import Services
from nika_core.journal import Journal, RunInfo
from nika_core.model.graph import build_graph
from nika_core.model.limits import Limit, LimitKind, Limits, Unit
from nika_core.model.state import RunStatus
from nika_core.model.workflow import Flow, Task, Workflow
from nika_core.plugin import Keyword

collect_rarely()  # as `nika run` does; for the bare loop, too
LIMITS = Limits([Limit(LimitKind.CONCURRENT, 10, Unit.COUNT, "NIKA_MAX_CONCURRENT")])
NOOP = Keyword(name="noop", summary="Does nothing.", primary="value", payload=None, step="", pure=True)


class Step:
    """Does nothing."""

    async def run(self, payload: Any, context: Any) -> str:
        return "done"


def chain(count: int) -> list[tuple[str, str]]:
    """Each task after the one before."""
    return [(f"t{i}", f"t{i + 1}") for i in range(count - 1)]


def fan(count: int) -> list[tuple[str, str]]:
    """One task, then all others at once, then one that waits for them all."""
    middle = range(1, count - 1)
    return [("t0", f"t{i}") for i in middle] + [(f"t{i}", f"t{count - 1}") for i in middle]


async def bare(edges: list[tuple[str, str]], count: int) -> None:
    """The smallest loop that runs a graph."""
    sorter: TopologicalSorter[str] = TopologicalSorter({f"t{i}": () for i in range(count)})
    for source, target in edges:
        sorter.add(target, source)
    sorter.prepare()
    results: dict[str, str] = {}
    step = Step()

    async def work(task: str) -> str:
        results[task] = await step.run({}, None)
        return task

    pending: set[asyncio.Task[str]] = set()
    while sorter.is_active():
        pending |= {asyncio.create_task(work(task)) for task in sorter.get_ready()}
        done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            sorter.done(task.result())
    assert len(results) == count


def ours(edges: list[tuple[str, str]], count: int, folder: Path | None, *, built: bool = False) -> Callable[[], Any]:
    """The engine; with a folder, its journal is there. `built`: what makes the graph is done, and not measured."""
    return _run(edges, count, folder, {}, built=built)


def items(count: int, folder: Path | None) -> Callable[[], Any]:
    """The engine with one task, which is done for each item of a list."""
    values = tuple(Item(index) for index in range(count))
    return _run([], 1, folder, {"t0": Each(items=lambda _: values)}, built=False)


def _run(
    edges: list[tuple[str, str]], count: int, folder: Path | None, groups: dict[str, Group], *, built: bool
) -> Callable[[], Any]:
    tasks = tuple(Task(f"t{i}", "noop", {"value": "x"}, i) for i in range(count))
    flows = tuple(Flow(*edge) for edge in edges)
    workflow = Workflow("bench", Path("bench.nika.yaml"), tasks, flows)
    step = Step()
    known = build_graph(tasks, flows, lambda placeholder: ()) if built else None

    async def work() -> None:
        graph = known or build_graph(tasks, flows, lambda placeholder: ())
        services: dict[str, Any] = {"keyword": lambda word: NOOP, "step": lambda word: step}
        if folder is None:
            request = RunRequest(run_id="bench", workflow=workflow, graph=graph, limits=LIMITS, groups=groups)
            result = await Run(request, Services(**services)).result()
        else:
            with Journal.open(folder) as journal:
                log = journal.begin(RunInfo("bench", "bench.nika.yaml", "", started=time.time()))
                request = RunRequest(run_id=log.run_id, workflow=workflow, graph=graph, limits=LIMITS, groups=groups)
                recorded = Services(record=log.record, barrier=log.barrier, call_cache=log, **services)
                result = await Run(request, recorded).result()
                await log.finish(result.status.value, time.time())
        assert result.status is RunStatus.SUCCEEDED

    return work


async def begun(folder: Path) -> None:
    """Make the project's journal, as its first run ever does: some files, and waits for the disk."""
    with Journal.open(folder) as journal:
        await journal.begin(RunInfo("first", "bench.nika.yaml", "", started=time.time())).finish("succeeded", 0.0)


def seconds(work: Callable[[], Any]) -> float:
    """How long it takes, once."""
    gc.collect()
    start = time.perf_counter()
    asyncio.run(work())
    return time.perf_counter() - start


def in_new_folder(work: Callable[[Path], Callable[[], Any]]) -> float:
    """How long it takes, once, in a project whose journal is there."""
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(begun(Path(folder)))
        return seconds(work(Path(folder)))


def measure(shape: Callable[[int], list[tuple[str, str]]], count: int) -> dict[str, float]:
    """The best of some rounds of each."""
    edges = shape(count)
    return best_in_turns(
        {
            "bare": lambda: seconds(lambda: bare(edges, count)),
            "engine": lambda: seconds(ours(edges, count, None)),
            "with journal": lambda: in_new_folder(lambda folder: ours(edges, count, folder)),
        },
        still=10 if count < 10_000 else 4,
    )


def measure_items(count: int) -> dict[str, float]:
    """The same for a list, beside as many tasks that depend on nothing; both with their journal."""
    return best_in_turns(
        {
            "tasks": lambda: in_new_folder(lambda folder: ours([], count, folder)),
            "items": lambda: in_new_folder(lambda folder: items(count, folder)),
        },
        still=4,
    )


def main() -> None:
    """Print the figures, as JSON where that is asked for."""
    figures: dict[str, dict[str, float]] = {}
    for shape in (chain, fan):
        for count in (1000, 10_000):
            best = measure(shape, count)
            figures[f"{shape.__name__} {count}"] = {
                **{f"{name}, us a task": round(took / count * 1e6, 1) for name, took in best.items()},
                "ratio": round(best["with journal"] / best["bare"], 2),
            }
    count = 10_000
    best = measure_items(count)
    figures[f"list {count}"] = {
        **{f"{name}, us each": round(took / count * 1e6, 1) for name, took in best.items()},
        "ratio": round(best["items"] / best["tasks"], 2),
    }
    if "--json" in sys.argv:
        print(json.dumps(figures))
        return
    for name, found in figures.items():
        print(f"{name:12}", *(f"{key} {value:6}" for key, value in found.items()), sep="  ")


if __name__ == "__main__":
    main()
