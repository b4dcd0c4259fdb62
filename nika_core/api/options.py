"""The keyword arguments that the functions of the face share, and what they mean for a workflow and its project."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypedDict

from nika_core.app.run_options import RunOptions
from nika_core.app.workspace import Workspace
from nika_core.errors import UsageError
from nika_core.model.events import Event
from nika_core.model.nearest import nearest

if TYPE_CHECKING:
    from nika_core.app.recording.recording import Recording

TEXT_NAME: Final = "<text>"  # the path of a workflow that is passed as text


class WorkspaceOptions(TypedDict, total=False):
    """Where a workflow lives and which plugins it may use.

    Attributes:
        folder: for a workflow that is passed as text: the folder that its relative paths start from, and whose project
            it belongs to; without it, the working directory.
        environ: the environment variables of the run; without it, those of this process.
        plugins: modules or objects with plugin hooks, used beside the installed plugins.
        workspace: an opened project, in place of `folder`, `environ` and `plugins`.
    """

    folder: str | Path
    environ: Mapping[str, str]
    plugins: Iterable[object]
    workspace: Workspace


class PlanOptions(WorkspaceOptions, total=False):
    """What a run is given, as on the command line.

    Attributes:
        inputs: values of the workflow's inputs.
        provider: the provider of all models.
        model: the agent block's model.
        max_concurrent: how many tasks may run at once; narrows the limit.
        timeout: the time for the whole run: seconds, or a text such as "5m".
        fail_fast: stop everything after the first failure.
        mock: every keyword plays its part without any effect.
        answers: answers to questions, by task, for a mocked run: nothing else answers in place of a person.
        economy: send single calls through the provider's batch API.
        record: the folder in which what every task and every model is given and gives is recorded, without secrets.
        recording: a folder in which a run was recorded, or what `nika.Recording.open` returned: tasks give what they
            gave then, nothing is called, and what was not recorded fails.
        errors: how tasks fail, by task, in place of doing them: a message, or `{category: network, message: ...}`.
        outputs: what tasks give, by task, in place of doing them; without `recording` all others play their parts.
        key: start the run once: another call with the same key returns the result of the first one, and waits for it.
        if_running: what to do if another run of the workflow is under way: `skip` or `fail`, which both raise
            AlreadyRunningError, or `queue`, which waits; without it they run side by side.
        only: run this task alone, and take the rest, and inputs that are not given, from the workflow's last run.
        no_cache: take no result of another run, and keep none, whatever `cache` says.
        refresh: take no result of another run, but keep those of this one.
    """

    inputs: Mapping[str, Any]
    provider: str | None
    model: str | None
    max_concurrent: int | None
    timeout: float | str | None
    fail_fast: bool
    mock: bool
    answers: Mapping[str, Any] | None
    economy: bool
    record: str | Path | None
    recording: str | Path | Recording | None
    outputs: Mapping[str, Any] | None
    errors: Mapping[str, Any] | None
    key: str | None
    if_running: str | None
    only: str | None
    no_cache: bool
    refresh: bool


class StartOptions(PlanOptions, total=False):
    """How a run is recorded and watched.

    Attributes:
        journal: whether the run's history is kept, so that it can be resumed; or the folder in which. Without it, that
            of a file is kept in its project and that of a text, or of a run that replays a recording, is not.
        on_event: called with every event, in a thread of its own: neither its errors nor its slowness harm the run.
    """

    journal: bool | str | Path
    on_event: Callable[[Event], object]


class ResumeOptions(TypedDict, total=False):
    """What a resumed run is given; everything else it was started with is in its history.

    Attributes:
        inputs: in place of the recorded ones, by name; a secret has to be given again.
        timeout: as for `StartOptions`.
        folder: the folder whose project keeps the run's history; without it, the working directory.
        workflow: the workflow's file, in place of the recorded path: the file has moved, or lies outside of the folder
            of a history that this user has not written.
        trust_history: resume a run that this user has not recorded in this folder, with the outputs, answers and
            approvals that its history has; NIKA_TRUST says so for folders.
        record: the folder in which what runs now is recorded, beside what it holds of earlier lives of the run.
        environ, plugins, on_event: as for `StartOptions`.
    """

    inputs: Mapping[str, Any]
    timeout: float | str | None
    folder: str | Path
    workflow: str | Path
    trust_history: bool
    record: str | Path | None
    environ: Mapping[str, str]
    plugins: Iterable[object]
    on_event: Callable[[Event], object]


def is_text(workflow: str | Path) -> bool:
    """Return whether this is a workflow's text, which has a line break, and not its path."""
    return isinstance(workflow, str) and "\n" in workflow


