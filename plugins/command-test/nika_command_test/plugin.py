"""What this plugin brings."""

from nika_core.plugin import Command, hookimpl

NIKA_API = 1


@hookimpl
def nika_commands() -> list[Command]:
    """Return the one command."""
    return [Command(name="test", app="nika_command_test.command:run_tests", summary="Run the tests of workflows.")]
