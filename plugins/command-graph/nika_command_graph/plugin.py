"""What this plugin brings."""

from nika_core.plugin import Command, hookimpl

NIKA_API = 1


@hookimpl
def nika_commands() -> list[Command]:
    """Return the one command."""
    return [Command(name="graph", app="nika_command_graph.command:graph", summary="Draw a workflow's graph.")]
