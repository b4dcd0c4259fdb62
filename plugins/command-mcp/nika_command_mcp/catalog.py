"""The workflows that are served, as tools."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import nika_core as nika
from nika_command_mcp.schemas import inputs_schema, result_schema
from nika_core import ProblemsError, UsageError

_SUFFIX: Final = ".nika.yaml"
_LONGEST: Final = 64  # characters of a tool's name that all clients take


@dataclass(frozen=True)
class ServedWorkflow:
    """A workflow as a tool."""

    name: str
    path: Path
    description: str
    input_schema: dict[str, Any]
    output_schema: dict[str, Any]


def served_workflows(paths: Iterable[Path], workspace: Any) -> dict[str, ServedWorkflow]:
    """Return the workflows by the names of their tools.

    Args:
        paths: files, and folders whose workflow files are meant.

    Raises:
        ProblemsError: one of them is invalid.
        UsageError: there is none, or two have one name.
    """
    found: dict[str, ServedWorkflow] = {}
    for path in _files(paths):
        served = _served(path)
        other = found.get(served.name)
        if other is not None:
            raise UsageError(
                f"{other.path} and {served.path} would both be the tool '{served.name}'",
                hint="give one of them another `name`, or serve only one",
            )
        found[served.name] = served
    if not found:
        raise UsageError("there is no workflow to serve", hint="nika mcp FILE.nika.yaml, or a folder with such files")
    return found


def _files(paths: Iterable[Path]) -> Iterator[Path]:
    for path in paths:
        if path == Path("-"):
            raise UsageError("a workflow that is served is a file", hint="write it to a file, and name that")
        if path.is_dir():
            yield from sorted(each for each in path.glob(f"*{_SUFFIX}") if not each.name.endswith(f".test{_SUFFIX}"))
        else:
            yield path


def _served(path: Path) -> ServedWorkflow:
    loaded = nika.load(path)
    workflow = loaded.workflow
    if workflow is None:
        raise ProblemsError(loaded.problems)
    name = re.sub(r"[^A-Za-z0-9_-]+", "_", workflow.name).strip("_")[:_LONGEST] or "workflow"
    about = workflow.description or f"Run the workflow {workflow.name}."
    return ServedWorkflow(name, path, about, inputs_schema(workflow.inputs), result_schema(loaded))
