"""How often a run goes from one file to another: `python tests/benchmarks/moves.py [--pairs] [--functions]`.

Counts, with `sys.setprofile` in every thread, the calls whose caller stands in another file of `nika_core` or of a
plugin than the function that is called, during a warm `nika run` of a workflow with one `llm` task that the provider
`mock` answers. Warm: it is the third run in the same process, so nothing is imported or described for the first time.

`run` is the whole command, from the call of `main` to its exit. `task` is what one more such task adds to it: a tenth
of the difference between runs with eleven tasks and with one. `--pairs` lists which file calls which, `--functions`
which function is called from another file, both for the task's share and most frequent first.
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
import tempfile
import threading
from collections import Counter
from opcode import opmap
from pathlib import Path
from types import FrameType
from typing import Any

TASK = '  - {{id: ask{number}, llm: {{prompt: "One word about {number}."}}}}\n'
HEAD = "name: moves\nagent: {provider: mock, model: mock-small}\ntasks:\n"
MORE = 10  # tasks, beside the one
WARM = 2  # runs before the one that is counted
SOURCES = ("/nika_core/", "/plugins/")
VALUES = "/nika_core/values.py"
RESUME = opmap["RESUME"]
Move = tuple[str, str, str]  # caller's file, called file, called function


def source(path: str) -> str:
    """The part of a file's path after the repository's root; empty for a file that is none of ours.

    What `nika_core.values` adds to a class stands for what Python compiles into it, which has no file.
    """
    if path.endswith(VALUES):
        return ""
    for folder in SOURCES:
        if folder in path and "site-packages" not in path:
            return path[path.rindex(folder) + 1 :]
    return ""


def moves(command: list[str]) -> Counter[Move]:
    """What `nika` with these arguments calls from one file of ours in another."""
    from nika_core.cli import main

    found: Counter[Move] = Counter()
    names: dict[str, str] = {}

    def watch(frame: FrameType, event: str, _: Any) -> None:
        caller = frame.f_back
        if event != "call" or caller is None:
            return
        code, calling = frame.f_code, caller.f_code.co_filename
        instruction = code.co_code[frame.f_lasti : frame.f_lasti + 2]
        if instruction[0] == RESUME and instruction[1] & 3:  # a coroutine or generator that goes on
            return
        called = code.co_filename
        for path in (calling, called):
            if path not in names:
                names[path] = source(path)
        if calling != called and names[calling] and names[called]:
            found[names[calling], names[called], code.co_qualname] += 1

    sys.argv = ["nika", *command]
    threading.setprofile(watch)
    sys.setprofile(watch)
    try:
        main()
    except SystemExit as ended:
        if ended.code:
            raise RuntimeError(f"{command} ended with {ended.code}") from ended
    finally:
        sys.setprofile(None)
        threading.setprofile(None)  # type: ignore[arg-type]  # as documented: None ends it
    return found


def counted(folder: Path, tasks: int) -> Counter[Move]:
    """The moves of a warm run of so many tasks."""
    path = folder / f"moves{tasks}.nika.yaml"
    path.write_text(HEAD + "".join(TASK.format(number=number) for number in range(tasks)))
    told: Counter[Move] = Counter()
    for _ in range(WARM + 1):
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            told = moves(["run", str(path)])
    return told


def main() -> None:
    """Prints the counts."""
    options = set(sys.argv[1:])
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.chdir(folder)
        one, many = counted(folder, 1), counted(folder, 1 + MORE)
    more = Counter({move: round((count - one[move]) / MORE, 1) for move, count in many.items()})
    print(f"run: {one.total()} moves   task: {more.total():.0f} moves")
    for option, key in (("--pairs", lambda move: move[:2]), ("--functions", lambda move: move[1:])):
        if option in options:
            shown: Counter[tuple[str, ...]] = Counter()
            for move, count in (one if "--run" in options else more).items():
                shown[key(move)] += count
            for what, count in shown.most_common():
                if count >= 1:
                    print(f"{count:7.1f}  {'  ->  '.join(what)}")


if __name__ == "__main__":
    main()
