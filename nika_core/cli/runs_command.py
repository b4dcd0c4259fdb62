"""`nika runs`: the history of runs."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import nika_core as nika
from nika_core.cli.console import (
    format_table,
    json_text,
    mask_project_secrets,
    mask_with,
    plain,
    print_data,
    print_error,
    print_json,
    print_lines,
    print_message,
    style_data,
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
    completing,
    seconds_of,
)
from nika_core.cli.progress import duration_text
from nika_core.cli.remote_options import url_of, where
from nika_core.cli.waiting import sender_text, waits_for_text
from nika_core.errors import NikaError, UsageError
from nika_core.model.question import answer_text
from nika_core.model.state import RunStatus
from nika_core.model.text import iso_time, seconds_since_epoch, time_text
from nika_core.model.usage import money_text, tokens_text

if TYPE_CHECKING:
    from nika_core.cli.remote_runs import RemoteRuns
    from nika_core.plugin import BackendRun

app = typer.Typer(
    invoke_without_command=True, rich_markup_mode=None, add_completion=False, help="The history of runs; lists them."
)


_SHOWN = 200  # characters of an output, unless -v
_NAMED = 10  # items of a list that are named, unless -v
_ENDED = (RunStatus.SUCCEEDED, RunStatus.FAILED, RunStatus.CANCELLED)
_CHILDREN = ("items", "rounds", "tasks")


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
    elsewhere = [
        run
        for run in nika.backends.index().runs()
        if (not status or run.status in status)
        and workflow in (None, run.workflow)
        and _is_as_old(run.submitted_at, older_than, newer_than)
    ]
    if format_ is Format.JSON:
        runs = [*map(nika.to_json, found), *map(_submitted_json, elsewhere)]
        runs.sort(key=lambda run: str(run["startedAt"]), reverse=True)
        print_json({"runs": runs[:last]})
    elif not found and not elsewhere:
        such = " such" if status or workflow or older_than or newer_than else ""
        print_message(f"no{such} run is recorded in {plain(str(nika.runs.path().parent))}")
    else:
        now = time.time()
        rows = [
            (
                run.run_id,
                run.workflow,
                run.status,
                time_text(run.started_at),
                _age(now - run.started_at),
                "" if run.duration_ms is None else duration_text(run.duration_ms / 1000),
                str(run.json.get("usage", {}).get("totalTokens", "")),
                _cost(run.json.get("usage") or {}),
            )
            for run in found
        ]
        rows += [
            (
                each.run_id,
                each.workflow,
                f"{each.status} on {each.url}",
                time_text(each.submitted_at),
                _age(now - each.submitted_at),
                "",
                "",
                "",
            )
            for each in elsewhere
        ]
        rows.sort(reverse=True)  # ids begin with the time
        print_data(format_table(("RUN", "WORKFLOW", "STATUS", "STARTED", "AGE", "TOOK", "TOKENS", "COST"), rows[:last]))
        for run in found:
            for task in _with_children(run.tasks):
                if task.waits_for is not None:
                    print_data(f"{run.run_id}: {plain(task.id)} {_waiting(task.waits_for, task.waiting_since)}")


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
            autocompletion=completing("tasks of a run"),
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
    print_lines(_run_lines(found, verbose))


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
    node = next((each for each in _nodes(found["tasks"]) if each["id"] == given.task), {"id": given.task, "state": ""})
    if format_ is Format.JSON:
        print_json({"runId": given.run_id, **node, **payload_json(given)})
        return
    print_lines(_task_lines(node, verbose, _bold()))
    print_lines(payload_lines(given))


def _nodes(tasks: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield the tasks and all that is inside them."""
    for task in tasks:
        yield task
        for kind in _CHILDREN:
            yield from _nodes(task.get(kind, ()))


def _run_lines(found: dict[str, Any], verbose: bool) -> Iterator[str]:
    usage = found.get("usage", {})
    started = time_text(seconds_since_epoch(found["startedAt"]))
    head = (style_data(found["runId"], "bold"), plain(found["workflow"]), found["status"], started)
    yield "  ".join(head)
    yield plain(found["path"])
    bold = _bold()
    for task in found["tasks"]:
        yield from _task_lines(task, verbose, bold)
    for decision in found.get("decisions", ()):
        yield f"decision: {json_text(decision)}"
    cost = f", {money_text(usage['costUsd'])}" if usage.get("costUsd") else ""
    if usage.get("savedUsd"):
        cost += f", {money_text(usage['savedUsd'])} saved by batches"
    if usage.get("unknownTokens"):
        cost += f", up to {usage['unknownTokens']} more by calls that were cut off"
    unpriced = f", unpriced: {plain(', '.join(usage['unpriced']))}" if usage.get("unpriced") else ""
    yield f"{_tokens(usage)}{cost}{unpriced}"


