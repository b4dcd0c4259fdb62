"""Each fuzzer for a moment, always with the same cases: `make fuzz` looks for new ones."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.fuzz.targets import TARGETS


def test_nothing_that_is_read_breaks_a_rule() -> None:
    """In one process of its own: it audits what is opened, which nothing can end."""
    command = [sys.executable, "-m", "tests.fuzz", "--seconds", "0.4", "--begin", "0"]
    root = Path(__file__).parents[2]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr.count("no fault") == len(TARGETS)
