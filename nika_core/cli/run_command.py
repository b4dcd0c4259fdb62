"""`nika run`: check, prepare and run a workflow."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

import nika_core as nika
from nika_core import codes
from nika_core.cli.console import mask_with, plain, print_json, print_message
from nika_core.cli.inputs import gather
from nika_core.cli.options import (
    EnvFileOption,
    InputOption,
    InputsOption,
    ModelOption,
    OnOption,
    ProviderOption,
    RunFormat,
    RunFormatOption,
    SharedOption,
    TimeoutOption,
    VerboseOption,
    WorkflowArgument,
    seconds_of,
)
from nika_core.cli.problems import (
    print_new_warnings,
    printing_problems,
    refused_run_as_json,
    require_workflow,
)
from nika_core.cli.remote_options import project_url
from nika_core.cli.stdin import STDIN, read_stdin, read_workflow_text
from nika_core.cli.trust_command import ask_for_trust
from nika_core.errors import UsageError
from nika_core.model.files import FileError
from nika_core.model.named_files import named_file


class _IfRunning(Enum):
    """What to do if another run of the workflow is under way."""

    SKIP = "skip"
    QUEUE = "queue"
    FAIL = "fail"


def run_command(
    workflow: WorkflowArgument = None,
    input_: InputOption = None,
    inputs: InputsOption = None,
    provider: ProviderOption = None,
    model: ModelOption = None,
    max_concurrent: Annotated[
        int | None, typer.Option("--max-concurrent", min=1, help="Tasks at once; narrows NIKA_MAX_CONCURRENT.")
    ] = None,
    timeout: TimeoutOption = None,
    fail_fast: Annotated[bool, typer.Option("--fail-fast", help="Stop everything after the first failure.")] = False,
    no_journal: Annotated[
        bool, typer.Option("--no-journal", help="Keep no history; the run cannot be resumed.")
    ] = False,
    mock: Annotated[bool, typer.Option("--mock", help="Mock every keyword: no effect, no model.")] = False,
    answers: Annotated[
        Path | None, typer.Option("--answers", help="With --mock: answers to questions, by task, as YAML or JSON.")
    ] = None,
    economy: Annotated[
        bool, typer.Option("--economy", help="Send single calls (`llm`) through the provider's batch API.")
    ] = False,
    record: Annotated[
        Path | None,
        typer.Option("--record", metavar="DIR", help="Keep what tasks and models are given and give, for tests."),
    ] = None,
    key: Annotated[
        str | None, typer.Option("--key", metavar="KEY", help="Start it once: a second call gives the same result.")
    ] = None,
    if_running: Annotated[
        _IfRunning | None,
        typer.Option("--if-running", help="If another run of the workflow is under way.", show_default=False),
    ] = None,
    only: Annotated[
        str | None,
        typer.Option(
            "--only",
            metavar="TASK",
            help="Run this task alone; take the rest from the last run.",
            autocompletion=nika.complete_tasks,
        ),
    ] = None,
    no_cache: Annotated[
        bool, typer.Option("--no-cache", help="Take no result of an earlier run, and keep none.")
    ] = False,
    refresh: Annotated[
        bool, typer.Option("--refresh", help="Take no result of an earlier run, but keep those of this one.")
    ] = False,
    env_file: EnvFileOption = None,
    on: OnOption = None,
    shared: SharedOption = None,
    format_: RunFormatOption = RunFormat.PRETTY,
    verbose: VerboseOption = 0,
) -> None:
    """Run a workflow."""
    with refused_run_as_json(format_.value):
        given = gather(input_ or (), inputs)
        given_answers = None if answers is None else gather((), answers, "--answers")
        environ = environ_with(env_file)
        workspace, path = find_workflow(workflow, environ)
        if ask_for_trust(workspace):
            workspace, path = find_workflow(workflow, environ)
        seconds = seconds_of(timeout)
        url = on or project_url(workspace)
        loaded = read_workflow(workspace, path, provider, model)
        if path == STDIN:
            _refuse_with_stdin({"--key": key, "--if-running": if_running, "--only": only})
        with printing_problems(loaded):
            prepared = nika.prepare(
                loaded,
                workspace=workspace,
                inputs=given,
                provider=provider,
                model=model,
                max_concurrent=max_concurrent,
                timeout=seconds,
                fail_fast=fail_fast,
                mock=mock,
                answers=given_answers,
                economy=economy,
                record=record,
                key=key,
                if_running=None if if_running is None else if_running.value,
                only=only,
                no_cache=no_cache,
                refresh=refresh,
                elsewhere=url is not None,
            )
            print_new_warnings(prepared.warnings, loaded)

        if url is not None:
            if record is not None:
                raise UsageError("--record is for runs in this process", hint="leave out --on, or --record")
            here = {"--only": only, "--key": key, "--if-running": if_running}
            for option in (name for name, value in here.items() if value is not None):
                raise UsageError(f"{option} is for runs on this machine", hint=f"leave out --on, or {option}")
            if no_journal:
                raise UsageError(
                    "--no-journal is for runs on this machine: a backend keeps the history of its runs",
                    hint="leave out --on, or --no-journal",
                )
            from nika_core.cli.remote_run import submit_run

            sys.exit(submit_run(prepared, url, shared, format_.value, verbose))
        if shared is not None:
            raise UsageError("--shared is for runs on a backend", hint="give --on, too")
        from nika_core.cli.live_run import show_run

        # A run of a workflow that no file holds could not be resumed.
        journal = not no_journal and path != STDIN
        try:
            code = show_run(prepared, format_.value, verbose, journal=journal)
        except nika.AlreadyRunningError as error:
            if not error.skipped:
                raise
            print_skipped(error, format_.value)
            code = 0
        sys.exit(code)


def _refuse_with_stdin(options: Mapping[str, object]) -> None:
    """Raise UsageError for an option that needs the history of the workflow's runs: a text that is read has none."""
    for option in (name for name, value in options.items() if value is not None):
        raise UsageError(
            f"{option} needs the history of runs, and a workflow from standard input has none",
            hint=f"write it to a file, or leave out {option}",
        )


