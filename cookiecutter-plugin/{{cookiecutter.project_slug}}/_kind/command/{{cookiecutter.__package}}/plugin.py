"""Declares the command. Nika imports this module when the command is called, and `command.py` right after it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from nika_core.plugin import Command, hookimpl

NIKA_API: Final = 1  # the version of the plugin interface that this module was written for


@hookimpl
def nika_commands() -> Iterable[Command]:
    """Return the command."""
    return [Command(name="{{cookiecutter.word}}", app="{{cookiecutter.__package}}.command:main")]
