"""`python -m tests.fuzz [TARGET] [--seconds N] [--case N]`: without `--seconds` until it is stopped."""

from __future__ import annotations

import argparse
import faulthandler
import sys
import tempfile
from pathlib import Path

from tests.fuzz.runner import Runner, fuzz, random_begin
from tests.fuzz.targets import TARGETS


def _main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("target", nargs="*", choices=[*TARGETS, []], help="what to fuzz; default: all, in turn")
    parser.add_argument("--seconds", type=float, help="of CPU, for each target; default: until it is stopped")
    parser.add_argument("--begin", type=int, help="the number of the first case; default: a random one")
    parser.add_argument("--case", type=int, help="run this one case")
    arguments = parser.parse_args()
    names = arguments.target or list(TARGETS)
    faulthandler.enable()
    with tempfile.TemporaryDirectory(prefix="nika-fuzz-", ignore_cleanup_errors=True) as base:
        runner = Runner(Path(base).resolve())
        if arguments.case is not None:
            return max(int(fuzz(runner, name, arguments.case, 1e-9, False) is not None) for name in names)
        faults = 0
        while True:
            for name in names:
                begin = random_begin() if arguments.begin is None else arguments.begin
                seconds = arguments.seconds or (None if len(names) == 1 else 60.0)
                faults += fuzz(runner, name, begin, seconds, arguments.seconds is None) is not None
            if arguments.seconds or faults:
                return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(_main())
