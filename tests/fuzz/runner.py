"""Runs cases in this process, and says what a case broke: it is for processes that end soon, as `Audit` is.

The rules: no traceback and no internal error; an end within seconds of CPU; every place is inside its file; nothing
outside the folder is opened, nothing is connected to, and no process is started.
"""

from __future__ import annotations

import contextlib
import io
import os
import random
import re
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from nika_core import codes
from nika_core.cli import main
from nika_core.journal import Journal, RecordedSignal, RunInfo
from nika_core.model.events import Event, EventKind
from nika_core.testing.audit import Audit
from tests.fuzz import seeds
from tests.fuzz.targets import FILE, TARGETS, Target

CPU_SECONDS: Final = 8.0  # for one case: more than what validation may take by itself
_EXIT_CODES: Final = {0, 1, 2, 3, 4}
_FAULTS: Final = re.compile(rf"Traceback \(most recent|{codes.INTERNAL}|{codes.PLUGIN_BROKEN}|Fatal Python error")
_PLACE: Final = re.compile(r"^(?:\s*--> )?(?P<path>[^\s:][^:\n]*):(?P<line>\d+):(?P<column>\d+)(?:$|: )", re.MULTILINE)
_RUNNING: Final = "tasks: [{id: a, set: 1}, {id: i, ask: {message: go, form: {t: {type: string, enum: [p, q]}}}}]\n"
_BESIDE: Final = ("os.", "shutil.", "sqlite3.", "signal.", "tempfile.")  # what Nika does to its own files
_STARTS: Final = tuple(f"it does os.{name}" for name in ("system", "exec", "posix_spawn", "spawn", "fork"))


class TooLongError(BaseException):
    """A case has taken too much time; nothing catches it but the runner."""


class Runner:
    """Runs cases in a folder of its own below `base`."""

    def __init__(self, base: Path) -> None:
        self._home, self._work, self._history = base / "home", base / "work", base / "history"
        sys.dont_write_bytecode = True  # nothing is to be written elsewhere
        self._home.mkdir()
        self._history.mkdir()
        os.environ |= {"HOME": str(self._home), "XDG_DATA_HOME": str(self._home), "XDG_STATE_HOME": str(self._home)}
        os.environ |= {"NO_COLOR": "1"}
        self._record_runs()
        self._audit = Audit(base)
        signal.signal(signal.SIGPROF, _too_long)

    def fault(self, target: Target, data: bytes, command: list[str]) -> str | None:
        """Return what a case broke; None: nothing."""
        self._reset(target)
        with contextlib.suppress(OSError):
            target.prepare(self._work, data)
        self._audit.seen.clear()
        signal.setitimer(signal.ITIMER_PROF, CPU_SECONDS)
        try:
            with _environ(target.environ), self._audit.armed():
                code, said = _called(command)
        except TooLongError:
            return f"it took more than {CPU_SECONDS:.0f} s of CPU"
        except Exception as error:
            return f"it raised {type(error).__name__}: {error}"
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
        if found := _FAULTS.search(said):
            return f"it said {found[0]}:\n{said[-2000:]}"
        if code not in _EXIT_CODES:
            return f"it ended with {code}:\n{said[-2000:]}"
        done = [each for each in self._audit.seen if not self._is_its_own(each)]
        if done and not {"resume", "rm"} & {
            *command
        }:  # a workflow may be anywhere, and what a run has left is looked for
            return f"it reached outside: {done}"
        return self._wrong_place(said)

    def _reset(self, target: Target) -> None:
        os.chdir(self._home)
        shutil.rmtree(self._work, ignore_errors=True)
        self._work.mkdir()
        os.chdir(self._work)
        (self._work / FILE).write_bytes(seeds.WORKFLOW)
        (self._work / "t.py").write_bytes(seeds.FUNCTIONS[0])
        (self._work / ".git").mkdir()  # nothing above is looked at
        if target is TARGETS["journal"]:
            (self._work / FILE).write_text(_RUNNING)
            shutil.copytree(self._history / ".nika", self._work / ".nika")

    def _record_runs(self) -> None:
        """Make the history that is damaged: in it a run asks, one failed, and one was interrupted."""
        journal = Journal.open(self._history)
        info = RunInfo("w", str(self._work / FILE), _RUNNING, {"x": [1]}, {"mock": True}, started=1.7e9)
        about = {"kind": "question", "message": "go", "form": {"t": {"type": "string", "enum": ["p", "q"]}}}
        usage = {"inputTokens": 3, "outputTokens": 4, "costUsd": "0.1", "models": ["m"], "unpriced": ["x"]}
        for run in ("first", "second", "third"):
            log = journal.begin(info, run)
            told: list[tuple[EventKind, str | None, dict[str, Any]]] = [
                (EventKind.RUN_STARTED, None, {"workflow": "w", "tasks": 2}),
                (EventKind.TASK_STARTED, "a", {"attempt": 1, "keyword": "set"}),
                (EventKind.TASK_SUCCEEDED, "a", {"output": 1, "usage": usage, "hash": "x", "durationMs": 3}),
                (EventKind.TASK_STARTED, "i", {"attempt": 1, "keyword": "ask"}),
                (EventKind.TASK_WAITING, "i", {"key": "k" * 12, "about": about, "identity": "i", "deadline": 9e9}),
            ]
            if run == "first":
                failure = {"code": "NIKA-081", "category": "network", "message": "no"}
                told[-1] = (EventKind.TASK_FAILED, "i", {"error": failure, "attempts": 1})
                told.append((EventKind.RUN_FINISHED, None, {"status": "failed", "usage": usage}))
            log.record([Event(n, run, 1.7e9 + n, kind, task, data) for n, (kind, task, data) in enumerate(told, 1)])
            log.put(f"{run}/a#1", "call", {"text": "x", "usage": usage})
            log.release()
            journal.add_signal(run, RecordedSignal("i", "k" * 12, {"t": "p"}, "ada@host, x", 1.7e9))
        journal.close()

    def _is_its_own(self, done: str) -> bool:
        """Return whether something that was done is what the command line does to itself or to its own files."""
        if done.startswith(("it writes ", "it reads ")):
            return done.split(" ", 2)[2].startswith((f"{self._home}{os.sep}", f"{self._work / '.nika'}{os.sep}"))
        return done.removeprefix("it does ").startswith(_BESIDE) and not done.startswith(_STARTS)

    def _wrong_place(self, said: str) -> str | None:
        for found in _PLACE.finditer(said):
            path = self._work / found["path"]
            with contextlib.suppress(OSError, ValueError):
                if not path.is_file():
                    continue
                text = path.read_bytes().decode("utf-8-sig", "replace")
                lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
                line, column = int(found["line"]), int(found["column"])
                if not 1 <= line <= len(lines) or not 1 <= column <= len(lines[line - 1]) + 1:
                    return f"a place is outside its file: {found[0]}"
        return None


