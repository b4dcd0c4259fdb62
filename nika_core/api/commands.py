"""The commands that plugins bring to the command line."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from nika_core.errors import PluginError, exit_code_of
from nika_core.registry.kinds import Kind
from nika_core.registry.metadata import summaries
from nika_core.registry.scan import PluginRecord, scan

if TYPE_CHECKING:
    from nika_core.registry import Registry

_LISTS: Final = ("NIKA_PLUGINS_ALLOW", "NIKA_PLUGINS_BLOCK")


def plugin_commands() -> dict[str, str]:
    """Return the commands of the installed plugins, each with the summary of its distribution; none is imported.

    Those that the project or the environment does not allow, or that are in conflict, are left out. Raises NikaError if
    the project cannot be opened.
    """
    records = _commands()
    if not _is_plain(records):
        registry, allowed = _registry(), []
        for word in registry.words(Kind.COMMAND):
            with suppress(PluginError):  # `nika plugins` shows it
                allowed.append(registry.record(Kind.COMMAND, word))
        records = allowed
    texts = summaries({record.distribution for record in records})
    return {record.word: texts.get(record.distribution, "") for record in records}


def load_command(name: str) -> Any:
    """Import a plugin's command and return its Typer app or function; None if no installed plugin has it.

    A command of Nika itself is a plugin's only if the project prefers it. Raises NikaError.
    """
    mine = [record for record in _commands() if record.word == name]
    if not mine:
        return None
    registry = _registry()
    if name in Kind.COMMAND.value.reserved and not registry.prefers(mine[0].id):
        return None
    try:
        return registry.command_app(name)
    except PluginError as error:
        error.exit_code = exit_code_of((error.problem(),))  # a list that refuses it is a refusal
        raise


def command_failed(name: str, what: str) -> PluginError:
    """Return the error of a plugin's command that failed, with its distribution and version."""
    from nika_core.registry.loading import broken

    return broken(_registry().record(Kind.COMMAND, name), what)


def _commands() -> list[PluginRecord]:
    return [record for record in scan() if record.kind is Kind.COMMAND]


def _is_plain(records: Sequence[PluginRecord]) -> bool:
    """Return whether nothing but the metadata decides: opening the project takes longer than printing a help."""
    words = [record.word for record in records]
    if len(set(words)) < len(words) or Kind.COMMAND.value.reserved.intersection(words):
        return False
    here = Path.cwd()
    return not any(name in os.environ for name in _LISTS) and not any(
        os.path.lexists(folder / "nika.yaml") for folder in (here, *here.parents)
    )


def _registry() -> Registry:
    from nika_core.app.workspace import Workspace

    return Workspace.open().registry
