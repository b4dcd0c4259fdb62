"""The engine with its journal beside other engines: `python tests/benchmarks/bench_peers.py PYTHON [--json]`.

PYTHON is the interpreter of the environment that has the others (`tests/benchmarks/run` makes it). Chains and fans of
1,000 and 10,000 no-op tasks; what makes the graph is counted for nobody. Ours and the others take turns; the best run
of each counts. An engine that has not ended after enough time to hold the bound twice over is stopped, and the ratio
is told as a lower bound.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from bench_engine import begun, chain, fan, ours, seconds
from rows import HERE, Row, duration, tell

ROUNDS = {1000: 8, 10_000: 3}
ENOUGH = 4.0  # seconds: what took longer in its first round is hardly disturbed by a busy machine
PEERS = {  # the name, and how many times as fast we have to be
    "langgraph": ("LangGraph", 3.0),
    "langgraph-sqlite": ("LangGraph, SQLite", 20.0),
    "dbos": ("DBOS, SQLite", 20.0),
}
# LangGraph's saver writes three checkpoints for a fan, however wide it is: the factor grows with the number of tasks.
SMALL_FAN = {"langgraph-sqlite": 12.0}


def peer(python: str, engine: str, shape: str, count: int, limit: float) -> tuple[float, bool]:
    """The seconds of one run, and whether it came to its end in this time."""
    done = subprocess.run(
        [python, str(HERE / "peers.py"), engine, shape, str(count), str(limit)],
        capture_output=True,
        text=True,
        check=False,
    )
    if not done.stdout:
        raise SystemExit(f"{engine} failed: {done.stderr[-2000:]}")
    found = json.loads(done.stdout.splitlines()[-1])
    return found["seconds"], found["ended"]


def _bound(engine: str, shape: str, count: int) -> float:
    bound = PEERS[engine][1]
    return SMALL_FAN.get(engine, bound) if (shape, count) == ("fan", 1000) else bound


def compare(python: str, shape: str, count: int) -> Iterator[Row]:
    """A row for each of the others."""
    edges = {"chain": chain, "fan": fan}[shape](count)
    best = float("inf")
    others: dict[str, tuple[float, bool]] = {}
    for _ in range(ROUNDS[count]):
        for engine in PEERS:
            with tempfile.TemporaryDirectory() as folder:
                asyncio.run(begun(Path(folder)))
                best = min(best, seconds(ours(edges, count, Path(folder), built=True)))
            if engine in others and others[engine][0] > ENOUGH:
                continue
            took = peer(python, engine, shape, count, max(2 * _bound(engine, shape, count) * best, 5))
            others[engine] = min(others.get(engine, took), took)
    for engine, (name, _) in PEERS.items():
        bound = _bound(engine, shape, count)
        took, ended = others[engine]
        shown = f"{name}: {'' if ended else '> '}{duration(took)}"
        yield Row(
            f"{shape} of {count:,} tasks", duration(best), shown, took / best, bound, at_least=True, beyond=not ended
        )


def main() -> None:
    """Print the rows."""
    python = sys.argv[1]
    tell([row for shape in ("chain", "fan") for count in (1000, 10_000) for row in compare(python, shape, count)])


if __name__ == "__main__":
    main()
