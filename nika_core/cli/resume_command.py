"""`nika resume`: resumes a run, and does again what has changed since."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

import nika_core as nika
from nika_core.cli.inputs import gather
from nika_core.cli.options import (
    LAST,
    EnvFileOption,
    OnOption,
    RunArgument,
    RunFormat,
    RunFormatOption,
    SharedOption,
    TimeoutOption,
    VerboseOption,
    seconds_of,
)
from nika_core.cli.problems import printing_problems, refused_run_as_json
from nika_core.cli.remote_options import where
from nika_core.cli.run_command import environ_with, open_command_workspace, read_workflow
from nika_core.cli.stdin import STDIN
from nika_core.cli.trust_command import ask_for_trust
from nika_core.errors import UsageError


def resume_command(
    run: RunArgument = LAST,
    from_: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="TASK",
            help="Run this task (or e.g. review.3) again, and all that depend on it.",
            autocompletion=nika.complete_tasks_of_run,
        ),
    ] = None,
    input_: Annotated[
        list[str] | None, typer.Option("--input", "-i", metavar="KEY=VALUE", help="An input, in place of the old one.")
    ] = None,
    timeout: TimeoutOption = None,
    workflow: Annotated[
        Path | None, typer.Option("--workflow", metavar="FILE", help="The workflow's file, in place of the old path.")
    ] = None,
    trust_history: Annotated[
        bool,
        typer.Option("--trust-history", help="Resume a run that you have not recorded in this folder yourself."),
    ] = False,
    record: Annotated[
        Path | None,
        typer.Option("--record", metavar="DIR", help="Keep what tasks that run now are given and give, for tests."),
    ] = None,
    env_file: EnvFileOption = None,
    on: OnOption = None,
    shared: SharedOption = None,
    format_: RunFormatOption = RunFormat.PRETTY,
    verbose: VerboseOption = 0,
) -> None:
    """Resume a run that was interrupted, was paused or failed; of one that succeeded, do again what has changed.

    With --on, a run on a backend: a new one begins there, and reuses what the earlier one has finished.
    """
    with refused_run_as_json(format_.value):
        seconds = seconds_of(timeout)
        if workflow == STDIN:
            raise UsageError(
                "--workflow names a file: a run is resumed from it again, and standard input can be read only once",
                hint="write the workflow to a file",
            )
        run, on, shared = where(run, on, shared)
        if on is not None:
            if env_file is not None:
                raise UsageError("--env-file is for runs in this process", hint="leave out --on, or --env-file")
            if record is not None:
                raise UsageError("--record is for runs in this process", hint="leave out --on, or --record")
            sys.exit(_resume_remote(run, on, shared, input_ or [], seconds, from_, workflow, format_, verbose))
        from nika_core.api.running import open_resumed
        from nika_core.cli.live_run import show_run

        resumed = open_resumed(
            run,
            inputs=gather(input_ or (), None),
            timeout=seconds,
            rerun_from=from_,
            workflow=workflow,
            trust_history=trust_history,
            record=record,
        )
        environ = environ_with(env_file)
        workspace, options = open_command_workspace(resumed.path, environ), resumed.options
        if ask_for_trust(workspace):
            workspace = open_command_workspace(resumed.path, environ)
        loaded = read_workflow(workspace, resumed.path, options.provider, options.model)
        with printing_problems(loaded):
            prepared = nika.prepare(loaded, workspace=workspace, resumed=resumed)
        sys.exit(show_run(prepared, format_.value, verbose))


def _resume_remote(
    run: str,
    url: str,
    shared: Path | None,
    pairs: list[str],
    seconds: float | None,
    from_: str | None,
    workflow: Path | None,
    format_: RunFormat,
    verbose: int,
) -> int:
    from nika_core.cli.remote_run import submit_run
    from nika_core.cli.remote_runs import RemoteRuns

    definition, events = RemoteRuns(open_command_workspace(), url, shared).ended(run)
    earlier = nika.backends.earlier(
        definition, events, inputs=gather(pairs, None), timeout=seconds, rerun_from=from_, workflow=workflow
    )
    workspace, options = open_command_workspace(earlier.path), earlier.options
    if ask_for_trust(workspace):
        workspace = open_command_workspace(earlier.path)
    loaded = read_workflow(workspace, earlier.path, options.provider, options.model)
    with printing_problems(loaded):
        prepared = nika.prepare(
            loaded,
            workspace=workspace,
            inputs=options.inputs,
            provider=options.provider,
            model=options.model,
            max_concurrent=options.max_concurrent,
            timeout=options.timeout,
            fail_fast=options.fail_fast,
            mock=options.mock,
            answers=options.answers,
            economy=options.economy,
            elsewhere=True,
        )
    if shared is None and definition["shared"] is not None:
        shared = Path(definition["shared"])
    return submit_run(prepared, url, shared, format_.value, verbose, earlier)
