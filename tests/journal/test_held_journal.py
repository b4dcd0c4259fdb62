"""Ctrl-C ends a wait for what another process holds, at once: a real process, a real lock, a real signal."""

from __future__ import annotations

import fcntl
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from nika_core.app.rate_governor import RateGovernor
from nika_core.journal import Journal, RunInfo
from nika_core.journal.patience import Patience
from nika_core.model.clock import SystemClock

# The command line, which says on stderr when it begins to wait.
NIKA = """
import sys
from nika_core.journal.patience import Patience
tries = Patience.tries
def telling(self):
    for number, each in enumerate(tries(self)):
        if number == 1:
            print("WAITS", file=sys.stderr, flush=True)
        yield each
Patience.tries = telling
from nika_core.cli.program import main
main()
"""


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Hold a database against everybody, readers too."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA locking_mode=EXCLUSIVE")
    connection.execute("BEGIN EXCLUSIVE")
    try:
        yield
    finally:
        connection.close()


@contextmanager
def held_file(path: Path) -> Iterator[None]:
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "w.nika.yaml").write_text("tasks: [{id: a, shell: echo hi}]\n")
    with Journal.open(tmp_path) as journal:
        journal.begin(RunInfo("w", str(tmp_path / "w.nika.yaml"), "tasks: [{id: a, shell: echo hi}]")).release()
    return tmp_path


@pytest.mark.parametrize(
    ("command", "name"),
    [
        ("run w.nika.yaml", "journal.db"),
        ("runs list", "journal.db"),
        ("resume last --trust-history", "locks/blobs.lock"),
    ],
)
def test_ctrl_c_ends_the_wait_for_a_lock_at_once(folder: Path, command: str, name: str) -> None:
    lock = held if name.endswith(".db") else held_file
    with lock(folder / ".nika" / name):
        process = subprocess.Popen(
            [sys.executable, "-c", NIKA, *command.split()], cwd=folder, stderr=subprocess.PIPE, text=True
        )
        assert process.stderr is not None
        assert any("WAITS" in line for line in iter(process.stderr.readline, ""))
        began = os.times().elapsed
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
        took = os.times().elapsed - began
    assert process.returncode == 130, errors
    assert "Traceback" not in errors
    assert took < 8, errors  # the whole wait is 10 s; it ends in well under one


def test_a_lock_of_the_system_that_is_never_let_go_is_an_error_and_not_a_wait_for_ever(folder: Path) -> None:
    journal = Journal(folder, Patience(0.01))
    with held_file(folder / ".nika" / "locks" / "journal.lock"), ExitStack() as stack:
        error = stack.enter_context(pytest.raises(Exception, match="held it for too long"))
        journal.begin(RunInfo("w", "w.nika.yaml", ""))
    assert error.value.hint


def test_whoever_hurries_ends_a_wait_that_another_thread_is_in(folder: Path) -> None:
    patience = Patience(3600)
    tries = patience.tries()
    next(tries)
    next(tries)
    patience.hurry()
    began = time.monotonic()
    assert sum(1 for _ in tries) > 0
    assert time.monotonic() - began < 600


async def test_the_end_of_a_run_waits_only_briefly_for_the_rates_of_all_runs(tmp_path: Path) -> None:
    governor = RateGovernor(tmp_path / "rates.db", "one", {}, SystemClock(), lambda _: None)
    governor._patience = Patience(3600)
    sqlite3.connect(tmp_path / "rates.db").close()
    with held(tmp_path / "rates.db"):
        governor._tell(lambda store: store.leave("one"))
        await governor.close()
    governor._thread.shutdown()