def _bold() -> Callable[[str], str]:
    """Return what makes an id bold. Whether stdout shows colours is found out once."""
    before, _, after = style_data("|", "bold").partition("|")
    return lambda text: f"{before}{text}{after}"


def _task_lines(
    task: dict[str, Any], verbose: bool, bold: Callable[[str], str] = str, indent: str = "  "
) -> Iterator[str]:
    """Yield the lines of a task; of what is inside it the first few that did not succeed, with `verbose` all."""
    facts = [task["state"]]
    kind, children = next(((kind, task[kind]) for kind in _CHILDREN if kind in task), ("", []))
    if kind:
        facts.append(_counts(kind, children))
    if task.get("skipReason"):
        facts.append(task["skipReason"])
    if task.get("attempts"):
        facts.append("1 attempt" if task["attempts"] == 1 else f"{task['attempts']} attempts")
    if "durationMs" in task:
        facts.append(duration_text(task["durationMs"] / 1000))
    usage = task.get("usage") or {}
    if usage.get("totalTokens"):
        facts.append(_tokens(usage))
    if cost := _cost(usage):
        facts.append(cost)
    if usage.get("models"):
        facts.append(f"by {plain(', '.join(usage['models']))}")
    if task.get("reused"):
        facts.append(f"reused ({plain(task['reason'])})" if task.get("reason") else "reused")
    key = f" ({plain(task['key'])})" if "key" in task else ""
    yield (f"{indent}{bold(task['id'])}{key}  {task.get('keyword', '')}  {', '.join(facts)}")
    if "error" in task:
        yield f"{indent}    [{task['error']['code']}] {plain(task['error']['message'])}"
    if "answered" in task:
        answered = task["answered"] | {"at": seconds_since_epoch(task["answered"]["at"])}
        yield f"{indent}    answered {plain(answer_text(answered['answer']))}{sender_text(answered)}"
    if task["state"] == "waiting":
        since = seconds_since_epoch(task["waitingSince"]) if "waitingSince" in task else None
        yield f"{indent}    {_waiting(task['waitsFor'], since)}"
    if "output" in task:
        output = task["output"]
        text = plain(output) if isinstance(output, str) else json_text(output)
        if not verbose and len(text) > _SHOWN:
            text = _shortened(text, len(text))
        yield from (f"{indent}    {line}" for line in text.splitlines())
    elif "outputStart" in task:
        start = task["outputStart"]
        yield from (f"{indent}    {line}" for line in _shortened(plain(start["text"]), start["length"]).splitlines())
    shown = children if verbose else [child for child in children if child["state"] not in ("success", "skipped")]
    for child in shown if verbose else shown[:_NAMED]:
        yield from _task_lines(child, verbose, bold, f"{indent}  ")
    if not verbose and len(shown) > _NAMED:
        yield f"{indent}  … and {len(shown) - _NAMED} more (-v shows all)"


def _shortened(text: str, length: int) -> str:
    return f"{text[:_SHOWN]}… ({length} characters; -v shows all)"


def _counts(kind: str, children: list[dict[str, Any]]) -> str:
    """Return e.g. `3 items (2 success, 1 failed)`."""
    states = Counter(child["state"] for child in children)
    name = kind if len(children) != 1 else kind.removesuffix("s")
    counts = ", ".join(f"{count} {state}" for state, count in states.items())
    return f"{len(children)} {name}" + (f" ({counts})" if len(states) > 1 else "")


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
            metavar="[RUN]...", help="Ids, or unique beginnings of them.", autocompletion=completing("runs")
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


def _cost(usage: dict[str, Any]) -> str:
    """Return what model calls cost; a model without a known price is unpriced, not free."""
    cost, unpriced = usage.get("costUsd", 0), usage.get("unpriced")
    parts = [money_text(cost)] if cost or (usage.get("totalTokens") and not unpriced) else []
    return " + ".join([*parts, *(["unpriced"] if unpriced else [])])


def _with_children(tasks: Iterable[nika.RecordedTask]) -> Iterator[nika.RecordedTask]:
    for task in tasks:
        yield task
        yield from _with_children(task.children)


def _waiting(about: Mapping[str, Any], since: float | None) -> str:
    return f"waits for {waits_for_text(about)}{f', since {time_text(since)}' if since is not None else ''}"


def _tokens(usage: dict[str, Any]) -> str:
    return tokens_text(usage.get("totalTokens", 0), usage.get("cachedTokens", 0), usage.get("cacheWriteTokens", 0))
