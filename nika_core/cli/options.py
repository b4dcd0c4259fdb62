"""Arguments and options that several commands share."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

import nika_core as nika
from nika_core.cli.console import allow_colours


class Format(StrEnum):
    """The formats of a command's output."""

    PRETTY = "pretty"
    JSON = "json"


class RunFormat(StrEnum):
    """The formats of a run's output."""

    PRETTY = "pretty"
    JSON = "json"
    JSONL = "jsonl"


def _without_colours(format_: Any) -> Any:
    """Turn colours off for machine formats, also in messages."""
    if format_ in {Format.JSON, RunFormat.JSONL}:
        allow_colours(False)
    return format_


def format_option() -> Any:
    """Return the option `--format`, for any enumeration of formats."""
    return typer.Option("--format", help="The output's format.", callback=_without_colours)


FormatOption = Annotated[Format, format_option()]
RunFormatOption = Annotated[RunFormat, format_option()]
VerboseOption = Annotated[int, typer.Option("--verbose", "-v", count=True, help="Show more; twice for everything.")]
WorkflowArgument = Annotated[
    Path | None, typer.Argument(help="The workflow's file; `-` reads it; without one, `main:` of nika.yaml.")
]
InputOption = Annotated[
    list[str] | None,
    typer.Option(
        "--input",
        "-i",
        metavar="KEY=VALUE",
        help="An input; KEY=@file reads a file.",
        autocompletion=nika.complete_inputs,
    ),
]
InputsOption = Annotated[Path | None, typer.Option("--inputs", help="Inputs from a YAML or JSON file.")]
ProviderOption = Annotated[
    str | None,
    typer.Option("--provider", "-p", help="The provider for all models.", autocompletion=nika.complete_providers),
]
ModelOption = Annotated[str | None, typer.Option("--model", "-m", help="The agent block's model.")]
OnOption = Annotated[
    str | None,
    typer.Option("--on", metavar="URL", help="The backend, e.g. temporal://localhost:7233/default; else nika.yaml's."),
]
SharedOption = Annotated[
    Path | None,
    typer.Option("--shared", metavar="DIR", help="A folder that all machines share, with the same path."),
]
EnvFileOption = Annotated[
    Path | None,
    typer.Option("--env-file", metavar="FILE", help="Variables for this run, KEY=VALUE lines; those that are set win."),
]
LAST = "last"
RunArgument = Annotated[
    str,
    typer.Argument(
        help="The run's id, a unique beginning of it, or `last`.",
        show_default=False,
        autocompletion=nika.complete_runs,
    ),
]
TimeoutOption = Annotated[
    str | None,
    typer.Option("--timeout", metavar="TIME", help="Time for the whole run: 250ms, 10s, 5m, 1h, 7d, or seconds."),
]


def seconds_of(duration: str | None, option: str = "--timeout") -> float | None:
    """Return an option's duration in seconds. Raise UsageError."""
    if duration is None:
        return None
    from nika_core.api.options import parse_seconds  # only a command with a duration waits for the import

    return parse_seconds(duration, option)