def print_skipped(error: nika.AlreadyRunningError, format_: str) -> None:
    """Say that nothing was started, as `--if-running skip` asks for."""
    if format_ in ("json", "jsonl"):
        found = {"status": "skipped", "runningRunId": error.run_id, "tasks": []}
        print_json(found if format_ == "json" else {"event": "result", "data": found}, indent=None)
    else:
        print_message(f"not started: {plain(error.message)}")


def open_command_workspace(start: Path | None = None, environ: Mapping[str, str] | None = None) -> nika.Workspace:
    """Open the project of a file or folder for a command, which owns its process."""
    return nika.Workspace.open(start, environ=environ, facet_timer=True)


def environ_with(file: Path | None) -> Mapping[str, str] | None:
    """Return the variables of the environment and of `--env-file`; None: just the environment. Raise UsageError."""
    if file is None:
        return None
    found = nika.read_env_file(file, text=read_stdin("--env-file") if file == STDIN else None)
    return {**found, **os.environ}


def read_workflow(
    workspace: nika.Workspace, path: Path, provider: str | None, model: str | None
) -> nika.LoadedWorkflow:
    """Return the checked file. Raise ReportedError after printing everything that is wrong, with its models too."""
    mask_with(workspace.masker)
    named = read_workflow_text() if path == STDIN else path
    loaded = nika.load(named, provider=provider, model=model, workspace=workspace)
    require_workflow(loaded)
    return loaded


def find_workflow(workflow: Path | None, environ: Mapping[str, str] | None = None) -> tuple[nika.Workspace, Path]:
    """Return the opened project and the file to run. Raise UsageError if neither says which.

    Args:
        environ: the variables; None: those of this process.
    """
    workspace = open_command_workspace(None if workflow == STDIN else workflow, environ)
    if workflow is not None:
        return workspace, workflow
    if workspace.project.main is None:
        where = f"{workspace.project.path} has no `main:`" if workspace.project.path else "there is no nika.yaml here"
        raise UsageError(
            f"which workflow? {where}",
            code=codes.USAGE,
            hint="nika run FILE.nika.yaml, or `main: FILE.nika.yaml` in nika.yaml; `nika init` makes both",
        )
    try:
        return workspace, named_file(workspace.project_folder, workspace.project.main)
    except FileError as error:
        message = f"`main: {workspace.project.main}` of nika.yaml {error.reason}"
        place = workspace.project.at(("main",))
        raise UsageError(message, code=codes.BAD_PROJECT_FILE, place=place, hint=error.hint) from None
