"""Chains and fans of no-op tasks on other engines: `peers.py langgraph|langgraph-sqlite|dbos chain|fan COUNT LIMIT`.

Runs in an environment of its own (requirements-bench.lock) and prints the seconds of one run as JSON, start-up,
imports and the building of the graph not counted. `{"seconds": LIMIT, "ended": false}` where it took longer.

Each engine is used as its documentation has it, in the way that was the fastest here: LangGraph called synchronously
(its asynchronous saver takes twice as long), DBOS with a step for every task in one workflow.
"""

import asyncio
import itertools
import json
import operator
import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Annotated, Any, TypedDict


class State(TypedDict):
    """How many tasks have run: the smallest state that can be checked."""

    done: Annotated[int, operator.add]


def langgraph(shape: str, count: int, folder: str | None) -> Callable[[], None]:
    """A graph of nodes; with a folder, its SQLite saver is there."""
    from langgraph.graph import START, StateGraph

    def step(state: State) -> dict[str, int]:
        return {"done": 1}

    names = [f"t{number}" for number in range(count)]
    graph = StateGraph(State)
    for name in names:
        graph.add_node(name, step)
    graph.add_edge(START, names[0])
    if shape == "chain":
        for source, target in itertools.pairwise(names):
            graph.add_edge(source, target)
    else:
        for name in names[1:-1]:
            graph.add_edge(names[0], name)
        graph.add_edge(names[1:-1], names[-1])
    stack = ExitStack()
    saver = None
    if folder is not None:
        from langgraph.checkpoint.sqlite import SqliteSaver

        saver = stack.enter_context(SqliteSaver.from_conn_string(f"{folder}/checkpoints.db"))
    compiled = graph.compile(checkpointer=saver)

    def work() -> None:
        with stack:
            config: Any = {"recursion_limit": count + 10, "configurable": {"thread_id": "bench"}}
            assert compiled.invoke({"done": 0}, config)["done"] == count

    return work


def dbos(shape: str, count: int, folder: str) -> Callable[[], None]:
    """One workflow, a step for each task."""
    from dbos import DBOS

    DBOS(
        config={
            "name": "bench",
            "system_database_url": f"sqlite:///{folder}/dbos.sqlite",
            "log_level": "ERROR",
            "run_admin_server": False,
        }
    )

    @DBOS.step()
    async def step(name: str) -> str:
        return "done"

    @DBOS.workflow()
    async def chain(count: int) -> int:
        for number in range(count):
            await step(f"t{number}")
        return count

    @DBOS.workflow()
    async def fan(count: int) -> int:
        await step("t0")
        await asyncio.gather(*(step(f"t{number}") for number in range(1, count - 1)))
        await step(f"t{count - 1}")
        return count

    DBOS.launch()
    workflow: Any = {"chain": chain, "fan": fan}[shape]

    def work() -> None:
        assert asyncio.run(workflow(count)) == count

    return work


def main(engine: str, shape: str, count: int, limit: float) -> None:
    """Measure it once."""

    def tell(seconds: float, ended: bool) -> None:
        print(json.dumps({"seconds": seconds, "ended": ended}), flush=True)
        os._exit(0)  # threads of the engine that still wait for something are none of our business

    with tempfile.TemporaryDirectory() as folder:
        if engine == "dbos":
            work = dbos(shape, count, folder)
        else:
            work = langgraph(shape, count, folder if engine == "langgraph-sqlite" else None)
        timer = threading.Timer(limit, tell, (limit, False))
        timer.start()
        start = time.perf_counter()
        work()
        seconds = time.perf_counter() - start
        timer.cancel()
    tell(seconds, ended=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4]))
