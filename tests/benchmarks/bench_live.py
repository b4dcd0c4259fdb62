"""What the live view costs a run: `python tests/benchmarks/bench_live.py [--json]`.

Runs of mocked `llm` tasks through the public interface, with their journal, without anybody who watches and with the
live view on a pseudo-terminal of 100 x 30 that another program reads. Processor time of all threads, the best of some
rounds in turns. Of a run of 1,000 tasks the cost is a part of what the whole command takes.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import gc
import os
import pty
import struct
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench_commands import AGENT, Commands, workflow
from rows import Row, best_in_turns, compiled, duration, tell

import nika_core as nika
from nika_core.cli import collect_rarely
from nika_core.cli.live_view import LiveView

MANY, FEW = 10_000, 1000
GOAL, SHARE = 0.05e-3, 0.05  # seconds a task, and the part of a whole run
LIMITS = ("NIKA_MAX_TOKENS_TOTAL", "NIKA_MAX_NODES", "NIKA_MAX_TASKS")


@contextlib.contextmanager
def terminal() -> Iterator[None]:
    """Make stderr a terminal that is read by another program."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 100, 0, 0))
    reader = subprocess.Popen(["cat"], stdin=ours, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    os.close(ours)
    before = sys.stderr
    try:
        with open(theirs, "w", encoding="utf-8") as sys.stderr:
            yield
    finally:
        sys.stderr = before
        reader.wait()


def seconds(count: int, *, watched: bool) -> float:
    """Processor time of one run."""
    with tempfile.TemporaryDirectory() as name, terminal():
        path = Path(name, "w.nika.yaml")
        workflow(path, "llm", count, head=AGENT)
        ready: Any = nika.prepare(path, mock=True)
        gc.collect()
        start = time.process_time()
        view = LiveView(ready.workflow, limits=ready.limits) if watched else None
        result = asyncio.run(nika.carry_out(nika.start(ready, on_event=[] if view is None else [view])))
        if view is not None:
            view.close()
        took = time.process_time() - start
    assert result.status is nika.RunStatus.SUCCEEDED, result
    return took


def cost(count: int) -> float:
    """Return what the view adds to a run, in seconds."""
    best = best_in_turns(
        {
            "alone": lambda: seconds(count, watched=False),
            "watched": lambda: seconds(count, watched=True),
        },
        still=3,
    )
    return max(0.0, best["watched"] - best["alone"])


def whole_run() -> float:
    """Return the processor time of `nika run` with 1,000 tasks, from its start to its end."""
    with tempfile.TemporaryDirectory() as name, compiled() as environ:
        commands = Commands(Path(name), environ)
        workflow(commands.folder / "w.nika.yaml", "llm", FEW, head=AGENT)
        commands.cost("run", "w.nika.yaml")  # which compiles the modules
        return commands.seconds("run", "w.nika.yaml")


def main() -> None:
    """Print the rows."""
    collect_rarely()  # as `nika run` does
    os.environ |= dict.fromkeys(LIMITS, "1000000000")
    few, each, run = cost(FEW), cost(MANY) / MANY, whole_run()
    tell(
        [
            Row(
                "the live view, 1,000 tasks",
                duration(few),
                f"nika run: {duration(run)}",
                few / run,
                SHARE,
                reported=True,
            ),
            Row(
                "the live view, 10,000 tasks: each",
                duration(each),
                f"goal: {duration(GOAL)}",
                each / GOAL,
                1.0,
                reported=True,
            ),
        ]
    )


if __name__ == "__main__":
    main()
