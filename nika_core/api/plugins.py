"""The installed plugins: which may be used, what they bring, whether they are what was locked."""

from __future__ import annotations

from pathlib import Path
from typing import Final, Unpack

from nika_core.api.options import WorkspaceOptions, open_workspace
from nika_core.registry import Kind, PluginStatus, Unmatched
from nika_core.registry.loading import Description
from nika_core.registry.lock import LOCK_NAME, lock_of, refuse_faults, require_lock, write_lock
from nika_core.registry.plugin_status import select_plugins
from nika_core.scaffold import NewPlugin, make_plugin

PLUGIN_KINDS: Final = tuple(kind.option for kind in Kind)  # what `new_plugin` makes


def plugins(*names: str, **options: Unpack[WorkspaceOptions]) -> tuple[PluginStatus, ...]:
    """Return every installed plugin with its status; none is imported. Raise UsageError.

    Args:
        names: only those with one of these: a word, `kind:word`, or the name of a distribution. Each has to be there.
        options: see `WorkspaceOptions`.
    """
    return tuple(select_plugins(open_workspace(None, options).installed.listing(), names))


def unmatched_plugins(**options: Unpack[WorkspaceOptions]) -> tuple[Unmatched, ...]:
    """Return the entries of allow, block and prefer lists that match nothing that is installed.

    Args:
        options: see `WorkspaceOptions`.
    """
    return tuple(open_workspace(None, options).installed.unmatched())


def describe_plugin(plugin: PluginStatus, **options: Unpack[WorkspaceOptions]) -> Description:
    """Import a plugin and return its description. Raise PluginError.

    Args:
        plugin: one of `plugins()`.
        options: see `WorkspaceOptions`.
    """
    return open_workspace(None, options).registry.description(plugin.record)


def check_plugins(*names: str, **options: Unpack[WorkspaceOptions]) -> tuple[PluginStatus, ...]:
    """Return every plugin with its status after each was tried, in a process apart from this one. Raise UsageError.

    Args:
        names: as for `plugins`.
        options: see `WorkspaceOptions`.
    """
    from nika_core.registry.probe import probed

    return tuple(probed(open_workspace(None, options).registry, names))


def lock_plugins(*, check: bool = False, **options: Unpack[WorkspaceOptions]) -> tuple[Path, int]:
    """Write the project's `nika.lock`; return its path and how many distributions are in it.

    Args:
        check: write nothing. Raise RefusedError if something differs.
        options: see `WorkspaceOptions`.

    Raises:
        RefusedError: something that is installed cannot be locked, such as an editable installation.
    """
    workspace = open_workspace(None, options)
    records = workspace.installed.allowed()
    path = workspace.project_folder / LOCK_NAME
    if check:
        require_lock(path, records)
    else:
        refuse_faults(records)
    entries = lock_of(records)
    if not check:
        write_lock(path, entries)
    return path, len(entries)


def new_plugin(
    word: str,
    folder: str | Path = ".",
    *,
    kind: str = "keyword",
    author: str | None = None,
    private: bool = False,
    name: str | None = None,
) -> Path:
    """Make a plugin's project, which passes its own tests, and return its folder. Raise UsageError.

    Args:
        word: what users will write.
        kind: one of `PLUGIN_KINDS`.
        private: never to be uploaded to a public index.
        name: the distribution's name; without it, derived.
    """
    return make_plugin(Path(folder), NewPlugin(word=word, kind=kind, author=author, private=private, name=name))
