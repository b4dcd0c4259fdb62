"""The option `-C DIR`, which every command has, those of plugins too: it works as if it was called in DIR."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from typer.core import TyperOption

from nika_core.cli.console import plain
from nika_core.errors import UsageError

_FOLDER = "nika.folder"
_NAMES = ("-C", "--folder")


def add_folder_option(command: Any) -> None:
    """Give a command, and each command in it, the option; one that has an option of this name keeps its own."""
    commands = getattr(command, "commands", None)
    if commands is not None:
        for each in commands.values():
            add_folder_option(each)
    if commands is None or command.invoke_without_command:
        taken = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}
        if taken.isdisjoint(_NAMES):
            command.params.append(folder_option())


def folder_option() -> TyperOption:
    """Return the option, which stands before a command or after it."""
    return TyperOption(
        param_decls=["folder_", *_NAMES],
        type=str,
        metavar="DIR",
        is_eager=True,  # before anything else looks at a path
        expose_value=False,
        callback=_enter,
        help="Work as if Nika was called in this folder.",
    )


def completion_folder(context: Any) -> str | None:
    """Return the folder that was named to a command whose arguments are being completed."""
    folder: str | None = context.meta.get(_FOLDER)
    return folder


def _enter(context: Any, parameter: Any, folder: str | None) -> None:
    if not folder:
        return
    if context.resilient_parsing:  # of a completion: its context has been left before anything is looked for
        context.meta[_FOLDER] = folder
        return
    before = Path.cwd()
    try:
        os.chdir(folder)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UsageError(f"-C {plain(folder)}: {reason}", hint="name a folder that is there") from None
    context.find_root().call_on_close(lambda: os.chdir(before))
