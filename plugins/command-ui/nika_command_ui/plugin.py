"""What this plugin brings."""

from nika_core.plugin import Command, hookimpl

NIKA_API = 1


@hookimpl
def nika_commands() -> list[Command]:
    """Return the one command."""
    return [Command(name="ui", app="nika_command_ui.command:ui", summary="Show the project's runs in the browser.")]
