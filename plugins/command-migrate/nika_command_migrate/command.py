"""`nika migrate`: v4 workflow files to v5."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final

import typer

from nika_command_migrate.files import STDIN, FileResult, migrate_paths
from nika_command_migrate.migrate import Status
from nika_command_migrate.notes import Note
from nika_core import Severity, UsageError
from nika_core.plugin import CommandContext, Styled, Terminal

_WORDS: Final = {
    Status.MIGRATED: "would change",
    Status.UNCHANGED: "is v5 already, left alone",
    Status.NOT_OURS: "is not a workflow of Nika, left alone",
    Status.LATER_LINEAGE: "is written for a later Nika of another lineage, left alone",
    Status.UNREADABLE: "cannot be read or written",
    Status.CANNOT: "cannot be migrated by itself, left alone",
}


class Format(StrEnum):
    """How to print."""

    PRETTY = "pretty"
    JSON = "json"


def migrate(
    context: typer.Context,
    paths: Annotated[
        list[Path], typer.Argument(metavar="PATH...", help="Workflow files, or folders of them; `-` reads one.")
    ],
    write: Annotated[bool, typer.Option("--write", help="Change the files; of `-`, print the new text.")] = False,
    check: Annotated[bool, typer.Option("--check", help="Exit 1 if anything would change.")] = False,
    no_backup: Annotated[bool, typer.Option("--no-backup", help="Leave no old text as .v4.bak beside a file.")] = False,
    format_: Annotated[Format, typer.Option("--format", help="How to print.")] = Format.PRETTY,
) -> None:
    """Turn workflow files of v4.5, v4.6 and v4.7 into v5, and show what changes."""
    nika: CommandContext = context.obj
    terminal = nika.terminal
    terminal.allow_colors(format_ is not Format.JSON)
    if write and check:
        raise UsageError("--write and --check exclude each other", hint="run --check in CI, --write at home")
    stdin = nika.read_stdin("the workflow") if STDIN in paths else None
    results = migrate_paths(paths, write=write, backup=not no_backup, stdin=stdin)
    if format_ is Format.JSON:
        terminal.print_json({"files": [result.as_json() for result in results], "summary": _counts(results)})
    else:
        for result in results:
            _show(result, terminal, write=write)
            if write and result.path == STDIN and result.status is not Status.CANNOT:
                terminal.print_data(result.migration.text.removesuffix("\n"), verbatim=True)
        _sum_up(results, terminal, write=write)
    code = exit_code(results, check=check)
    if code:
        raise typer.Exit(code)


def exit_code(results: list[FileResult], *, check: bool) -> int:
    """2: something cannot be read or written; 1: something cannot be migrated, or (with check) would change."""
    states = {result.status for result in results}
    if Status.UNREADABLE in states:
        return 2
    if Status.CANNOT in states or (check and Status.MIGRATED in states):
        return 1
    return 0


def _counts(results: list[FileResult]) -> dict[str, int]:
    counts = {status.value: sum(result.status is status for result in results) for status in Status}
    return {name: count for name, count in counts.items() if count}


def _show(result: FileResult, terminal: Terminal, *, write: bool) -> None:
    """Show the diff as data, and beside it what is to be said about the file."""
    word = "is now v5" if result.written else _WORDS[result.status]
    if result.status is Status.UNCHANGED and result.migration.errors:
        word = "has the form of v5, but v5 refuses it as it is"
    kept = f" (old text: {result.backup})" if result.backup else ""
    terminal.print_message(Styled(str(result.path), ("bold",)), f" {word}{kept}")
    if result.diff and not write:
        _show_diff(result.diff.removesuffix("\n"), terminal)
    for note in result.migration.notes:
        _tell_note(result.path, note, terminal)


def _show_diff(diff: str, terminal: Terminal) -> None:
    """Show the diff, in colors on a terminal; byte for byte elsewhere."""
    if not terminal.shows_data:
        terminal.print_data(diff, verbatim=True)
        return
    colors = {"+": "green", "-": "red", "@": "cyan"}
    for line in diff.split("\n"):
        color = colors.get(line[:1])
        terminal.print_data(Styled(line, (color,)) if color else line)


def _tell_note(path: Path, note: Note, terminal: Terminal) -> None:
    color = "red" if note.severity is Severity.ERROR else "yellow"
    head = Styled(f"{note.severity.value}[{note.code}]", ("bold", color))
    terminal.print_message(f"{path}:{note.line}:{note.column}: ", head, f": {note.message}")
    terminal.print_message("  ", Styled("hint", ("cyan",)), f": {note.hint}")


def _sum_up(results: list[FileResult], terminal: Terminal, *, write: bool) -> None:
    if not results:
        terminal.print_message("no workflow files (*.nika.yaml) found")
        return
    changed = sum(result.changes for result in results)
    errors = sum(len(result.migration.errors) for result in results if result.changes)
    done = "migrated" if write else "to migrate"
    text = f"{len(results)} file{'s' if len(results) != 1 else ''}, {changed} {done}"
    if errors:
        text += f", {errors} thing{'s' if errors != 1 else ''} to fix by hand before v5 accepts them"
    if changed and not write:
        text += "; --write changes the files"
    terminal.print_message(text)
