"""What this plugin brings."""

from nika_core.plugin import Command, hookimpl

NIKA_API = 1


@hookimpl
def nika_commands() -> list[Command]:
    """Return the one command."""
    return [Command(name="mcp", app="nika_command_mcp.command:mcp", summary="Serve workflows as MCP tools.")]
