"""Declares the shell keyword. Imports nothing heavy."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import strictyaml as sy

from nika_core.plugin import Keyword, hookimpl

NIKA_API: Final = 1

SHELL: Final = Keyword(
    name="shell",
    summary="Runs a command with /bin/sh, or a program without a shell, and gives what it writes.",
    primary="command",
    synonyms=frozenset({"run", "script", "bash", "sh", "exec", "cmd"}),
    payload=sy.Map(
        {
            sy.Optional("command"): sy.Str(),
            sy.Optional("argv"): sy.Seq(sy.Str()),
            sy.Optional("workingDir"): sy.Str(),
            sy.Optional("env"): sy.EmptyDict() | sy.MapPattern(sy.Str(), sy.Str()),
            sy.Optional("stdin"): sy.Any(),
            sy.Optional("capture"): sy.Enum(["stdout", "stderr", "both", "json"]),
            sy.Optional("trust"): sy.Bool(),
        }
    ),
    step="nika_keyword_shell.step:ShellStep",
    facets="nika_keyword_shell.facets:ShellFacets",
    json_fields=frozenset({"stdin"}),
    verbatim_fields=frozenset({"capture", "trust"}),
    rendered_fields=frozenset({"command"}),
    default_timeout=30.0,
    default_max_output=100 * 1024,
    field_docs={
        "command": "What /bin/sh runs; a value in it reaches the command as one word's part, never as code.",
        "argv": "A program and its arguments, run without a shell, instead of command.",
        "workingDir": "Where it runs, relative to the workflow's folder (default: that folder).",
        "env": "Environment variables that are added to Nika's own.",
        "stdin": "What it can read from its standard input; a value that is not a text is given as JSON.",
        "capture": "stdout (default), stderr, both, or json: {exitCode, stdout, stderr}, never a failure for the code.",
        "trust": "true puts values into the command as text that the shell parses (default: false; validation warns).",
    },
)


@hookimpl
def nika_task_keywords() -> Iterable[Keyword]:
    """The shell keyword."""
    return (SHELL,)
