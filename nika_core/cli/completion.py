"""Asks what completes an argument or an option, of plugins too: in the folder of `-C`, in silence, without failing."""

from __future__ import annotations

import sys
from contextlib import chdir, redirect_stdout
from typing import Any

import typer
from typer.core import TyperArgument, TyperOption

from nika_core.cli.command_context import CliContext
from nika_core.cli.folder import completion_folder


def prepare_completion(command: Any) -> None:
    """Have what completes a command's arguments and options, and those of commands in it, asked in this way.

    Its `context.obj` is a `CommandContext`, as when the command is called. What it prints is not an answer, and if it
    fails, nothing is offered: the shell asks while somebody types.
    """
    for each in getattr(command, "commands", {}).values():
        prepare_completion(each)
    for parameter in command.params:
        parameter.shell_complete = _guarded(parameter)


def _guarded(parameter: Any) -> Any:
    ask = parameter.shell_complete

    def shell_complete(context: typer.Context, incomplete: str) -> Any:
        try:
            with chdir(completion_folder(context) or "."), redirect_stdout(sys.stderr):
                if context.obj is None:
                    context.obj = CliContext()
                if isinstance(parameter, TyperOption):
                    _read_arguments(context)
                return list(ask(context, incomplete))
        except (Exception, SystemExit):
            return []

    return shell_complete


def _read_arguments(context: typer.Context) -> None:
    """Fill in the arguments that were typed before an option without its value: with one, Typer reads no arguments."""
    left = [*context.args]
    for parameter in context.command.params:
        if left and isinstance(parameter, TyperArgument) and parameter.name:
            count = len(left) if parameter.nargs < 0 else 1
            typed = left if parameter.nargs < 0 else left[0]
            context.params[parameter.name] = parameter.type_cast_value(context, typed)
            left = left[count:]
