"""The registry as the document layer sees it: words, and what stands behind them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from nika_core.errors import PluginError
from nika_core.plugin import Facets, Keyword, Source
from nika_core.registry import Kind, Registry
from nika_core.registry.guarded_facets import GuardedFacets
from nika_core.registry.guarded_source import GuardedSource


class RegistryCatalog:
    """Implements `nika_core.document.plugin_catalog.PluginCatalog`."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._facets: dict[str, Facets] = {}
        self._sources: dict[str, Source] = {}
        self._keywords: dict[str, Keyword] = {}

    def words(self) -> Collection[str]:
        """The keywords that are installed; one that may not be used says why when it is asked for."""
        return self._registry.installed(Kind.KEYWORD)

    def keyword(self, word: str) -> Keyword:
        """Raises PluginError."""
        found = self._keywords.get(word)
        if found is None:
            found = self._keywords[word] = self._registry.keyword(word)
        return found

    def facets(self, word: str) -> Facets:
        """Raises PluginError."""
        found = self._facets.get(word)
        if found is None:
            record = self._registry.record(Kind.KEYWORD, word)
            found = self._facets[word] = GuardedFacets(self._registry.facets(word), record)
        return found

    def sections(self) -> Mapping[str, Any]:
        """The root keys that keywords bring, with their validators. Imports all keyword plugins."""
        found: dict[str, Any] = {}
        for word in self._registry.words(Kind.KEYWORD):
            try:
                found.update(self.keyword(word).sections)
            except PluginError:  # who does not use its word is not touched
                continue
        return found

    def sources(self) -> Collection[str]:
        """The template sources that are installed."""
        return self._registry.installed(Kind.TEMPLATE_SOURCE)

    def source(self, name: str) -> Source:
        """Raises PluginError."""
        found = self._sources.get(name)
        if found is None:
            record = self._registry.record(Kind.TEMPLATE_SOURCE, name)
            found = self._sources[name] = GuardedSource(self._registry.source(name), record)
        return found

    def install_hint(self, word: str) -> str | None:
        """What to install for a keyword that is not there."""
        return self._registry.install_hint(Kind.KEYWORD, word)
