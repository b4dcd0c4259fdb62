"""What this plugin brings."""

from nika_core.plugin import Command, hookimpl

NIKA_API = 1


@hookimpl
def nika_commands() -> list[Command]:
    """Return the one command."""
    summary = "Check keys, servers, models, plugins, terminal and history."
    return [Command(name="doctor", app="nika_command_doctor.command:doctor", summary=summary)]
