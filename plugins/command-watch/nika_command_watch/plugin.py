"""Declares the command `nika runs watch`."""

from nika_core.plugin import Command, hookimpl

NIKA_API = 1


@hookimpl
def nika_commands() -> list[Command]:
    """Return the one command."""
    return [
        Command(
            name="runs.watch",
            app="nika_command_watch.command:watch",
            summary="Follow runs of this project in the terminal, of any process.",
        )
    ]
