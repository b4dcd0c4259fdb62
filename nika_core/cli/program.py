"""The commands there are, each imported only when it is called, and what becomes of an error."""

from __future__ import annotations

import contextlib
import errno
import importlib
import os
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Annotated, Any, Final

import typer
import typer.core

from nika_core import codes
from nika_core.cli.console import (
    allow_colours,
    mask_project_secrets,
    mask_with,
    masked,
    open_closed_streams,
    plain,
    print_data,
    print_error,
    print_message,
    stdout_for_data,
    style,
)
from nika_core.cli.folder import completion_folder, folder_option
from nika_core.cli.stdin import begin_command
from nika_core.errors import NikaError, UsageError
from nika_core.model.masking import Masker, secret_values
from nika_core.model.nearest import nearest
from nika_core.values import dataclass


@dataclass(frozen=True, slots=True)
class LazyCommand:
    """`target` is "module:name" of a function, or of a Typer app for a group of commands."""

    target: str
    summary: str


COMMANDS: Final = {
    "run": LazyCommand("nika_core.cli.run_command:run_command", "Run a workflow."),
    "resume": LazyCommand(
        "nika_core.cli.resume_command:resume_command", "Resume an interrupted, paused or failed run."
    ),
    "answer": LazyCommand("nika_core.cli.answer_command:answer_command", "Answer the questions of a run."),
    "signal": LazyCommand("nika_core.cli.signal_command:signal_command", "Give a task what it waits for."),
    "why": LazyCommand("nika_core.cli.why_command:why_command", "Why a task ran, was reused or skipped."),
    "validate": LazyCommand(
        "nika_core.cli.validate_command:validate_command", "Check workflow files without running anything."
    ),
    "plan": LazyCommand("nika_core.cli.plan_command:plan_command", "Show what a run would do, touch and cost."),
    "runs": LazyCommand("nika_core.cli.runs_command:app", "The history of runs: list, show, remove."),
    "worker": LazyCommand("nika_core.cli.worker_command:app", "Do the tasks of runs on a backend."),
    "trust": LazyCommand("nika_core.cli.trust_command:trust_command", "Let a folder's project file widen things."),
    "init": LazyCommand("nika_core.cli.init_command:init_command", "Make a project that runs at once, offline."),
    "plugins": LazyCommand("nika_core.cli.plugins_command:app", "What is installed, allowed, in conflict or broken."),
    "providers": LazyCommand(
        "nika_core.cli.providers_command:providers_command", "Model providers, their keys and prices."
    ),
    "limits": LazyCommand(
        "nika_core.cli.limits_command:limits_command", "Every limit, its value and where it came from."
    ),
    "schema": LazyCommand("nika_core.cli.schema_command:schema_command", "The JSON Schema of a workflow, for editors."),
    "explain": LazyCommand("nika_core.cli.explain_command:explain_command", "What a NIKA code means, and its fix."),
}


class LazyGroup(typer.core.TyperGroup):
    """Knows its commands' names and summaries; imports one when it is called."""

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.params.append(folder_option())

    def list_commands(self, ctx: Any) -> list[str]:
        """List the commands in the order of the table, and then those of plugins."""
        return [*COMMANDS, *_of_plugins()]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Import and build the command; None when there is none of this name."""
        from nika_core.cli.plugin_commands import build, plugin_command

        lazy = COMMANDS.get(cmd_name)
        folder = completion_folder(ctx)  # a command that is called is in its folder already
        with contextlib.chdir(folder) if folder else contextlib.nullcontext():
            command = None if cmd_name.startswith("-") or "." in cmd_name else plugin_command(cmd_name)
        if command is not None or lazy is None:
            return command
        module, _, name = lazy.target.partition(":")
        return build(cmd_name, getattr(importlib.import_module(module), name))

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Resolve a command as Typer does, which looks for the nearest name among commands that are imported."""
        if args[0] not in COMMANDS and not ctx.resilient_parsing:
            names = self.list_commands(ctx)
            near = None if args[0] in names else nearest(args[0], names)
            if near:
                ctx.fail(f"No such command {args[0]!r}. Did you mean {near!r}?")
        return super().resolve_command(ctx, args)

    def shell_complete(self, ctx: Any, incomplete: str) -> Any:
        """Complete as Typer does, without importing the commands: their summaries are in the table."""
        if incomplete.startswith("-"):
            return super().shell_complete(ctx, incomplete)
        with contextlib.chdir(completion_folder(ctx) or "."):
            return [
                SimpleNamespace(value=plain(name), type="plain", help=plain(summary))  # what shells are told of
                for name, summary in _summaries().items()
                if name.startswith(incomplete)
            ]

    def make_context(self, *args: Any, **more: Any) -> Any:
        """Make a context as Typer does; make a usage error's message, which repeats what was typed, fit to print."""
        with _usage_errors_made_printable():
            return super().make_context(*args, **more)

    def invoke(self, ctx: Any) -> Any:
        """Invoke a command as Typer does; make the message of a usage error fit to be printed."""
        with _usage_errors_made_printable():
            return super().invoke(ctx)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Format the table, without importing what it lists."""
        with formatter.section("Commands"):
            formatter.write_dl([(plain(name), plain(summary)) for name, summary in _summaries().items()])


@contextlib.contextmanager
def _usage_errors_made_printable() -> Iterator[None]:
    """Mask the messages of the library's usage errors, and show what is invisible in them."""
    try:
        yield
    except Exception as error:
        # Only the library's own errors have both; its module is private to Typer.
        if hasattr(error, "format_message") and isinstance(message := getattr(error, "message", None), str):
            mask_project_secrets()
            error.message = plain(masked(message))  # type: ignore[attr-defined]  # see above
        raise


