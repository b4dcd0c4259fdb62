"""`nika trust`: whether the project file of a folder may widen what is done; and the question before a run."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

import nika_core as nika
from nika_core.cli.console import plain, print_data, print_json, print_message
from nika_core.cli.options import Format, FormatOption
from nika_core.errors import UsageError


def trust_command(
    folder: Annotated[Path, typer.Argument(metavar="[DIR]", help="The project's folder.")] = Path(),
    remove: Annotated[bool, typer.Option("--remove", help="Forget what was decided of this folder.")] = False,
    list_: Annotated[bool, typer.Option("--list", help="List what was decided, and of which files.")] = False,
    format_: FormatOption = Format.PRETTY,
) -> None:
    """Let the project file of a folder widen what is done, until the file changes."""
    if remove and list_:
        raise UsageError("--remove and --list are two commands", hint="give one of them")
    if list_:
        _list(format_)
    elif remove:
        _remove(folder, format_)
    else:
        status = nika.trust(folder=folder)
        if format_ is Format.JSON:
            print_json(_json(status))
            return
        print_data(f"trusted: {plain(str(status.path))}")
        print_message(f"it widens {plain(', '.join(status.widens))}" if status.widens else "it widens nothing now")
        print_message("a change of the file ends the trust; `nika trust --remove` ends it at once")
        if status.by_variable and not status.trusted:
            print_message("NIKA_TRUST is set, and says otherwise: it counts")


def _list(format_: Format) -> None:
    decisions = nika.trust_decisions()
    if format_ is Format.JSON:
        print_json({"decisions": [{"path": str(each.path), "trusted": each.trusted} for each in decisions]})
        return
    for each in decisions:
        print_data(f"{'trusted ' if each.trusted else 'declined'}  {plain(str(each.path))}")
    if not decisions:
        print_message("nothing was decided yet: nika trust DIR")


def _remove(folder: Path, format_: Format) -> None:
    number = nika.forget_trust(folder)
    if format_ is Format.JSON:
        print_json({"removed": number})
    elif number:
        print_data(f"no longer trusted: {plain(str(folder.resolve()))}")
    else:
        print_message(f"nothing was decided of {plain(str(folder.resolve()))}")


def _json(status: nika.FolderTrust) -> dict[str, object]:
    return {"path": str(status.path), "trusted": status.trusted, "widens": list(status.widens)}


def ask_for_trust(workspace: nika.Workspace) -> bool:
    """Ask once, on a terminal, whether the project file may widen things; return whether it was trusted just now."""
    project = workspace.project
    widening = project.prices or project.prefer or project.limits or project.settings
    if not widening or workspace.trust.decision is not None or not (sys.stdin.isatty() and sys.stderr.isatty()):
        return False
    status = nika.trust_status(workspace=workspace)
    if not status.widens:
        return False
    print_message(f"{plain(str(status.path))} widens what may be done: {plain(', '.join(status.widens))}")
    try:
        trusted = typer.confirm("Do you trust it?", err=True)
    except typer.Abort:
        print_message("")  # undecided: asked again the next time
        return False
    (nika.trust if trusted else nika.decline_trust)(workspace=workspace)
    return trusted