def _too_long(*_: object) -> None:
    raise TooLongError


@contextlib.contextmanager
def _environ(more: dict[str, str]) -> Iterator[None]:
    os.environ |= more
    try:
        yield
    finally:
        for name in more:
            del os.environ[name]


def _called(command: list[str]) -> tuple[int, str]:
    """Call the command line; return its exit code and what it printed."""
    said, arguments = io.StringIO(), sys.argv
    sys.argv = ["nika", *command]
    try:
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            main()
        code: object = 0
    except SystemExit as ended:
        code = 0 if ended.code is None else ended.code
    finally:
        sys.argv = arguments
    return code if isinstance(code, int) else -1, said.getvalue()


def fuzz(runner: Runner, name: str, begin: int, seconds: float | None, show: bool) -> int | None:
    """Run the cases of a target, from one number on; return the number of the first one that broke a rule.

    Args:
        seconds: of CPU, after which no further case begins; None: until the process is stopped.
    """
    target, number, until = TARGETS[name], begin, time.process_time() + (seconds or 0)
    while number == begin or seconds is None or time.process_time() < until:
        data, command = target.case(number)
        fault = runner.fault(target, data, command)
        if fault is not None:
            print(f"{name}: {fault}\n  command: nika {' '.join(map(ascii, command))}\n  input: {data[:3000]!r}")
            print(f"  to repeat it: python -m tests.fuzz {name!r} --case {number}", flush=True)
            return number
        number += 1
        if show and (number - begin) % 500 == 0:
            print(f"{name}: {number - begin} cases", file=sys.stderr, flush=True)
    print(f"{name}: {number - begin} cases, no fault", file=sys.stderr)
    return None


def random_begin() -> int:
    """Return a number from which nobody has begun yet."""
    return random.SystemRandom().randrange(10**12)
