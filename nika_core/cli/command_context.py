"""What the command line gives a plugin's command: implements `CommandContext` and `Terminal` of `nika_core.plugin`."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nika_core as nika
from nika_core.cli import console
from nika_core.cli.stdin import STDIN, read_stdin, read_workflow_text

if TYPE_CHECKING:
    from nika_core.model.graph import Graph
    from nika_core.model.project import Project
    from nika_core.model.workflow import Workflow
    from nika_core.plugin import Styled


class ConsoleTerminal:
    """Prints as the built-in commands do."""

    @property
    def shows_data(self) -> bool:
        return console.data_stream().isatty()

    def allow_colors(self, wanted: bool) -> None:
        console.allow_colours(wanted)

    def print_data(self, *parts: str | Styled, verbatim: bool = False) -> None:
        if verbatim and not self.shows_data:
            console.print_data("".join(part if isinstance(part, str) else part.text for part in parts))
        else:
            console.print_data("".join(self._shown(part, data=True) for part in parts))

    def print_json(self, value: Any) -> None:
        console.print_json(value)

    def print_message(self, *parts: str | Styled) -> None:
        console.print_message("".join(self._shown(part, data=False) for part in parts))

    def mask(self, text: str) -> str:
        return console.masked(text)

    def escape(self, text: str) -> str:
        return console.plain(console.masked(text))

    def _shown(self, part: str | Styled, *, data: bool) -> str:
        if isinstance(part, str):
            return console.plain(console.masked(part))
        text = console.plain(console.masked(part.text))
        return (console.style_data if data else console.style)(text, *part.styles)


class CliContext:
    """Opens the project when it is first asked for."""

    def __init__(self) -> None:
        self.folder = Path.cwd()
        self.environ: Mapping[str, str] = os.environ
        self.terminal = ConsoleTerminal()
        self._opened: dict[Path, nika.Workspace] = {}  # by workflow

    @cached_property
    def workspace(self) -> nika.Workspace:
        from nika_core.cli.run_command import open_command_workspace

        workspace = open_command_workspace()
        console.mask_with(workspace.masker)
        return workspace

    @property
    def project(self) -> Project:
        return self.workspace.project

    @property
    def journal(self) -> tuple[nika.RecordedRun, ...]:
        return nika.runs.list(folder=self.workspace.project_folder)

    def load_workflow(self, path: Path | None = None) -> Workflow:
        from nika_core.cli.problems import require_workflow
        from nika_core.cli.run_command import find_workflow

        workspace, path = find_workflow(path)
        console.mask_with(workspace.masker)
        loaded = workspace.load(path) if path != STDIN else nika.load(read_workflow_text(), workspace=workspace)
        workflow = require_workflow(loaded)
        self._opened[workflow.path] = workspace
        return workflow

    def read_stdin(self, what: str) -> str:
        return read_stdin(what)

    def graph(self, workflow: Workflow) -> Graph:
        return self._workspace_of(workflow).graph(workflow)

    def tools_asked(self, workflow: Workflow) -> Mapping[str, Sequence[str]]:
        return self._workspace_of(workflow).tools_asked(workflow)

    def _workspace_of(self, workflow: Workflow) -> nika.Workspace:
        return self._opened.get(workflow.path) or self.workspace
