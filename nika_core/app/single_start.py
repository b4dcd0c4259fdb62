"""Runs that start only once (`--key`), or not beside another run of the same workflow (`--if-running`)."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from contextlib import ExitStack
from enum import StrEnum
from typing import Final

from nika_core import codes
from nika_core.app.own_runs import is_own
from nika_core.app.prepared_run import PreparedRun
from nika_core.app.run_info import run_info
from nika_core.engine.core.results_json import run_result_json, run_result_of
from nika_core.errors import RefusedError, UsageError
from nika_core.journal import Journal, Recorded, RunRecorder
from nika_core.journal.values import INTERRUPTED, RUNNING
from nika_core.model.state import RunResult
from nika_core.values import dataclass

_RESULT: Final = ("result", "")  # key and call under which a history has the result of a run with a key
_LONGEST: Final = 200  # characters of a key
_SAME: Final = ("provider", "model", "mock", "economy")  # options that a run with the same key must have


class IfRunning(StrEnum):
    """What becomes of a run if another one of the same workflow is under way."""

    SKIP = "skip"
    QUEUE = "queue"
    FAIL = "fail"


class AlreadyRunningError(RefusedError):
    """Another run of the workflow is under way, and this one did not start.

    Attributes:
        run_id: the other run.
        skipped: whether that is what was asked for (`skip`).
    """

    def __init__(self, run_id: str, *, skipped: bool) -> None:
        super().__init__(
            codes.RUN_IS_LIVE,
            f"run {run_id} of the same workflow is under way, and this one was not started",
            hint=f"look at it: nika runs watch {run_id}; or wait for it: --if-running queue",
        )
        self.run_id = run_id
        self.skipped = skipped
        if skipped:
            self.exit_code = 0


@dataclass(frozen=True, slots=True)
class WaitsFor:
    """The run that has to end before this one goes on; `message` says so."""

    run_id: str
    message: str


def require_usable_key(key: str) -> None:
    """Raise UsageError for a key that cannot be used."""
    if not key.strip() or len(key) > _LONGEST or not key.isprintable():
        raise UsageError(
            "--key takes 1 to 200 printable characters", hint="e.g. --key nightly-2026-11-27: what names this one run"
        )


def begin_once(
    prepared: PreparedRun, journal: Journal, begin: Callable[[], RunRecorder]
) -> RunRecorder | WaitsFor | RunResult:
    """Begin a run; or return the run that it waits for, or the result that there is already.

    Raises:
        AlreadyRunningError: it is not started beside another run of the workflow.
        JournalError: the history cannot be read or written.
        RefusedError: the run with the key was not recorded here by this user.
        UsageError: the key was used for a run of something else, or for one that was interrupted.
    """
    key, if_running = prepared.options.key, prepared.options.if_running
    path = str(prepared.workflow.path.absolute())
    with ExitStack() as held:
        if key is not None:
            held.enter_context(journal.alone(f"key-{_name(key)}"))
            earlier = journal.with_option("key", key)
            if earlier is not None:
                return _of_earlier(prepared, journal, key, earlier)
        if if_running is not None:
            held.enter_context(journal.alone(f"workflow-{_name(path)}"))
            other = next((run.id for run in journal.runs() if run.path == path and run.status == RUNNING), None)
            if other is not None and if_running is IfRunning.QUEUE:
                return WaitsFor(other, f"waiting for run {other} of the same workflow to end")
            if other is not None:
                raise AlreadyRunningError(other, skipped=if_running is IfRunning.SKIP)
        return begin()


def _of_earlier(prepared: PreparedRun, journal: Journal, key: str, run_id: str) -> WaitsFor | RunResult:
    recorded = journal.load(run_id)
    if not is_own(recorded.info, journal, recorded.run.id):
        raise RefusedError(
            codes.UNTRUSTED_HISTORY,
            f"the key {key!r} is that of run {run_id}, which was not recorded here by you",
            hint=f"look at it: nika runs show {run_id}; or use another key",
        )
    if different := _different(prepared, recorded):
        raise UsageError(
            f"the key {key!r} is that of run {run_id}, and this is another run: {different} differs",
            hint="a key names one run: use another one, or leave it out",
        )
    if recorded.run.status == RUNNING:
        return WaitsFor(run_id, f"run {run_id} with this key is under way: waiting for its result")
    if recorded.run.status == INTERRUPTED:
        raise UsageError(
            f"run {run_id} with the key {key!r} was interrupted",
            code=codes.NOT_RESUMABLE,
            hint=f"go on with it: nika resume {run_id}",
        )
    result = recorded.memo.get(_RESULT)
    if not isinstance(result, dict):
        raise UsageError(
            f"run {run_id} with the key {key!r} has ended ({recorded.run.status}), and its result is not in history: "
            "it held a secret, or could not be written",
            hint=f"nika runs show {run_id}",
        )
    return run_result_of(result)


def stored_result(journal: Journal, run: str) -> RunResult | None:
    """Return the result of a run that was started with a key and has ended; None: history has none.

    Raises JournalError.
    """
    result = journal.load(run).memo.get(_RESULT)
    return run_result_of(result) if isinstance(result, dict) else None


def _different(prepared: PreparedRun, recorded: Recorded) -> str:
    """Return in what a run differs from the recorded one with the same key, or ""."""
    info, then = run_info(prepared), recorded.info
    if os.path.realpath(info.path) != os.path.realpath(then.path):
        return "the workflow"
    for name in dict.fromkeys([*info.inputs, *then.inputs]):
        if name not in info.inputs or name not in then.inputs or info.inputs[name] != then.inputs[name]:
            return f"the input '{name}'"
    return next((f"the option {name}" for name in _SAME if info.options.get(name) != then.options.get(name)), "")


def keep_result(log: RunRecorder, result: RunResult) -> None:
    """Keep how a run with a key has ended, for another call with the same key."""
    log.put(*_RESULT, run_result_json(result))


def _name(text: str) -> str:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def refuse_without_history(key: str | None, if_running: IfRunning | None) -> None:
    """Raise UsageError: what these options say is in the history, and there is none."""
    option = "--key" if key is not None else "--if-running" if if_running is not None else ""
    if option:
        raise UsageError(f"{option} needs the history of runs, and this run has none", hint="leave out --no-journal")
