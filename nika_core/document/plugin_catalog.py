"""What the document needs to know of plugins, and no more."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Protocol

from nika_core.errors import PluginError
from nika_core.plugin import Facets, Keyword, Source, TemplateSource


class PluginCatalog(Protocol):
    """The words that plugins bring. A plugin is loaded when its word is asked for."""

    def keywords(self) -> Collection[str]:
        """Return every keyword that is installed; load nothing."""
        ...

    def keyword(self, word: str) -> Keyword:
        """Return the keyword's description. Raise PluginError."""
        ...

    def facets(self, word: str) -> Facets:
        """Return the keyword's facets. Raise PluginError."""
        ...

    def sections(self) -> Mapping[str, Any]:
        """Return the root keys of all keywords, each with its validator. Load every plugin: call it only if needed."""
        ...

    def section(self, name: str) -> Any:
        """Return the validator of a root key; None if no keyword brings it. Raise PluginError if several plugins do."""
        ...

    def sources(self) -> Collection[str]:
        """Return every template source that is installed; load nothing."""
        ...

    def template_source(self, name: str) -> TemplateSource:
        """Return a template source's description. Raise PluginError."""
        ...

    def source(self, name: str) -> Source:
        """Return a template source. Raise PluginError."""
        ...

    def settings_keys(self) -> Collection[str]:
        """Return every word that may be a key of the project file; load nothing."""
        ...

    def settings_owner(self, key: str) -> Any:
        """Return the description of the plugin that owns a key of the project file; None: none. Raise PluginError."""
        ...

    def install_hint(self, word: str) -> str | None:
        """Return what to install for a keyword that nobody offers, if that is known."""
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
