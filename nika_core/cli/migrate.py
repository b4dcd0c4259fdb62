"""`nika migrate`: v4 workflow files to v5."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

from nika_core.cli.console import data_stream, plain, print_data, print_json, print_message, style, style_data
from nika_core.cli.options import Format, FormatOption
from nika_core.errors import Severity, UsageError
from nika_core.migration import FileResult, Note, Status, migrate_paths

_WORDS: Final = {
    Status.MIGRATED: "would change",
    Status.UNCHANGED: "is v5 already, left alone",
    Status.NOT_OURS: "is no workflow of Nika, left alone",
    Status.LATER_LINEAGE: "is written for a later Nika of another lineage, left alone",
    Status.UNREADABLE: "cannot be read or written",
    Status.CANNOT: "cannot be migrated by itself, left alone",
}


def migrate(
    paths: Annotated[list[Path], typer.Argument(metavar="PATH...", help="Workflow files, or folders of them.")],
    write: Annotated[bool, typer.Option("--write", help="Change the files.")] = False,
    check: Annotated[bool, typer.Option("--check", help="Exit 1 if anything would change.")] = False,
    no_backup: Annotated[bool, typer.Option("--no-backup", help="Leave no old text as .v4.bak beside a file.")] = False,
    format_: FormatOption = Format.PRETTY,
) -> None:
    """Turn workflow files of v4.5, v4.6 and v4.7 into v5, and show what changes."""
    if write and check:
        raise UsageError("--write and --check exclude each other", hint="run --check in CI, --write at home")
    results = migrate_paths(paths, write=write, backup=not no_backup)
    if format_ is Format.JSON:
        print_json({"files": [result.as_json() for result in results], "summary": _counts(results)})
    else:
        for result in results:
            _show(result, write=write)
        _sum_up(results, write=write)
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


def _show(result: FileResult, *, write: bool) -> None:
    """The diff as data; what is to be said about the file beside it."""
    word = "is now v5" if result.written else _WORDS[result.status]
    if result.status is Status.UNCHANGED and result.migration.errors:
        word = "has the form of v5, but v5 refuses it as it is"
    kept = f" (old text: {result.backup})" if result.backup else ""
    print_message(f"{style(plain(str(result.path)), 'bold')} {word}{plain(kept)}")
    if result.diff and not write:
        print_data(_shown(result.diff))
    for note in result.migration.notes:
        _tell_note(result.path, note)


def _shown(diff: str) -> str:
    """The diff for a terminal: coloured, and without control codes. Byte for byte where it goes elsewhere."""
    diff = diff.removesuffix("\n")
    if not data_stream().isatty():
        return diff
    colours = {"+": "green", "-": "red", "@": "cyan"}
    lines = []
    for line in plain(diff).split("\n"):
        colour = colours.get(line[:1])
        lines.append(style_data(line, colour) if colour else line)
    return "\n".join(lines)


def _tell_note(path: Path, note: Note) -> None:
    colour = "red" if note.severity is Severity.ERROR else "yellow"
    head = style(f"{note.severity.value}[{note.code}]", "bold", colour)
    print_message(f"{plain(str(path))}:{note.line}:{note.column}: {head}: {plain(note.message)}")
    print_message(f"  {style('hint', 'cyan')}: {plain(note.hint)}")


def _sum_up(results: list[FileResult], *, write: bool) -> None:
    if not results:
        print_message("no workflow files (*.nika.yaml) found")
        return
    changed = sum(result.changes for result in results)
    errors = sum(len(result.migration.errors) for result in results if result.changes)
    done = "migrated" if write else "to migrate"
    text = f"{len(results)} file{'s' if len(results) != 1 else ''}, {changed} {done}"
    if errors:
        text += f", {errors} thing{'s' if errors != 1 else ''} to mend by hand before v5 takes them"
    if changed and not write:
        text += "; --write changes the files"
    print_message(text)
