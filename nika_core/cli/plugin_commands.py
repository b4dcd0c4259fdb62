"""Commands of plugins on the command line: built when they are called, and never the cause of a traceback."""

from __future__ import annotations

import os
from typing import Any

import typer
import typer.main
from typer.exceptions import Exit, TyperException

from nika_core.api.commands import command_failed, load_command
from nika_core.cli.command_context import CliContext
from nika_core.cli.console import mask_project_secrets
from nika_core.cli.folder import add_folder_option
from nika_core.errors import NikaError


def plugin_command(name: str) -> Any:
    """Import a plugin's command and build it; None if no plugin has it. Raises NikaError."""
    loaded = load_command(name)
    if loaded is None:
        return None
    try:
        command = build(name, loaded)
    except Exception as error:  # whatever Typer says of a function that it cannot use
        raise command_failed(name, f"names no Typer app or function: {type(error).__name__}: {error}") from error
    invoke = command.invoke

    def guarded(context: typer.Context) -> Any:
        mask_project_secrets()
        context.obj = CliContext()
        try:
            return invoke(context)
        except (NikaError, TyperException, Exit, BrokenPipeError):
            raise
        except Exception as error:
            if os.environ.get("NIKA_DEBUG"):
                raise
            raise command_failed(name, f"fails: {type(error).__name__}: {error}") from error

    command.invoke = guarded
    return command


def build(name: str, loaded: Any) -> Any:
    """Return Typer's command of an app, or of a function."""
    if not isinstance(loaded, typer.Typer):
        single = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
        single.command(name=name, help=loaded.__doc__)(loaded)
        loaded = single
    command = typer.main.get_command(loaded)
    command.name = name
    add_folder_option(command)
    return command
