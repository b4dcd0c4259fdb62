"""What a command is: a word after `nika` on the command line, and what it is given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from nika_core.model.graph import Graph
from nika_core.model.workflow import Workflow
from nika_core.values import dataclass

if TYPE_CHECKING:
    from nika_core.model.project import Project


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """Describe a command of the command line.

    Attributes:
        name: the word after `nika`; also the name of the entry point. `group.word` adds a word to a group of commands,
            Nika's own or another plugin's: `runs.watch` is `nika runs watch`.
        app: "package.module:object": a `typer.Typer` for a group of commands, or a function with Typer's annotations
            for a single one. Its parameter `context: typer.Context` has a `CommandContext` as `context.obj`.
        summary: one sentence; without it, `nika --help` shows the Summary of the distribution, which it shows in any
            case as long as the plugin is not imported.
    """

    name: str
    app: str
    summary: str = ""


@dataclass(frozen=True, slots=True)
class Styled:
    """Text that a terminal shows in a style, if it shows colors.

    Attributes:
        text: escaped and masked like any other.
        styles: any of bold, dim, red, green, yellow, blue and cyan.
    """

    text: str
    styles: tuple[str, ...]


class Terminal(Protocol):
    """Where a command prints. Control characters are shown and not obeyed, and secrets are masked."""

    @property
    def shows_data(self) -> bool:
        """Whether data goes to a terminal, and not to a file or another program."""
        ...

    def allow_colors(self, wanted: bool) -> None:
        """Say whether styles may show as colors: not beside data for programs, e.g. with `--format json`."""
        ...

    def print_data(self, *parts: str | Styled, verbatim: bool = False) -> None:
        """Print what the command was asked for, with a line break at its end, to stdout.

        Args:
            verbatim: print it byte for byte, neither escaped nor masked, if it does not go to a terminal: for text that
                another program reads, such as a diff.
        """
        ...

    def print_json(self, value: Any) -> None:
        """Print one JSON document to stdout."""
        ...

    def print_message(self, *parts: str | Styled) -> None:
        """Print a line for people to stderr."""
        ...

    def mask(self, text: str) -> str:
        """Return `text` with every secret value replaced by `***`."""
        ...

    def escape(self, text: str) -> str:
        """Return `text` masked and without control characters, for a command that draws on the terminal itself."""
        ...


class CommandContext(Protocol):
    """What a command is given as `context.obj`. Nothing is opened or read before it is asked for.

    Attributes:
        folder: the folder that the command works in.
        environ: the environment variables.
        terminal: where it prints.
    """

    @property
    def folder(self) -> Path: ...
    @property
    def environ(self) -> Mapping[str, str]: ...
    @property
    def terminal(self) -> Terminal: ...

    @property
    def project(self) -> Project:
        """The project file's values; those of a project without a file, if there is none. Raises ProblemsError."""
        ...

    @property
    def workspace(self) -> Any:
        """The opened project, as functions of `nika_core` take it: `nika.validate(path, workspace=...)`."""
        ...

    @property
    def journal(self) -> Any:
        """The project's recorded runs, newest first, as `nika_core.runs.list` returns them."""
        ...

    def load_workflow(self, path: Path | None = None) -> Workflow:
        """Load and check a workflow of any project, and print its warnings; without a path, `main:` of nika.yaml.

        The path `-` is standard input.

        From then on the secrets of its project are masked, too. Raises ProblemsError after printing each problem with
        its line; UsageError if neither says which workflow.
        """
        ...

    def read_stdin(self, what: str) -> str:
        """Return the text on standard input, which a user names with `-` in place of a file.

        On a terminal, the user is told to type it. Raises UsageError, which calls it `what`, if it is not text, is too
        large, or was read before: only one of a command's files can be read from it.
        """
        ...

    def graph(self, workflow: Workflow) -> Graph:
        """Return the tasks of a loaded workflow and the edges between them."""
        ...

    def tools_asked(self, workflow: Workflow) -> Mapping[str, Sequence[str]]:
        """Return the entries of `askTools` by which a person is asked about tool calls, by the path of the task.

        A task inside another one has a path like `sections/write`. Tasks whose calls are not asked about are left out.
        """
        ...
