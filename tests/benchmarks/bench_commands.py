"""What whole commands cost on large workflows and long histories: `python tests/benchmarks/bench_commands.py [--json]`.

Each is a process of its own, from its start to its end, with all modules compiled before. Time is processor time, since
other programs may run beside; the best of a few rounds, taken in turns. The bounds are seconds and megabytes of the
machine of docs/performance.md, so that on another one they are only reported; what must be linear is a ratio.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
import tempfile
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from rows import Row, compiled, duration, tell

from nika_core.journal import Journal, RunInfo
from nika_core.model.events import Event, EventKind

NIKA = str(Path(sys.executable).with_name("nika"))
AGENT = "agent: {provider: mock, model: mock-large}\n"
LIMITS = ("TOKENS_TOTAL", "TOKENS_TASK", "NODES", "ITEMS", "TASKS", "FILES", "FLOWS", "EDGES")
MANY = 10_000
RUNS = 1000
LARGE = 100_000  # characters of an output
ROUNDS = 3


class Cost(NamedTuple):
    """What one process took: processor time in seconds, and the most memory in megabytes."""

    seconds: float
    megabytes: float


class Commands:
    """Runs commands in a folder."""

    def __init__(self, folder: Path, environ: dict[str, str]) -> None:
        self.folder = folder
        self._environ = {**environ, **{f"NIKA_MAX_{limit}": "1000000000" for limit in LIMITS}}

    def cost(self, *arguments: str) -> Cost:
        """Return what one process took, from its start to its end."""
        nowhere = subprocess.DEVNULL
        with subprocess.Popen(
            [NIKA, *arguments], cwd=self.folder, env=self._environ, stdout=nowhere, stderr=nowhere
        ) as process:
            _, status, used = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise SystemExit(f"nika {' '.join(arguments)} ended with {process.returncode}")
        return Cost(used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)

    def seconds(self, *arguments: str) -> float:
        """Return the least processor time of a few processes."""
        return min(self.cost(*arguments).seconds for _ in range(ROUNDS))

    def forget(self) -> None:
        """Remove the history."""
        shutil.rmtree(self.folder / ".nika")


def workflow(path: Path, keyword: str, count: int, *, head: str = AGENT, chain: bool = False) -> None:
    """Write a workflow of so many tasks."""
    tasks = "".join(f'  - {{id: t{number}, {keyword}: "One word about {number}."}}\n' for number in range(count))
    numbers = range(count if chain else 0)
    flows = "".join(f"  - {{source: t{one}, target: t{other}}}\n" for one, other in pairwise(numbers))
    path.write_text(f"{head}tasks:\n{tasks}" + (f"flows:\n{flows}" if flows else ""))


def documents(folder: Path) -> None:
    """Write all workflows."""
    for count in (1, 1001):
        workflow(folder / f"fan{count}.nika.yaml", "llm", count)
        workflow(folder / f"chain{count}.nika.yaml", "llm", count, chain=True)
    for count in (500, 1000, 2000, 4000):
        workflow(folder / f"talk{count}.nika.yaml", "agent", count, chain=True)
    workflow(folder / "many.nika.yaml", "set", MANY, head="")
    items = ", ".join(f'"{number}"' for number in range(MANY))
    (folder / "items.nika.yaml").write_text(
        f'tasks:\n  - {{id: list, forEach: {{items: [{items}]}}, set: "One word about ${{each.item}}."}}\n'
    )
    copies = "".join(f'  - {{id: t{number}, set: "{{{{large}}}}"}}\n' for number in range(MANY))
    others = "".join(f'  - {{id: t{number}, set: "{number} {{{{large}}}}"}}\n' for number in range(MANY))
    large = f'  - {{id: part, set: {"x" * 1000}}}\n  - {{id: large, set: "{"{{part}}" * (LARGE // 1000)}"}}\n'
    (folder / "outputs.nika.yaml").write_text(f"tasks:\n{large}{copies}")
    (folder / "others.nika.yaml").write_text(f"tasks:\n{large}{others}")
    (folder / "files").mkdir()
    for number in range(500):
        workflow(folder / "files" / f"w{number}.nika.yaml", "llm", 1)


def absolute(measure: str, seconds: float, goal: float) -> Row:
    """A figure of one machine."""
    return Row(measure, duration(seconds), f"goal: {duration(goal)}", seconds / goal, 1.0, reported=True)


def a_task(commands: Commands, shape: str, *options: str) -> Row:
    """What one more `llm` task costs a whole command: with `--mock`, or with the provider `mock`."""
    one, many = (commands.seconds("run", *options, f"{shape}{count}.nika.yaml") for count in (1, 1001))
    how = options[0] if options else "provider mock"
    return absolute(f"1,000 llm tasks, {how}, a {shape}: each", (many - one) / 1000, 0.25e-3)


def conversations(commands: Commands) -> list[Row]:
    """A conversation of 1,000 turns beside one of 500, and the plans of longer ones."""
    half, whole = (commands.seconds("run", f"talk{count}.nika.yaml") for count in (500, 1000))
    name = "1,000 agent tasks in one conversation"
    turns = Row(name, duration(whole), f"500: {duration(half)}", whole / half, 2.2)
    half, whole = (commands.seconds("plan", f"talk{count}.nika.yaml") for count in (2000, 4000))
    return [turns, Row("a plan of 4,000 of them", duration(whole), f"of 2,000: {duration(half)}", whole / half, 2.2)]


def outputs(commands: Commands) -> list[Row]:
    """10,000 large outputs of equal content."""
    commands.forget()
    used = commands.cost("run", "outputs.nika.yaml", "--format", "json").megabytes
    blobs = sum(1 for path in (commands.folder / ".nika" / "blobs").rglob("*") if path.is_file())
    name = "10,000 outputs of 100 KB, --format json"
    return [
        Row(f"{name}: memory", f"{used:.0f} MB", "goal: 400 MB", used / 400, 1.0, reported=True),
        Row(f"{name}: files", f"{blobs}", "the document, and an output: 2", blobs / 2, 1.0),
    ]


def different_outputs(commands: Commands) -> list[Row]:
    """10,000 large outputs, no two of which are equal: what a run needs in memory, however it is printed."""
    rows = []
    for format_ in ("json", "jsonl", "pretty"):
        commands.forget()
        used = commands.cost("run", "others.nika.yaml", "--format", format_).megabytes
        name = f"10,000 different outputs of 100 KB, --format {format_}: memory"
        rows.append(Row(name, f"{used:.0f} MB", "goal: 400 MB", used / 400, 1.0, reported=True))
    return rows


def grows(commands: Commands, name: str) -> float:
    """Return by how many bytes a task the history of a run grows with each resume after the first."""
    commands.forget()
    commands.cost("run", f"{name}.nika.yaml")
    commands.cost("resume", "last")
    journal = commands.folder / ".nika" / "journal.db"
    before = journal.stat().st_size
    for _ in range(ROUNDS):
        commands.cost("resume", "last")
    return (journal.stat().st_size - before) / ROUNDS / MANY


def history(commands: Commands) -> list[Row]:
    """A finished run of 10,000 tasks: shown, and resumed again and again."""
    commands.forget()
    commands.cost("run", "many.nika.yaml")
    shown = commands.seconds("runs", "show", "last")
    commands.cost("resume", "last")
    resumed = commands.seconds("resume", "last")
    grown = [grows(commands, name) for name in ("items", "many")]
    return [
        absolute("runs show, of 10,000 tasks", shown, 0.4),
        absolute("resume, of 10,000 finished tasks", resumed, 1.2),
        Row("resume: what it adds to the history", f"{grown[1]:.1f} bytes a task", "1 byte", grown[1], 1.0),
        Row("resume of a list: what it adds", f"{grown[0]:.1f} bytes an item", "1 byte", grown[0], 1.0),
    ]


async def write_runs(folder: Path) -> None:
    """Write a history of many runs that have ended."""
    tasks = "".join(f"  - {{id: t{number}, set: {number}}}\n" for number in range(500))
    usage = {"inputTokens": 100, "outputTokens": 100, "costUsd": "0.01", "unpriced": []}
    ended = {"status": "succeeded", "usage": usage}
    with Journal.open(folder) as journal:
        for number in range(RUNS):
            at = 1.7e9 + number
            log = journal.begin(RunInfo("w", str(folder / "w.nika.yaml"), f"tasks:\n{tasks}", {"x": number}, {}, at))
            log.record([Event(1, log.run_id, at, EventKind.RUN_FINISHED, None, ended)])
            await log.finish("succeeded", at)


def listed(commands: Commands) -> Row:
    """A history of many runs."""
    commands.forget()
    asyncio.run(write_runs(commands.folder))
    return absolute("runs list, of 1,000 runs", commands.seconds("runs", "list"), 0.3)


def main() -> None:
    """Print the rows."""
    with tempfile.TemporaryDirectory() as name, compiled() as environ:
        commands = Commands(Path(name), environ)
        documents(commands.folder)
        commands.cost("run", "fan1.nika.yaml")  # which compiles the modules
        tell(
            [
                *(a_task(commands, shape, "--mock") for shape in ("fan", "chain")),
                *(a_task(commands, shape) for shape in ("fan", "chain")),
                *conversations(commands),
                absolute("nika validate, 500 files", commands.seconds("validate", "files"), 0.7),
                *outputs(commands),
                *different_outputs(commands),
                *history(commands),
                listed(commands),
            ]
        )


if __name__ == "__main__":
    main()