def _summaries() -> dict[str, str]:
    return {name: lazy.summary for name, lazy in COMMANDS.items()} | _of_plugins()


def _of_plugins() -> dict[str, str]:
    """Return the commands of plugins, without those that are in a group."""
    from nika_core.cli.plugin_commands import commands_of_plugins

    return {
        name: summary for name, summary in commands_of_plugins().items() if name not in COMMANDS and "." not in name
    }


_DISK_ERRORS: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EIO})

app = typer.Typer(
    name="nika",
    cls=LazyGroup,
    invoke_without_command=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(value: bool) -> None:
    if value:
        import nika_core

        print_data(nika_core.version())
        raise typer.Exit


@app.callback()
def nika(
    ctx: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Run workflows of AI tasks, written as strict YAML, under hard limits."""
    if ctx.invoked_subcommand is None:
        print_data(ctx.get_help())
    elif not {"-h", "--help"} & set(sys.argv):  # help is data, and printed by the library itself
        ctx.with_resource(stdout_for_data())
        _require_folder()


def _require_folder() -> None:
    """Require the current folder: every command looks for its files from there."""
    try:
        Path.cwd()
    except FileNotFoundError:
        message = "the folder you are in is no longer there"
        raise UsageError(message, hint="go to another one: cd /") from None


def _on_its_way_out(what: Any) -> None:
    """Handle what nobody can catch, e.g. a step that does not even end when the process does."""
    with contextlib.suppress(Exception):
        print_message(
            f"{style('warning', 'yellow')}: at the end, {type(what.exc_value).__name__}: {plain(str(what.exc_value))}"
        )


def main() -> None:
    """Run the command line; every error ends in a message and an exit code, never in a traceback."""
    if "_NIKA_COMPLETE" in os.environ:  # the shell asks while somebody types: nothing but completions is shown
        with Path(os.devnull).open("w", encoding="utf-8") as nowhere, contextlib.redirect_stderr(nowhere):
            _main()
    else:
        _main()


def _main() -> None:
    open_closed_streams()
    begin_command()
    allow_colours(True)
    mask_with(Masker(secret_values(os.environ)))
    if sys.unraisablehook is sys.__unraisablehook__ and not os.environ.get("NIKA_DEBUG"):
        sys.unraisablehook = _on_its_way_out
    try:
        app(prog_name="nika")
    except NikaError as error:
        if not getattr(error, "told", False):
            mask_project_secrets()
            print_error(error)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:  # the reader of our stdout has gone: nobody is left to tell
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except SystemExit:
        raise
    except BaseException as error:  # also CancelledError: a plugin may have cancelled what it has not begun
        mask_project_secrets()
        if isinstance(error, OSError) and error.errno in _DISK_ERRORS and error.filename is None:
            # Nothing that names a file: our own stdout, redirected to a full disk.
            print_error(UsageError(f"the output cannot be written: {error.strerror}", hint="write it elsewhere"))
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(1)
        if os.environ.get("NIKA_DEBUG"):
            print_message(traceback.format_exc())
        hint = "this is a fault in Nika or in a plugin: set NIKA_DEBUG=1 to see where, and please report it"
        print_error(NikaError(codes.INTERNAL, f"{type(error).__name__}: {error}", hint=hint))
        sys.exit(1)
