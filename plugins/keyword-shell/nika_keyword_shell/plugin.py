"""Declares the shell keyword. Imports nothing heavy."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from nika_core.plugin import Keyword, fields, hookimpl

NIKA_API: Final = 1

SHELL: Final = Keyword(
    name="shell",
    summary="Runs a command with /bin/sh, or a program without a shell, and gives what it writes.",
    primary="command",
    synonyms=frozenset({"run", "script", "bash", "sh", "exec", "cmd"}),
    payload=fields.Map(
        {
            fields.Optional("command"): fields.field(
                fields.Str(), "What /bin/sh runs; a value in it reaches the command as one word's part, never as code."
            ),
            fields.Optional("argv"): fields.field(
                fields.Seq(fields.Str()), "A program and its arguments, run without a shell, instead of command."
            ),
            fields.Optional("workingDir"): fields.field(
                fields.Str(), "Where it runs, relative to the workflow's folder (default: that folder)."
            ),
            fields.Optional("env"): fields.field(
                fields.EmptyDict() | fields.MapPattern(fields.Str(), fields.Str()),
                "Environment variables that are added to Nika's own.",
            ),
            fields.Optional("stdin"): fields.field(
                fields.Anything(),
                "What it can read from its standard input; a value that is not a text is given as JSON.",
            ),
            fields.Optional("capture"): fields.field(
                fields.Enum(["stdout", "stderr", "both", "json"]),
                "stdout (default), stderr, both, or json: {exitCode, stdout, stderr}, never a failure for the code.",
            ),
            fields.Optional("trust"): fields.field(
                fields.Bool(),
                "true puts values into the command as text that the shell parses (default: false; validation warns).",
            ),
        }
    ),
    step="nika_keyword_shell.step:ShellStep",
    facets="nika_keyword_shell.facets:ShellFacets",
    json_fields=frozenset({"stdin"}),
    verbatim_fields=frozenset({"capture", "trust"}),
    rendered_fields=frozenset({"command", "workingDir"}),
    folder_fields=frozenset({"workingDir"}),
    default_timeout=30.0,
    default_max_output=100 * 1024,
)


@hookimpl
def nika_task_keywords() -> Iterable[Keyword]:
    """Return the shell keyword."""
    return (SHELL,)
