"""A line of the benchmarks' table, and how the lines are printed."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
_HEADINGS = ("measure", "ours", "the other", "ratio", "bound", "")


@dataclass(frozen=True, slots=True)
class Row:
    """One comparison.

    Attributes:
        ours, other: what was measured, for people.
        ratio: ours / other, or other / ours where the bound is a least one.
        bound: what the ratio may be at most (`at_least`: at least); None: told without a bound.
        beyond: the other was stopped before its end, so that the true ratio is larger than this one.
        reported: the bound is a figure of one machine, that of docs/performance.md: exceeding it fails nothing.
    """

    measure: str
    ours: str
    other: str
    ratio: float
    bound: float | None = None
    at_least: bool = False
    beyond: bool = False
    reported: bool = False

    @property
    def fails(self) -> bool:
        """Whether a bound is exceeded that holds on every machine."""
        return self.holds is False and not self.reported

    @property
    def holds(self) -> bool | None:
        """None where there is no bound."""
        if self.bound is None:
            return None
        return self.ratio >= self.bound if self.at_least else self.ratio <= self.bound

    def cells(self) -> tuple[str, ...]:
        """As the table shows them."""
        digits = 2 if self.ratio < 10 else 0
        bound = "" if self.bound is None else f"{'>=' if self.at_least else '<='} {self.bound:g}"
        exceeded = "over, here" if self.reported else "DOES NOT HOLD"
        verdict = {True: "holds", False: exceeded, None: ""}[self.holds]
        return (self.measure, self.ours, self.other, f"{'> ' * self.beyond}{self.ratio:.{digits}f}", bound, verdict)


def table(rows: Iterable[Row]) -> str:
    """Markdown, aligned so that it can be read as it is."""
    lines = [_HEADINGS, *(row.cells() for row in rows)]
    widths = [max(len(line[place]) for line in lines) for place in range(len(_HEADINGS))]
    rule = tuple("-" * (width - 1) + (":" if 1 <= place <= 4 else "-") for place, width in enumerate(widths))
    shown = [lines[0], rule, *lines[1:]]
    return "\n".join(
        "| "
        + " | ".join(
            cell.rjust(width) if 1 <= place <= 4 else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        + " |"
        for line in shown
    )


def machine() -> str:
    """Return what these figures were measured on."""
    load = ", ".join(f"{each:.1f}" for each in os.getloadavg())
    python = f"{platform.python_implementation()} {platform.python_version()}"
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{platform.system()} {platform.machine()}, {cores} cores, {python}, load {load}"


def tell(rows: Sequence[Row]) -> None:
    """What every benchmark with rows ends in: `--json` for the whole table, else a table of its own."""
    if "--json" in sys.argv:
        print(json.dumps({"rows": [asdict(row) for row in rows]}))
    else:
        print(table(rows))


def figures_of(script: str, *arguments: str) -> Any:
    """What one of the benchmarks prints with `--json`; in a process of its own."""
    done = subprocess.run(
        [sys.executable, str(HERE / script), *arguments, "--json"], stdout=subprocess.PIPE, text=True, check=False
    )
    if not done.stdout.strip():
        raise SystemExit(f"{script} ended with exit code {done.returncode} and said nothing")
    return json.loads(done.stdout)


@contextmanager
def compiled() -> Iterator[dict[str, str]]:
    """An environment for programs in which Python keeps what it has compiled, as it does where it is installed.

    In a folder of its own, whatever the shell says: without this both sides would compile their sources each time.
    """
    with tempfile.TemporaryDirectory() as folder:
        kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        yield kept | {"PYTHONPYCACHEPREFIX": folder}


def best_in_turns(
    works: Mapping[str, Callable[[], float]], *, least: int = 5, still: int = 6, most: float = 20.0
) -> dict[str, float]:
    """The least seconds that each was measured to take; they take turns, so that a busy machine slows all of them.

    Until nobody has become faster by a hundredth for `still` rounds, at least `least` rounds, for about `most` seconds.
    """
    best = dict.fromkeys(works, float("inf"))
    begun, rounds, since = time.monotonic(), 0, 0
    while rounds < least or (since < still and time.monotonic() - begun < most):
        rounds += 1
        since += 1
        for name, work in works.items():
            took = work()
            if took < 0.99 * best[name]:
                since = 0
            best[name] = min(best[name], took)
    return best


def duration(seconds: float) -> str:
    """With a unit in which it has two or three digits."""
    if seconds < 1e-3:
        return f"{seconds * 1e6:.1f} us"
    return f"{seconds * 1e3:.0f} ms" if seconds < 1 else f"{seconds:.2f} s"
