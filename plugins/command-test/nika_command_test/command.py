"""`nika test`: the cases of test files, replayed; with `--update` recorded anew."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from stat import S_ISDIR
from typing import Annotated, Final

import typer

import nika_core as nika
from nika_command_test.junit import junit_xml
from nika_command_test.showing import case_json, money, show_case
from nika_core import UsageError
from nika_core.plugin import CommandContext, Styled

_STDIO: Final = Path("-")


class Format(StrEnum):
    """How to print."""

    PRETTY = "pretty"
    JSON = "json"


def run_tests(
    context: typer.Context,
    files: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[FILES]", help="Files *.nika.test.yaml, or folders of them; `-` reads one."),
    ] = None,
    update: Annotated[bool, typer.Option("--update", help="Run for real and record anew; asks first.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="With --update: do not ask.")] = False,
    junit: Annotated[
        Path | None,
        typer.Option("--junit", metavar="FILE", help="Write a report for CI; `-`: to stdout, in place of the cases."),
    ] = None,
    format_: Annotated[Format, typer.Option("--format", help="How to print.")] = Format.PRETTY,
) -> None:
    """Run the cases of test files. Nothing is called, and nothing is spent, without --update."""
    command: CommandContext = context.obj
    terminal = command.terminal
    terminal.allow_colors(format_ is not Format.JSON)
    if yes and not update:
        raise UsageError("--yes is for --update", hint="add --update, or leave it out")
    if junit == _STDIO and format_ is Format.JSON:
        raise UsageError("--junit - and --format json both write to stdout", hint="write the report to a file")
    if junit is not None and junit != _STDIO:
        _require_writable(junit)
    named = [command.read_stdin("the test file") + "\n" if file == _STDIO else file for file in files or [Path()]]
    suite = nika.load_tests(named, environ=command.environ)
    if update:
        _ask(suite, command, yes=yes)
    quiet = format_ is Format.JSON or junit == _STDIO
    report = suite.run(update=update, on_case=None if quiet else lambda case: show_case(case, terminal))
    if junit == _STDIO:
        terminal.print_data(junit_xml(report, terminal.mask).removesuffix("\n"), verbatim=True)
    if format_ is Format.JSON:
        terminal.print_json(
            {
                "cases": [case_json(case) for case in report.cases],
                "stale": [str(path) for path in report.stale],
            }
        )
    _sum_up(report, terminal.print_message if quiet else terminal.print_data, update=update)
    if junit is not None and junit != _STDIO:
        _write(junit, junit_xml(report, terminal.mask))
    if not report.passed:
        raise typer.Exit(1)


def _ask(suite: nika.TestSuite, command: CommandContext, *, yes: bool) -> None:
    """Show what recording costs, and ask. Raise Exit if the answer is no."""
    terminal, cost = command.terminal, suite.forecast()
    if not cost.cases:
        raise UsageError("--update: no case has a recording", hint="add `recording: DIR` to a case or to its file")
    high = "with no upper bound" if cost.cost_high is None else f"at most {money(cost.cost_high)}"
    unpriced = f", without what {', '.join(cost.unpriced)} cost" if cost.unpriced else ""
    cases = f"{cost.cases} case{'s' if cost.cases != 1 else ''}"
    terminal.print_message(
        f"{cases} would run for real, with all effects: at least {money(cost.cost_low)}, {high}{unpriced}"
    )
    if yes:
        return
    if not sys.stdin.isatty():
        raise UsageError("--update asks before it spends, and there is no terminal", hint="add --yes")
    if not typer.confirm("Record them anew?", err=True):
        raise typer.Exit(3)


def _require_writable(path: Path) -> None:
    """Raise UsageError if a report cannot be written: before the cases run, which may cost something."""
    try:
        there = path.stat() if os.path.lexists(path) else None
        parent = path.parent.stat()
    except OSError as error:
        raise _unwritable(path, error.errno) from None
    if there is not None and S_ISDIR(there.st_mode):
        raise _unwritable(path, errno.EISDIR)
    if not S_ISDIR(parent.st_mode):
        raise _unwritable(path, errno.ENOTDIR)
    if not os.access(path.parent if there is None else path, os.W_OK):
        raise _unwritable(path, errno.EACCES)


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise _unwritable(path, error.errno) from None


def _unwritable(path: Path, number: int | None) -> UsageError:
    return UsageError(f"--junit {path}: {os.strerror(number or 0)}", hint="name a file that can be written")


def _sum_up(report: nika.SuiteReport, show: Callable[..., None], *, update: bool) -> None:
    """Print the count below the cases, or, if stdout has a report for programs, as a message."""
    for path in report.stale:
        show(Styled("stale", ("yellow",)), f": no case of these files asks for {path}")
    failed = sum(not case.passed for case in report.cases)
    count = f"{len(report.cases)} case{'s' if len(report.cases) != 1 else ''}"
    spent = f", {money(sum(float(case.usage.cost_usd) for case in report.cases))} spent" if update else ""
    word = Styled(f"{failed} failed", ("bold", "red")) if failed else Styled("all passed", ("bold", "green"))
    show(f"{count}: ", word, spent)
