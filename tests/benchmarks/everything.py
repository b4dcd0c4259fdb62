"""All benchmarks, one table: `python tests/benchmarks/everything.py PEERS [--only NAME,...]`.

PEERS is the folder of the environment with what we compare ourselves to; without it those parts are left out, aloud.
Exits 1 when a bound does not hold. (`make bench` runs this; no test does.)
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from rows import Row, duration, figures_of, machine, table


def document(peers: Path) -> Iterator[Row]:
    """Loading and validating, beside CSafeLoader merely loading."""
    found = figures_of("bench_document.py", "--large")
    small, large = found["load"]
    for row in (small, large):
        ours, theirs = f"{row['oursMs']:.0f} ms", f"CSafeLoader: {row['csafeloaderMs']:.0f} ms"
        yield Row(f"load and validate {row['tasks']:,} tasks", ours, theirs, row["ratio"], 1.0)
    yield _growth("load and validate", small["oursMs"] / 1000, large["oursMs"] / 1000)
    small, large = found["large"]
    name = f"a workflow of {large['megabytes']:.0f} MB"
    size = f"its size: {large['megabytes']:.0f} MB"
    memory = f"{large['memoryPerByte'] * large['megabytes']:.0f} MB"
    yield Row(f"{name}: memory", memory, size, large["memoryPerByte"], 25.0)
    per = [f"{row['secondsPerMegabyte'] * 1000:.0f} ms/MB" for row in (small, large)]
    growth = large["secondsPerMegabyte"] / small["secondsPerMegabyte"]
    yield Row(f"{name}: time is linear", per[1], f"of {small['megabytes']:.0f} MB: {per[0]}", growth, LINEAR)
    refusals = [f"{row['refusedMs']:.1f} ms" for row in (small, large)]
    growth = large["refusedMs"] / small["refusedMs"]
    yield Row(f"{name}: refused by default", refusals[1], f"{small['megabytes']:.0f} MB: {refusals[0]}", growth)


def template(peers: Path) -> Iterator[Row]:
    """1,000 distinct templates."""
    found = figures_of("bench_template.py")
    best = found["microseconds"]
    for name, bound in found["bounds"].items():
        ours, theirs = name.split(" / ")
        shown = f"{theirs}: {best[theirs]:.2f} us"
        yield Row(f"a template, {ours}", f"{best[ours]:.2f} us", shown, found["ratios"][name], bound)
    for ours, theirs in (("cold", "jinja2, cold"), ("warm", "jinja2, warm")):
        if theirs in best:
            shown = f"{theirs.split(',')[0]}: {best[theirs]:.2f} us"
            yield Row(f"a template, {ours}", f"{best[ours]:.2f} us", shown, best[ours] / best[theirs])


def engine(peers: Path) -> Iterator[Row]:
    """The engine with its journal, beside a bare loop."""
    found = figures_of("bench_engine.py")
    listed = found.pop("list 10000")
    ours: dict[str, float] = {}
    for name, row in found.items():
        shape, count = name.split()
        ours[name] = row["with journal, us a task"] * int(count) / 1e6
        bare = duration(row["bare, us a task"] * int(count) / 1e6)
        measure = f"{shape} of {int(count):,} tasks"
        yield Row(measure, duration(ours[name]), f"asyncio + graphlib: {bare}", row["ratio"], 12.0)
    for shape in ("chain", "fan"):
        yield _growth(shape, ours[f"{shape} 1000"], ours[f"{shape} 10000"])
    items, tasks = (duration(listed[f"{name}, us each"] / 100) for name in ("items", "tasks"))
    yield Row("a list of 10,000 items", items, f"10,000 tasks: {tasks}", listed["ratio"], 1.5)


def items(peers: Path) -> Iterator[Row]:
    """A long list of mocked calls to a model, beside as many tasks."""
    yield from _rows("bench_items.py")


def others(peers: Path) -> Iterator[Row]:
    """The engine with its journal, beside other engines."""
    yield from _rows("bench_peers.py", str(peers / "bin" / "python"))


def shells(peers: Path) -> Iterator[Row]:
    """1,000 commands at once."""
    yield from _rows("bench_shells.py")


def ui(peers: Path) -> Iterator[Row]:
    """The page with the runs, in a browser."""
    yield from _rows("bench_ui.py")


def streams(peers: Path) -> Iterator[Row]:
    """Answers of models as they come, beside the bare SDKs."""
    yield from _rows("bench_streams.py")


def temporal(peers: Path) -> Iterator[Row]:
    """Runs on a Temporal server, beside the same graph written by hand."""
    yield from _rows("bench_temporal.py")


def work(peers: Path) -> Iterator[Row]:
    """Tools, requests, commands and functions, beside what one would write by hand."""
    yield from _rows("bench_work.py")


def tests(peers: Path) -> Iterator[Row]:
    """Tests of workflows, and runs in a test suite."""
    yield from _rows("bench_tests.py")


def commands(peers: Path) -> Iterator[Row]:
    """Whole commands on large workflows and long histories."""
    yield from _rows("bench_commands.py")


def live(peers: Path) -> Iterator[Row]:
    """The live view, beside a run that nobody watches."""
    yield from _rows("bench_live.py")


def startup(peers: Path) -> Iterator[Row]:
    """The command line."""
    yield from _rows("bench_startup.py", str(peers / "bin" / "llm"))


LINEAR = 1.5  # times as much a task, or a megabyte, where there are ten times as many
PARTS: dict[str, Callable[[Path], Iterator[Row]]] = {
    part.__name__: part
    for part in (
        startup,
        commands,
        tests,
        live,
        template,
        document,
        engine,
        items,
        streams,
        work,
        shells,
        temporal,
        ui,
        others,
    )
}
NEED_PEERS = {"startup", "others"}


def _rows(script: str, *arguments: str) -> Iterator[Row]:
    for row in figures_of(script, *arguments)["rows"]:
        yield Row(**row)


def _growth(what: str, small: float, large: float) -> Row:
    """From 1,000 tasks to 10,000: what a task costs must stay the same."""
    growth = large / small / 10
    ours, other = f"{duration(large / 10_000)} a task", f"of 1,000: {duration(small / 1000)}"
    return Row(f"{what}, 10,000 tasks: linear", ours, other, growth, LINEAR)


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description="What Nika promises about speed, each figure beside something else's.")
    parser.add_argument("peers", type=Path, help="the folder of the environment with the others")
    parser.add_argument("--only", default=",".join(PARTS), help="parts, with commas between them: %(default)s")
    given = parser.parse_args()
    peers: Path = given.peers
    rows: list[Row] = []
    for name in given.only.split(","):
        if name in NEED_PEERS and not (peers / "bin" / "python").exists():
            print(f"{name}: left out, {peers} is not there", file=sys.stderr)
            continue
        print(f"measuring: {name}", file=sys.stderr)
        rows += PARTS[name](peers)
    print(table(rows))
    print(f"\nmeasured on {machine()}")
    return int(any(row.fails for row in rows))


if __name__ == "__main__":
    sys.exit(main())
