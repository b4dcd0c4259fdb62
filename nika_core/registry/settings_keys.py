"""Keys of the project file that plugins bring: each is the word of a plugin that has settings, whatever its kind."""

from __future__ import annotations

from typing import Any, Protocol

from nika_core import codes
from nika_core.errors import PluginError
from nika_core.registry.kinds import Kind
from nika_core.registry.scan import PluginRecord


class SettingsCatalog(Protocol):
    """The plugins that are installed."""

    def words(self, kind: Kind) -> list[str]:
        """Return the words that may be used."""
        ...

    def installed(self, kind: Kind) -> list[str]:
        """Return the words that are there, also those that may not be used."""
        ...

    def record(self, kind: Kind, word: str) -> PluginRecord:
        """Return the plugin that has the word. Raise PluginError."""
        ...

    def description(self, record: PluginRecord) -> Any:
        """Return what the plugin describes. Raise PluginError."""
        ...


def all_keys(catalog: SettingsCatalog) -> list[str]:
    """Return every installed word of the kinds that have settings, in alphabetical order; imports nothing."""
    return sorted({word for kind in Kind if kind.value.settings for word in catalog.installed(kind)})


def find_description(catalog: SettingsCatalog, key: str) -> Any:
    """Return the description of the plugin that has settings under a key; None if there is none.

    Raises:
        PluginError: its plugin is broken or may not be used, or two kinds of plugins have settings under it.
    """
    offering = [kind for kind in Kind if kind.value.settings and key in catalog.installed(kind)]
    usable = [kind for kind in offering if key in catalog.words(kind)]
    owners: list[tuple[PluginRecord, Any]] = []
    for kind in usable or offering:
        record = catalog.record(kind, key)
        description = catalog.description(record)
        if description.settings is not None:
            owners.append((record, description))
    if len(owners) > 1:
        names = " and ".join(f"the {record.kind.value.title} '{key}' ({record.origin})" for record, _ in owners)
        raise PluginError(
            codes.PLUGIN_CONFLICT,
            f"the key `{key}` of the project file is that of {names}",
            hint=f"block one of them in nika.yaml: plugins: {{block: [{owners[-1][0].id}]}}",
        )
    return owners[0][1] if owners else None


def has_settings(catalog: SettingsCatalog, kind: Kind, key: str) -> bool:
    """Return whether a key of the project file, which has a validator, is a word of this kind. Raise PluginError."""
    return key in catalog.words(kind) and catalog.description(catalog.record(kind, key)).settings is not None
