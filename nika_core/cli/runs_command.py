"""`nika runs`: the history of runs."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import nika_core as nika
from nika_core.cli.console import (
    format_table,
    mask_project_secrets,
    mask_with,
    plain,
    print_data,
    print_error,
    print_json,
    print_lines,
    print_message,
)
from nika_core.cli.options import (
    LAST,
    Format,
    FormatOption,
    OnOption,
    RunArgument,
    RunFormat,
    RunFormatOption,
    SharedOption,
    VerboseOption,
    seconds_of,
)
from nika_core.cli.progress import duration_text
from nika_core.cli.remote_options import url_of, where
from nika_core.cli.run_text import bold_text, cost_text, nodes, run_lines, task_lines, waiting_text
from nika_core.errors import NikaError, UsageError
from nika_core.model.state import RunStatus
from nika_core.model.text import iso_time, time_text

if TYPE_CHECKING:
    from nika_core.cli.remote_runs import RemoteRuns
    from nika_core.plugin import BackendRun

app = typer.Typer(
    invoke_without_command=True, rich_markup_mode=None, add_completion=False, help="The history of runs; lists them."
)


_ENDED = (RunStatus.SUCCEEDED, RunStatus.FAILED, RunStatus.CANCELLED)


_AGE = "e.g. 12h or 30d"
OlderThanOption = Annotated[
    str | None, typer.Option("--older-than", metavar="TIME", help=f"Only runs that began longer ago: {_AGE}.")
]


@app.callback()
def runs(context: typer.Context, format_: FormatOption = Format.PRETTY) -> None:
    """List all runs of this project, or do what a command below says."""
    if context.invoked_subcommand is None:
        list_(format_=format_)


@app.command("list")
def list_(
    status: Annotated[
        list[str] | None,
        typer.Option("--status", metavar="STATUS", help="Only runs with this status, e.g. failed; may be repeated."),
    ] = None,
    workflow: Annotated[str | None, typer.Option("--workflow", metavar="NAME", help="Only runs of this one.")] = None,
    older_than: OlderThanOption = None,
    newer_than: Annotated[
        str | None, typer.Option("--newer-than", metavar="TIME", help=f"Only runs that began later: {_AGE}.")
    ] = None,
    last: Annotated[
        int | None, typer.Option("--last", metavar="N", min=1, help="Only the newest N of these runs.")
    ] = None,
    on: OnOption = None,
    format_: FormatOption = Format.PRETTY,
) -> None:
    """List the runs of this project, the newest first; with --on, those on a backend.

    Of a run that was submitted from here to a backend, the status is the one that was seen last.
    """
    if on is not None:
        narrowed = bool(status or workflow or older_than or newer_than)

        def wanted(run: BackendRun) -> bool:
            named = (not status or run.status in status) and workflow in (None, run.workflow)
            return named and _is_as_old(run.started_at, older_than, newer_than)

        _remote(on).list(wanted if narrowed else None, last, format_)
        return
    found = nika.runs.list(
        status=status or (),
        workflow=workflow,
        older_than=seconds_of(older_than, "--older-than"),
        newer_than=seconds_of(newer_than, "--newer-than"),
        last=last,
    )
    submitted = [
        run
        for run in nika.backends.index().runs()
        if (not status or run.status in status)
        and workflow in (None, run.workflow)
        and _is_as_old(run.submitted_at, older_than, newer_than)
    ]
    if format_ is Format.JSON:
        runs = [*map(nika.to_json, found), *map(_submitted_json, submitted)]
        runs.sort(key=lambda run: str(run["startedAt"]), reverse=True)
        print_json({"runs": runs[:last]})
    elif not found and not submitted:
        such = " such" if status or workflow or older_than or newer_than else ""
        start = "" if such else "; start one: nika run"
        print_message(f"no{such} run is recorded in {plain(str(nika.runs.path().parent))}{start}")
    else:
        now = time.time()
        rows = [
            (
                run.started_at,
                run.run_id,
                run.workflow,
                run.status,
                time_text(run.started_at),
                _age(now - run.started_at),
                "" if run.duration_ms is None else duration_text(run.duration_ms / 1000),
                str(run.json.get("usage", {}).get("totalTokens", "")),
                cost_text(run.json.get("usage") or {}),
            )
            for run in found
        ]
        rows += [
            (
                each.submitted_at,
                each.run_id,
                each.workflow,
                f"{each.status} on {each.url}",
                time_text(each.submitted_at),
                _age(now - each.submitted_at),
                "",
                "",
                "",
            )
            for each in submitted
        ]
        rows.sort(key=lambda row: row[0], reverse=True)
        shown = [row[1:] for row in rows[:last]]
        print_data(format_table(("RUN", "WORKFLOW", "STATUS", "STARTED", "AGE", "TOOK", "TOKENS", "COST"), shown))
        for run in found:
            for task in _with_children(run.tasks):
                if task.waits_for is not None:
                    print_data(f"{run.run_id}: {plain(task.id)} {waiting_text(task.waits_for, task.waiting_since)}")


def _is_as_old(at: float, older_than: str | None, newer_than: str | None) -> bool:
    age = time.time() - at
    older, newer = seconds_of(older_than, "--older-than"), seconds_of(newer_than, "--newer-than")
    return (older is None or age > older) and (newer is None or age < newer)


def _submitted_json(run: nika.backends.SubmittedRun) -> dict[str, Any]:
    found = {"runId": run.run_id, "workflow": run.workflow, "status": run.status, "backend": run.url}
    return {**found, "startedAt": iso_time(run.submitted_at)}


@app.command()
def record(
    run: RunArgument = LAST,
    to: Annotated[
        Path | None, typer.Option("--to", metavar="FILE", help="The test file; else it lies beside the workflow.")
    ] = None,
    format_: FormatOption = Format.PRETTY,
) -> None:
    """Make a test of a run: what its tasks gave stands in for them, and it has to end in the same way."""
    path = nika.runs.record(run, to=to)
    if format_ is Format.JSON:
        print_json({"path": str(path)})
        return
    print_data(plain(str(path)))
    print_message(f"to run it: nika test {plain(str(path))}")


@app.command()
def show(
    run: RunArgument = LAST,
    format_: FormatOption = Format.PRETTY,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Outputs in full.")] = False,
    transcript: Annotated[
        bool, typer.Option("--transcript", help="What models were asked and answered, in place of the tasks.")
    ] = False,
    task: Annotated[
        str | None,
        typer.Option(
            "--task",
            metavar="TASK",
            help="Only this task, with the payload that it was given.",
            autocompletion=nika.complete_tasks_of_run,
        ),
    ] = None,
    on: OnOption = None,
    shared: SharedOption = None,
) -> None:
    """Show one run: every task with its state, attempts, time, tokens, cost, output and error."""
    run, on, shared = where(run, on, shared)
    if on is not None:
        if transcript or task is not None:
            word = "--transcript" if transcript else "--task"
            raise UsageError(
                f"{word} is for runs of this machine: a backend does not have it", hint=f"leave out {word}"
            )
        _remote(on, shared).show(run, format_)
        return
    if transcript:
        _show_transcript(run, task, format_, verbose)
        return
    if task is not None:
        _show_task(run, task, format_, verbose)
        return
    found = nika.to_json(nika.runs.get(run, large_outputs=verbose or format_ is Format.JSON))
    if format_ is Format.JSON:
        print_json(found)
        return
    print_lines(run_lines(found, verbose))


def _show_transcript(run: str, task: str | None, format_: Format, verbose: bool) -> None:
    from nika_core.cli.transcript import conversation_lines

    about = nika.runs.get(run, large_outputs=False)
    found = nika.runs.transcript(about.run_id, task)
    if format_ is Format.JSON:
        print_json({"runId": about.run_id, "conversations": [nika.to_json(each) for each in found]})
        return
    if not found:
        what = f"'{plain(task)}'" if task is not None else "this run"
        print_message(f"no conversation of {what} with a model is in the history of {about.run_id}")
    print_lines(conversation_lines(found, verbose, running=about.status == "running"))


def _show_task(run: str, task: str, format_: Format, verbose: bool) -> None:
    from nika_core.cli.given_payload import payload_json, payload_lines

    mask_with(nika.Workspace.open().masker)
    given = nika.runs.payload(run, task)
    found = nika.to_json(nika.runs.get(given.run_id, large_outputs=verbose or format_ is Format.JSON))
    node = next((each for each in nodes(found["tasks"]) if each["id"] == given.task), {"id": given.task, "state": ""})
    if format_ is Format.JSON:
        print_json({"runId": given.run_id, **node, **payload_json(given)})
        return
    print_lines(task_lines(node, verbose, bold_text()))
    print_lines(payload_lines(given))


@app.command()
def attach(
    run: RunArgument = LAST,
    on: OnOption = None,
    shared: SharedOption = None,
    format_: RunFormatOption = RunFormat.PRETTY,
    verbose: VerboseOption = 0,
) -> None:
    """Follow a run on a backend, as `nika run --on` does; Ctrl-C detaches, a second one cancels the run."""
    from nika_core.cli.remote_run import attach_run

    workspace = nika.Workspace.open()
    run, on, shared = where(run, on, shared)
    url = url_of(workspace, on)
    sys.exit(attach_run(workspace, url, shared, _remote(url, shared).full_id(run), format_.value, verbose))


@app.command()
def cancel(run: RunArgument = LAST, on: OnOption = None, format_: FormatOption = Format.PRETTY) -> None:
    """Cancel a run on a backend: what runs is ended, and cleanup is done."""
    run, on, _ = where(run, on)
    run_id = _remote(url_of(nika.Workspace.open(), on)).cancel(run)
    if format_ is Format.JSON:
        print_json({"runId": run_id})
    else:
        print_message(f"{run_id} is told to end")


def _remote(url: str, shared: Path | None = None) -> RemoteRuns:
    from nika_core.cli.remote_runs import RemoteRuns

    return RemoteRuns(nika.Workspace.open(), url, shared)


@app.command()
def rm(
    runs: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[RUN]...", help="Ids, or unique beginnings of them.", autocompletion=nika.complete_runs
        ),
    ] = None,
    older_than: OlderThanOption = None,
    format_: FormatOption = Format.PRETTY,
) -> None:
    """Remove runs with their events, outputs and files, and end what a killed Nika left running of them.

    `--older-than` removes only runs that have ended: one that is paused or was interrupted has to be named.
    """
    if (not runs) == (older_than is None):
        raise UsageError("which runs?", hint="name runs, or give --older-than, e.g. nika runs rm --older-than 30d")
    named = list(runs or ()) or [
        run.run_id for run in nika.runs.list(status=_ENDED, older_than=seconds_of(older_than, "--older-than"))
    ]
    removed, errors = [], []
    for run in named:
        try:
            removed.append(nika.runs.remove(run))
        except NikaError as error:  # the others are removed all the same
            errors.append(error)
            mask_project_secrets()
            print_error(error)
        else:
            if format_ is Format.PRETTY:
                print_message(f"removed {removed[-1]}")
    if format_ is Format.JSON:
        print_json({"removed": removed})
    elif not named:
        print_message("nothing is as old as that")
    if errors:
        sys.exit(errors[0].exit_code)


def _age(seconds: float) -> str:
    """Return how long ago something was, as `--older-than` takes it."""
    for size, unit in ((86400, "d"), (3600, "h"), (60, "m")):
        if seconds >= size:
            return f"{int(seconds // size)}{unit}"
    return f"{max(0, int(seconds))}s"


def _with_children(tasks: Iterable[nika.RecordedTask]) -> Iterator[nika.RecordedTask]:
    for task in tasks:
        yield task
        yield from _with_children(task.children)
