"""Runs that start only once (`--key`), or not beside another run of the same workflow (`--if-running`)."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from nika_core import codes
from nika_core.app.answering import questions_of
from nika_core.app.own_runs import is_own
from nika_core.app.prepared_run import PreparedRun
from nika_core.app.run_info import run_info
from nika_core.document import check_inputs
from nika_core.engine.core.results_json import run_result_json, run_result_of
from nika_core.errors import RefusedError, UsageError
from nika_core.journal import Journal, Recorded, RunInfo, RunRecorder
from nika_core.journal.values import INTERRUPTED, RUNNING
from nika_core.model.json import Json
from nika_core.model.state import RunResult, RunStatus
from nika_core.values import dataclass, replace

if TYPE_CHECKING:
    from nika_core.journal.queue import QueuePlace

_RESULT: Final = ("result", "")  # key and call under which a history has the result of a run with a key
_LONGEST: Final = 200  # characters of a key
_LOOK_SECONDS: Final = 0.5  # between two looks at what a run waits for
_SAME: Final = ("provider", "model", "mock", "economy", "answers")  # options that a run with the same key must have


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
class RunOfKey:
    """The result of the run that was started with the same key; `notes` say so, and what has changed since."""

    result: RunResult
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _WaitsFor:
    """What has to end before this run begins; `hint` says how to look at it."""

    message: str
    hint: str


def require_usable_key(key: str) -> None:
    """Raise UsageError for a key that cannot be used."""
    if not isinstance(key, str) or not key.strip() or len(key) > _LONGEST or not key.isprintable():
        raise UsageError(
            "--key takes 1 to 200 printable characters", hint="e.g. --key nightly-2026-11-27: what names this one run"
        )


async def begin_once(
    prepared: PreparedRun,
    journal: Journal | None,
    begin: Callable[[], RunRecorder],
    *,
    tell: Callable[[str], None] | None,
    is_cancelled: Callable[[], bool],
) -> RunRecorder | RunOfKey:
    """Begin a run when its turn has come; or return the result that its key has already.

    Args:
        begin: begins a new run.
        tell: called once, with what the run waits for.
        is_cancelled: whether to wait no longer.

    Raises:
        AlreadyRunningError: it is not started beside another run of the workflow.
        JournalError: the history cannot be read or written.
        RefusedError: the run with the key was not recorded here by this user, or the wait was cancelled.
        UsageError: the key was used for a run of something else, or for one that was interrupted; or the run has no
            history.
    """
    if journal is None:
        raise UsageError(
            f"{'--if-running' if prepared.options.key is None else '--key'} needs the history of runs, "
            "and this run has none",
            hint="leave out --no-journal; a workflow that is passed as text has none: write it to a file",
        )
    queue = journal.queue(_of_workflow(prepared))
    told = False
    try:
        while True:
            begun = await asyncio.to_thread(_begin, prepared, journal, begin, queue)
            if not isinstance(begun, _WaitsFor):
                return begun
            if is_cancelled():
                raise RefusedError(codes.RUN_IS_LIVE, f"not started: {begun.message}", hint=begun.hint)
            if not told and tell is not None:
                tell(begun.message)
            told = True
            await asyncio.sleep(_LOOK_SECONDS)
    finally:
        queue.leave()


def _begin(
    prepared: PreparedRun, journal: Journal, begin: Callable[[], RunRecorder], queue: QueuePlace
) -> RunRecorder | RunOfKey | _WaitsFor:
    key, if_running = prepared.options.key, prepared.options.if_running
    with ExitStack() as held:
        if key is not None:
            held.enter_context(journal.alone(f"key-{_name(key)}"))
            earlier = journal.with_option("key", key)
            if earlier is not None:
                return _of_earlier(prepared, journal, key, earlier)
        if if_running is not None:
            held.enter_context(journal.alone(_of_workflow(prepared)))
            path = os.path.realpath(prepared.workflow.path)
            other = next((run.id for run in journal.running() if os.path.realpath(run.path) == path), None)
            if if_running is IfRunning.QUEUE:
                ahead = queue.ahead()
                if ahead or other is not None:
                    return _in_queue(ahead, other)
            elif other is not None:
                raise AlreadyRunningError(other, skipped=if_running is IfRunning.SKIP)
        return begin()


def _in_queue(ahead: int, other: str | None) -> _WaitsFor:
    before = f"{ahead} other{'s' if ahead > 1 else ''} that came before"
    if other is None:
        return _WaitsFor(f"waiting for {before}", "nika runs list")
    after = f", and for {before}" if ahead else ""
    return _WaitsFor(f"waiting for run {other} of the same workflow to end{after}", f"nika runs watch {other}")


def _of_earlier(prepared: PreparedRun, journal: Journal, key: str, run_id: str) -> _WaitsFor | RunOfKey:
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
        return _WaitsFor(
            f"run {run_id} with this key is under way: waiting for its result", f"nika runs watch {run_id}"
        )
    if recorded.run.status == INTERRUPTED:
        raise UsageError(
            f"run {run_id} with the key {key!r} was interrupted",
            code=codes.NOT_RESUMABLE,
            hint=f"go on with it: nika resume {run_id}",
        )
    result = _kept(recorded, journal)
    if result is None:
        raise UsageError(
            f"run {run_id} with the key {key!r} has ended ({recorded.run.status}), and its result is not in history: "
            "it held a secret, or could not be written",
            hint=f"nika runs show {run_id}",
        )
    return RunOfKey(result, tuple(_notes(prepared, recorded)))


def _notes(prepared: PreparedRun, recorded: Recorded) -> Iterator[str]:
    run_id = recorded.run.id
    yield f"this is the result of run {run_id}, which was started with the key"
    if run_info(prepared).document != recorded.info.document:
        yield f"the workflow has changed since run {run_id}: to run what has changed: nika resume {run_id}"


def stored_result(journal: Journal, run: str) -> RunResult | None:
    """Return the result of a run that was started with a key and has ended; None: history has none.

    Raises JournalError.
    """
    return _kept(journal.load(run), journal)


def _kept(recorded: Recorded, journal: Journal) -> RunResult | None:
    """Return the result that history has of a run with a key, with the questions that are open now."""
    kept = recorded.memo.get(_RESULT)
    if not isinstance(kept, dict):
        return None
    result = run_result_of(kept)
    return replace(result, questions=questions_of(recorded, journal)) if result.status is RunStatus.PAUSED else result


def _different(prepared: PreparedRun, recorded: Recorded) -> str:
    """Return in what a run differs from the recorded one with the same key, or ""."""
    info, then = run_info(prepared), recorded.info
    if os.path.realpath(info.path) != os.path.realpath(then.path):
        return "the workflow"
    now_read, then_read = _inputs_read(prepared, info), _inputs_read(prepared, then)
    for name in dict.fromkeys([*now_read, *then_read]):
        if name not in now_read or name not in then_read or now_read[name] != then_read[name]:
            return f"the input '{name}'"
    for name in _resealed(info, then, "inputs"):
        return f"the input '{name}', a secret,"
    if _only(info) != _only(then):
        return "the option only"
    different = {name for name in _SAME if info.options.get(name) != then.options.get(name)}
    different.update(_resealed(info, then, "options"))
    return next((f"the option {name}" for name in _SAME if name in different), "")


def _resealed(info: RunInfo, then: RunInfo, what: str) -> list[str]:
    """Return the names of secrets that are not known to be the same in both."""
    now_sealed, then_sealed = (each.options.get("sealed", {}).get(what, {}) for each in (info, then))
    names = dict.fromkeys([*now_sealed, *then_sealed])
    return [name for name in names if now_sealed.get(name) is None or now_sealed[name] != then_sealed.get(name)]


def _inputs_read(prepared: PreparedRun, info: RunInfo) -> Mapping[str, Json]:
    """Return what a run was given as the workflow reads it: typed, with defaults; secrets stay masked.

    What it cannot read (it has changed since, or the value is masked) is compared as it was written.
    """
    read, _ = check_inputs(prepared.workflow, info.inputs, prepared.workspace.limits)
    withheld = info.options.get("withheld", ())
    return {**info.inputs, **{name: value for name, value in read.items() if name not in withheld}}


def _only(info: RunInfo) -> Json:
    only = info.options.get("only")
    return only.get("task") if isinstance(only, dict) else None


def keep_result(log: RunRecorder, result: RunResult) -> None:
    """Keep how a run with a key has ended, for another call with the same key."""
    log.put(*_RESULT, run_result_json(result))


def _name(text: str) -> str:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def _of_workflow(prepared: PreparedRun) -> str:
    """Return the name that all runs of a workflow share, also those that reach its file through a link."""
    return f"workflow-{_name(os.path.realpath(prepared.workflow.path))}"
