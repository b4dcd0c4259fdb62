"""Commands of plugins on the command line: built when they are called, and never the cause of a traceback."""

from __future__ import annotations

import os
from typing import Any

import typer
import typer.main
from typer.core import TyperGroup
from typer.exceptions import Exit, TyperException

from nika_core.api.commands import command_failed, load_command
from nika_core.cli.command_context import CliContext
from nika_core.cli.console import mask_project_secrets, plain, print_message, style
from nika_core.cli.empty_paths import refuse_empty_paths
from nika_core.cli.folder import add_folder_option
from nika_core.errors import NikaError


def plugin_command(name: str) -> Any:
    """Import a plugin's command and build it; None if no plugin has it. Raises NikaError.

    Args:
        name: the word after `nika`, or a group's and one in it: `runs.watch`.
    """
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
        single.command(name=name.rpartition(".")[2], help=loaded.__doc__)(loaded)
        loaded = single
    command = typer.main.get_command(loaded)
    command.name = name.rpartition(".")[2]
    add_folder_option(command)
    refuse_empty_paths(command)
    if "_NIKA_COMPLETE" in os.environ:
        from nika_core.cli.completion import prepare_completion

        prepare_completion(command)
    if isinstance(command, TyperGroup):
        _open_to_plugins(command, name)
    return command


def _open_to_plugins(group: TyperGroup, name: str) -> None:
    """Let plugins add commands to a group: what it has itself goes first."""
    own_command, own_list = group.get_command, group.list_commands

    def get_command(context: Any, word: str) -> Any:
        command = own_command(context, word)
        if command is None and not word.startswith("-"):
            command = plugin_command(f"{name}.{word}")
        return command

    def list_commands(context: Any) -> list[str]:
        inside = f"{name}."
        added = [word.removeprefix(inside) for word in commands_of_plugins() if word.startswith(inside)]
        return [*own_list(context), *(word for word in added if word not in group.commands)]

    opened: Any = group  # this one group, which Typer has just made
    opened.get_command, opened.list_commands = get_command, list_commands


def commands_of_plugins() -> dict[str, str]:
    """Return the commands of plugins with their summaries; none, and a message, if the project does not say which."""
    try:
        from nika_core.api.commands import plugin_commands

        return plugin_commands()
    except NikaError as error:
        print_message(f"{style('note', 'yellow')}: the commands of plugins are not listed: {plain(error.message)}")
        return {}
