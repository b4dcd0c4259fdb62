"""`nika validate`: files and folders checked, nothing called."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

import nika_core as nika
from nika_core import codes
from nika_core.cli.console import mask_with, masked, plain, print_data, print_json, style_data
from nika_core.cli.options import format_option
from nika_core.cli.problems import broken_file_report, errors_in, print_problem, report_json
from nika_core.cli.run_command import open_command_workspace
from nika_core.cli.stdin import STDIN, read_workflow_text
from nika_core.errors import NikaError, Problem, ProblemsError, RefusedError, UsageError, exit_code_of
from nika_core.model.files import FileError, is_folder
from nika_core.model.limits import LimitKind
from nika_core.model.named_files import require_inside

_SUFFIX = ".nika.yaml"
_NOT_OURS = {"node_modules", "__pycache__"}


class ReportFormat(StrEnum):
    """The formats of the report."""

    PRETTY = "pretty"
    JSON = "json"
    COMPACT = "compact"


def validate_command(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[PATH]...", help="Files or folders; `-` reads one; without one, this folder."),
    ] = None,
    no_env: Annotated[
        bool,
        typer.Option(
            "--no-env", help="Do without the values of environment variables: ${env.X} may be unset, as in CI."
        ),
    ] = False,
    format_: Annotated[ReportFormat, format_option()] = ReportFormat.PRETTY,
) -> None:
    """Check workflow files without running anything."""
    shown: set[Problem] = set()  # what is wrong with the project file is said once
    found: list[dict[str, Any]] = []
    codes_of_files: set[int] = set()
    files = invalid = 0
    for path, loaded, code in _all_checked(paths or [Path()], with_environ=not no_env):
        codes_of_files.add(code)
        files += 1
        invalid += bool(errors_in(loaded))
        if format_ is ReportFormat.JSON:
            found.append(report_json(loaded))
        elif format_ is ReportFormat.COMPACT:
            for problem in _new(loaded, shown):
                print_data(masked(nika.render_compact(problem)))
        else:
            _pretty(path, loaded, _new(loaded, shown))
    if format_ is ReportFormat.JSON:
        print_json({"files": found})
    elif format_ is ReportFormat.PRETTY and any(map(is_folder, paths or [Path()])):
        print_data(f"{_count(files, 'file')}: {f'{invalid} invalid' if invalid else 'all valid'}")
    if failed := codes_of_files - {0}:
        sys.exit(min(failed))  # a mistake counts more than a refusal


def _all_checked(paths: list[Path], *, with_environ: bool) -> Iterator[tuple[Path, nika.LoadedWorkflow, int]]:
    """Yield each file with its report and exit code; a broken project file or lock once, in place of its workflows."""
    broken: set[Path] = set()
    opened: dict[Path, nika.Workspace] = {}
    try:
        files = find_files(paths, opened)
    except NikaError as error:
        yield _broken_file(error)
        return
    for path in files:
        try:
            if path == STDIN:
                workspace = open_command_workspace()
                mask_with(workspace.masker)
                loaded = nika.validate(read_workflow_text(), with_environ=with_environ, workspace=workspace)
                yield path, loaded, exit_code_of(loaded.problems)
                continue
            _require_inside(path, paths)
            workspace = _workspace_of(path, opened)
            mask_with(workspace.masker)  # each project has its own
            loaded = nika.validate(path, with_environ=with_environ, workspace=workspace)
            found = path, loaded, exit_code_of(loaded.problems)
        except NikaError as error:
            found = _broken_file(error)
            if found[0] in broken:
                continue
            broken.add(found[0])
        yield found


def _require_inside(path: Path, named: list[Path]) -> None:
    """Raise ProblemsError for a link that a search has found, and that leads out of the folder in which it searched."""
    try:
        if path not in named:
            require_inside(path, *named)
    except FileError as error:
        raise ProblemsError([error.problem()]) from None


def _broken_file(error: NikaError) -> tuple[Path, nika.LoadedWorkflow, int]:
    loaded = broken_file_report(error)
    return Path(loaded.path), loaded, error.exit_code


def _workspace_of(path: Path, opened: dict[Path, nika.Workspace]) -> nika.Workspace:
    """Return the project of a file or folder. Each is opened once, and its plugins are looked for once: that takes far
    longer than checking a file.
    """
    folder = path.absolute() if is_folder(path) else path.absolute().parent
    if folder not in opened:
        workspace = open_command_workspace(path)
        opened[folder] = opened.setdefault(workspace.project_folder, workspace)
    return opened[folder]


def find_files(paths: list[Path], opened: dict[Path, nika.Workspace]) -> list[Path]:
    """Return the workflow files of these files and folders, as many as the project of the first allows.

    Raises UsageError, or RefusedError if there are too many.
    """
    found: dict[Path, Path] = {}
    for path in paths:
        if is_folder(path):
            inside = sorted(
                each
                for each in path.rglob(f"*{_SUFFIX}")
                if not any(part.startswith(".") or part in _NOT_OURS for part in each.relative_to(path).parts)
            )
            if not inside and len(paths) == 1:
                raise UsageError(f"{path} has no *{_SUFFIX} file in it", hint="name a file, or another folder")
        else:
            inside = [path]  # a missing one is reported like any other bad file
        for file in inside:
            found.setdefault(Path(os.path.realpath(file.parent), file.name), file)  # once, however often it is named
    most = _workspace_of(paths[0], opened).limits.bounds.get(LimitKind.FILES)
    if most is not None and len(found) > most.value:
        raise RefusedError(
            codes.COUNT_LIMIT,
            f"there are {len(found)} workflow files, and {most.name} allows {most.value:.0f}",
            hint=f"name fewer folders, or set {most.name}={len(found)}",
        )
    return list(found.values())


def _new(loaded: nika.LoadedWorkflow, shown: set[Problem]) -> list[Problem]:
    """Return the problems of this file, and those of other files that were not shown before."""
    others = {each for each in loaded.problems if each.place is not None and each.place.path != loaded.path}
    repeated = others & shown
    shown |= others
    return [each for each in loaded.problems if each not in repeated]


def _pretty(path: Path, loaded: nika.LoadedWorkflow, problems: list[Problem]) -> None:
    for problem in problems:
        print_problem(problem, loaded, as_data=True)
    errors = errors_in(loaded)
    warnings = len(loaded.problems) - errors
    if errors:
        print_data(f"{style_data('✗', 'red')} {plain(masked(str(path)))}: {_count(errors, 'error')}{_and(warnings)}")
    else:
        workflow = loaded.workflow
        size = f"{_count(len(workflow.tasks), 'task')}, {_count(len(workflow.flows), 'flow')}" if workflow else ""
        print_data(f"{style_data('✓', 'green')} {plain(masked(str(path)))}: valid, {size}{_and(warnings)}")


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("" if number == 1 else "s")


def _and(warnings: int) -> str:
    return f", {_count(warnings, 'warning')}" if warnings else ""
