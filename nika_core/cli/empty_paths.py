"""Refuses an empty path: `nika trust "$FOLDER"` with an unset variable must not mean the folder one is in."""

from __future__ import annotations

from typing import Any

from typer.models import TyperPath


def refuse_empty_paths(command: Any) -> None:
    """Make a command, and each command in it, refuse a path that is empty; `Path("")` would be this folder."""
    for each in getattr(command, "commands", {}).values():
        refuse_empty_paths(each)
    for parameter in command.params:
        if isinstance(parameter.type, TyperPath):
            _refuse_empty(parameter.type)


def _refuse_empty(kind: Any) -> None:
    convert = kind.convert

    def checked(value: Any, parameter: Any, context: Any) -> Any:
        if value == "":
            kind.fail("the path is empty; `.` is this folder.", parameter, context)
        return convert(value, parameter, context)

    kind.convert = checked
    kind.readable = False  # the library would say that a path is not readable, and neither the code nor what to do
