"""Resuming a run: what it was started with, and which of its tasks may be reused."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from nika_core import codes
from nika_core.app.own_runs import is_own
from nika_core.app.run_options import RunOptions
from nika_core.app.trust import VARIABLE
from nika_core.errors import JournalError, RefusedError, UsageError
from nika_core.journal import Journal, Recorded
from nika_core.model.events import Event
from nika_core.model.files import FileError, open_file
from nika_core.model.ids import NodeId, node_id_of, parent_id, top_task
from nika_core.model.workflow import Workflow
from nika_core.values import dataclass, replace

if TYPE_CHECKING:
    from nika_core.app.only_task import OnlyTask

_NAMED: Final = 10  # items of a list that a hint names


@dataclass(frozen=True, slots=True)
class ResumedRun:
    """A recorded run that is to be resumed.

    Attributes:
        options: those that it was started with, some replaced.
        path: the workflow's file.
        rerun_from: run this node (a task, or e.g. `review[3]`) and all that depends on it again.
    """

    journal: Journal
    recorded: Recorded
    options: RunOptions
    path: Path
    rerun_from: NodeId | None = None


def open_run(
    journal: Journal,
    run: str,
    *,
    inputs: Mapping[str, Any] | None = None,
    timeout: float | None = None,
    rerun_from: str | None = None,
    workflow: Path | None = None,
    trusted: bool = False,
    record: Path | None = None,
) -> ResumedRun:
    """Return a recorded run to resume.

    Args:
        run: its id, or a unique beginning of it.
        inputs, timeout, workflow: in place of the recorded ones.
        trusted: whether the user trusts the history, even if somebody else wrote it.
        record: the folder in which what runs now is recorded.

    Raises:
        JournalError: there is no such run, or its workflow is gone.
        RefusedError: somebody else has written the run, as far as is known, and the user does not say to trust it; or
            its workflow lies elsewhere, and the user does not name it.
        UsageError: an input held a secret, which the history does not keep, and is not given again; or `rerun_from` is
            not the id of a task, an item or a round.
    """
    recorded = journal.load(run, lazy=True)
    _refuse_another_s(journal, recorded, workflow, trusted=trusted)  # before it can ask for an input that is a secret
    with journal.damage_told(recorded.run.id):
        options = replace(recorded_options_of(recorded, inputs or {}, timeout), record=record)
    path = _workflow_path(recorded) if workflow is None else workflow.absolute()
    return ResumedRun(journal, recorded, options, path, node_of(rerun_from))


def recorded_options_of(recorded: Recorded, given: Mapping[str, Any], timeout: float | None) -> RunOptions:
    """Return what a run was started with. Raise UsageError if history does not have an input, which held a secret.

    Args:
        given, timeout: in place of the recorded inputs and timeout.
    """
    recorded_options = recorded.info.options
    inputs = {**recorded.info.inputs, **given}
    missing = [name for name in recorded_options.get("withheld", ()) if name not in given]
    if missing:
        raise UsageError(
            f"the input '{missing[0]}' held a secret, which the run's history does not keep",
            code=codes.NOT_RESUMABLE,
            hint=f"give it again: nika resume {recorded.run.id} -i {missing[0]}=…",
        )
    return RunOptions(
        inputs=inputs,
        provider=recorded_options.get("provider"),
        model=recorded_options.get("model"),
        max_concurrent=recorded_options.get("maxConcurrent"),
        timeout=recorded_options.get("timeout") if timeout is None else timeout,
        fail_fast=bool(recorded_options.get("failFast")),
        mock=bool(recorded_options.get("mock")),
        economy=bool(recorded_options.get("economy")),
        answers=recorded_options.get("answers"),
        key=recorded_options.get("key"),
        only=_only(recorded),
        no_cache=bool(recorded_options.get("noCache")),
        refresh=bool(recorded_options.get("refresh")),
    )


def _only(recorded: Recorded) -> OnlyTask | None:
    if "only" not in recorded.info.options:
        return None
    from nika_core.app.only_task import resumed_only  # few runs are of one task alone

    return resumed_only(recorded)


def _refuse_another_s(journal: Journal, recorded: Recorded, workflow: Path | None, *, trusted: bool) -> None:
    """Raise RefusedError for what a history that came with the folder may not decide. Nothing is opened."""
    run, folder = recorded.run.id, os.path.realpath(journal.folder)
    if is_own(recorded.info, journal, run):
        return
    named = workflow is not None or _lies_in(recorded.info.path, folder)
    if named and trusted:
        return
    options = "" if workflow is None else f" --workflow {shlex.quote(str(workflow))}"
    reasons = []
    if not named:
        options = f" --workflow {shlex.quote(recorded.info.path)}"
        reasons.append(f"its workflow {recorded.info.path!r} lies outside of the history's folder and is not opened")
    if not trusted:
        options += " --trust-history"
        reasons.append("its outputs, answers and approvals can be anybody's: it was not recorded here by you")
    in_ci = f" (in CI: {VARIABLE}={shlex.quote(folder)})" if not trusted else ""
    raise RefusedError(
        codes.UNTRUSTED_HISTORY,
        f"run {run} in {folder} is not resumed: {'; '.join(reasons)}",
        hint=f"look at it: nika runs show {run}; if you agree: nika resume {run}{options}{in_ci}",
    )


def _lies_in(path: str, folder: str) -> bool:
    """Return whether a file lies in a folder, links resolved."""
    try:
        return Path(os.path.realpath(path)).is_relative_to(folder)
    except ValueError:  # of a name that no file can have
        return False


def _workflow_path(recorded: Recorded) -> Path:
    path = Path(recorded.info.path)
    try:
        open_file(path, sys.maxsize).close()  # how large it may be, the loader knows
    except FileError as error:
        raise JournalError(
            codes.NOT_RESUMABLE,
            f"the workflow of run {recorded.run.id} is no longer there: {error.message}",
            hint=f"if it is elsewhere now: nika resume {recorded.run.id} --workflow FILE; "
            f"`nika runs show {recorded.run.id} --format json` still has its text and all outputs",
        ) from None
    return path


def node_of(rerun_from: str | None) -> NodeId | None:
    """Return the node that `--from` names. Raise UsageError."""
    if rerun_from is None:
        return None
    try:
        return node_id_of(rerun_from)
    except ValueError as error:
        raise UsageError(f"--from: {error}", code=codes.NOT_RESUMABLE) from None


def check_resumable(resumed: ResumedRun, workflow: Workflow) -> None:
    """Raise UsageError if `--from` names a task that the workflow does not have, or a node that the run does not."""
    check_node(resumed.rerun_from, workflow, resumed.recorded.run.id, resumed.recorded.events)


def check_node(node: NodeId | None, workflow: Workflow, run: str, events: Iterable[Event]) -> None:
    """Raise UsageError if the workflow, or the run with these events, does not have the node of `--from`."""
    if node is None:
        return
    ids = {task.id for task in workflow.tasks}
    if top_task(node) not in ids:
        raise UsageError(
            f"--from {node}: the workflow has no such task",
            code=codes.NOT_RESUMABLE,
            hint=f"its tasks: {', '.join(sorted(ids))}",
        )
    if node in ids:
        return
    nodes = dict.fromkeys(event.task for event in events if event.task is not None)
    if node not in nodes:
        group = parent_id(node)
        siblings = [sibling for sibling in nodes if parent_id(sibling) == group]
        more = f" and {len(siblings) - _NAMED} more" if len(siblings) > _NAMED else ""
        has = f"has {', '.join(siblings[:_NAMED])}{more}" if siblings else "has none of its own"
        raise UsageError(
            f"--from {node}: run {run} has no such item, round or inner task",
            code=codes.NOT_RESUMABLE,
            hint=f"`{group}` {has}",
        )
