"""1,000 shell commands at once: `python tests/benchmarks/bench_shells.py [--json]`. Ratios to `xargs -P 1000`.

Both are whole programs, start-up included, that start a shell for each command and collect what it writes: `nika run`
with a journal and NIKA_MAX_CONCURRENT=1000, and xargs with 1,000 processes. First commands that wait for a second, so
that all of them are there at once; then ones that end at once, which is about nothing but the cost of starting them
(told without a bound: hardly any of them run at the same time). They take turns; the best of some rounds counts.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from rows import Row, best_in_turns, compiled, duration, tell

COUNT = 1000
NIKA = Path(sys.executable).with_name("nika")
KINDS = {"1,000 shells that wait 1 s": ("sleep 1; echo {}", 1.5), "1,000 shells that end at once": ("echo {}", None)}


def seconds(argv: list[str], folder: Path, environ: dict[str, str]) -> float:
    """How long a program takes that has to succeed and to print a line for every command."""
    start = time.perf_counter()
    done = subprocess.run(argv, cwd=folder, env=environ, capture_output=True, text=True, check=False)
    took = time.perf_counter() - start
    if done.returncode:
        raise SystemExit(f"{argv[0]} failed: {done.stderr[-2000:]}")
    lines = done.stdout.count("\n")
    assert lines == (COUNT if argv[0] == "xargs" else 1), lines
    return took


def compare(measure: str, command: str, bound: float | None) -> Row:
    """Ours and xargs in turns."""
    with tempfile.TemporaryDirectory() as name, compiled() as environ:
        folder = Path(name)
        tasks = "".join(f"  - id: t{i}\n    shell: {command.format(i)}\n" for i in range(COUNT))
        (folder / "many.nika.yaml").write_text(f"tasks:\n{tasks}")
        (folder / "numbers").write_text("".join(f"{i}\n" for i in range(COUNT)))
        nika = [str(NIKA), "run", "many.nika.yaml"]
        xargs = ["xargs", "-a", "numbers", "-P", str(COUNT), "-I{}", "sh", "-c", command]
        many = environ | {"NIKA_MAX_CONCURRENT": str(COUNT)}
        works = {"ours": lambda: seconds(nika, folder, many), "xargs": lambda: seconds(xargs, folder, environ)}
        best = best_in_turns(works, most=40)
    ours, theirs = best["ours"], best["xargs"]
    return Row(measure, duration(ours), f"xargs -P: {duration(theirs)}", ours / theirs, bound)


if __name__ == "__main__":
    tell([compare(measure, *kind) for measure, kind in KINDS.items()])
