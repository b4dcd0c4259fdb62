"""What this plugin brings."""

from nika_core.plugin import Command, hookimpl

NIKA_API = 1


@hookimpl
def nika_commands() -> list[Command]:
    """Return the one command."""
    return [
        Command(name="migrate", app="nika_command_migrate.command:migrate", summary="Turn v4 workflow files into v5.")
    ]