def check_names(given: Iterable[str], kind: type) -> None:
    """Raise TypeError for a name that is none of a kind's options, as Python does for arguments that it knows.

    A misspelt `recording` would else be a real run.
    """
    known = kind.__annotations__
    for name in given:
        if name not in known:
            close = nearest(name, known)
            raise TypeError(f"unknown option '{name}'" + (f": did you mean '{close}'?" if close else ""))


def where(options: Mapping[str, Any]) -> WorkspaceOptions:
    """Return those of a run's options that say where its workflow lives."""
    found: WorkspaceOptions = {}
    for name in WorkspaceOptions.__annotations__:
        if name in options:
            found[name] = options[name]  # type: ignore[literal-required]  # the names are those of its kind
    return found


def open_workspace(workflow: str | Path | None, options: WorkspaceOptions) -> Workspace:
    """Return the project that a workflow belongs to; without one, that of `folder`.

    Raise TypeError for unknown options.
    """
    check_names(options, WorkspaceOptions)
    if "workspace" in options:
        return options["workspace"]
    start = options.get("folder")
    if workflow is not None and not is_text(workflow):
        start = workflow
    return Workspace.open(
        None if start is None else Path(start),
        environ=options.get("environ"),
        plugins=options.get("plugins", ()),
    )


def run_options(options: PlanOptions) -> RunOptions:
    """Return what is given for one run. Raise UsageError for what makes no sense, TypeError for unknown options."""
    check_names(options, PlanOptions)
    most = options.get("max_concurrent")
    if most is not None and not (isinstance(most, int) and most >= 1):
        raise UsageError(f"max_concurrent is {most!r}, expected a whole number from 1 on")
    outputs, recording, record = options.get("outputs"), options.get("recording"), options.get("record")
    errors = options.get("errors")
    replays = recording is not None or (record is None and (outputs is not None or errors is not None))
    _check_errors(errors)
    if recording is not None and record is not None:
        raise UsageError("a run that replays a recording cannot record another one", hint="leave out one of the two")
    if isinstance(recording, str | Path):
        from nika_core.app.recording.recording import Recording  # only a replay waits for the import

        recording = Recording.open(recording)
    if options.get("answers") is not None and not (options.get("mock") or replays):
        raise UsageError(
            "answers are for mocked runs only",
            hint="give them with `mock` (--mock); a person answers the questions of a real run: nika answer",
        )
    if options.get("no_cache") and options.get("refresh"):
        raise UsageError(
            "a run that keeps no results cannot refresh them",
            hint="leave out `refresh` (--refresh) or `no_cache` (--no-cache)",
        )
    return RunOptions(
        **_single_start(options),
        answers=options.get("answers"),
        inputs=options.get("inputs", {}),
        provider=options.get("provider"),
        model=options.get("model"),
        max_concurrent=most,
        timeout=timeout_seconds(options.get("timeout")),
        fail_fast=options.get("fail_fast", False),
        mock=options.get("mock", False) or replays,
        record=None if record is None else Path(record),
        recording=recording,
        outputs=outputs,
        errors=errors,
        economy=options.get("economy", False),
        no_cache=options.get("no_cache", False),
        refresh=options.get("refresh", False),
    )


def _single_start(options: PlanOptions) -> dict[str, Any]:
    key, if_running = options.get("key"), options.get("if_running")
    if key is None and if_running is None:
        return {}
    from nika_core.app.single_start import IfRunning, require_usable_key  # few runs wait for the import

    if key is not None:
        require_usable_key(key)
    words = [each.value for each in IfRunning]
    if if_running is not None and if_running not in words:
        raise UsageError(f"if_running is {if_running!r}, expected {', '.join(words)}")
    return {"key": key, "if_running": None if if_running is None else IfRunning(if_running)}


def _check_errors(errors: Mapping[str, Any] | None) -> None:
    if errors is None:
        return
    from nika_core.model.cases import stand_in_error  # only a test waits for the import

    for task, error in errors.items():
        try:
            stand_in_error(error)
        except ValueError as problem:
            raise UsageError(f"the errors: `{task}`: {problem}") from None


def timeout_seconds(timeout: float | str | None) -> float | None:
    """Return a `timeout` in seconds. Raise UsageError if it is malformed."""
    if isinstance(timeout, str):
        return parse_seconds(timeout, "timeout")
    if timeout is not None and not timeout > 0:
        raise UsageError(f"timeout is {timeout!r}, expected seconds above 0", hint="e.g. 300, or '5m'")
    return timeout


def parse_seconds(text: str, name: str) -> float:
    """Return a duration such as `250ms`, `10s` or `7d` in seconds. Raise UsageError that calls it `name`."""
    from nika_core.plugin.fields import Duration

    try:
        return Duration(above_zero=True).parse(text)
    except ValueError as error:
        raise UsageError(f"{name}: {error}", hint=f"e.g. {name} 5m") from None
