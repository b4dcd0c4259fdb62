"""What the document needs to know of plugins, and no more."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Protocol

from nika_core.errors import PluginError
from nika_core.plugin import Facets, Keyword, Source, TemplateSource


class PluginCatalog(Protocol):
    """The words that plugins bring. A plugin is loaded when its word is asked for."""

    def keywords(self) -> Collection[str]:
        """Every keyword that is installed; loads nothing."""
        ...

    def keyword(self, word: str) -> Keyword:
        """The keyword's description. Raises PluginError."""
        ...

    def facets(self, word: str) -> Facets:
        """The keyword's facets. Raises PluginError."""
        ...

    def sections(self) -> Mapping[str, Any]:
        """The root keys of all keywords, each with its validator. Loads every plugin: asked only when one is needed."""
        ...

    def section(self, name: str) -> Any:
        """The validator of a root key; None if no keyword brings it. Raises PluginError if several plugins do."""
        ...

    def sources(self) -> Collection[str]:
        """Every template source that is installed; loads nothing."""
        ...

    def template_source(self, name: str) -> TemplateSource:
        """A template source's description. Raises PluginError."""
        ...

    def source(self, name: str) -> Source:
        """A template source. Raises PluginError."""
        ...

    def settings_keys(self) -> Collection[str]:
        """Every word that may be a key of the project file; loads nothing."""
        ...

    def settings_owner(self, key: str) -> Any:
        """The description of the plugin that has a key of the project file; None if none has. Raises PluginError."""
        ...

    def install_hint(self, word: str) -> str | None:
        """What to install for a keyword that nobody offers, where that is known."""
        ...


def called_otherwise(catalog: PluginCatalog, word: str) -> str | None:
    """Return a hint: the keyword that other systems call by this word; None if there is none."""
    for ours in sorted(catalog.keywords()):
        try:
            if word in catalog.keyword(ours).synonyms:
                return f"did you mean `{ours}`?"
        except PluginError:  # a broken plugin is only reported if its word is used
            continue
    return None
